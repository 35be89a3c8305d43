//go:build unix

package daemontest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A Scrape is what /metrics said, by series as they are written there.
type Scrape map[string]float64

// Scrape asks for the metrics.
func (d *Daemon) Scrape() Scrape {
	d.t.Helper()
	status, body := d.Get("/metrics")
	if status != http.StatusOK {
		d.t.Fatalf("/metrics: status %d:\n%s", status, body)
	}
	s := make(Scrape)
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimSpace(line)
		space := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			d.t.Fatalf("/metrics: %q: %v", line, err)
		}
		s[line[:space]] = value
	}
	return s
}

// Sum adds up a metric over its labels.
func (s Scrape) Sum(name string) float64 {
	var sum float64
	for series, value := range s {
		if series == name || strings.HasPrefix(series, name+"{") {
			sum += value
		}
	}
	return sum
}

// Reason is how many connections ended for it.
func (s Scrape) Reason(word string) float64 {
	var sum float64
	for series, value := range s {
		if strings.HasPrefix(series, "parley_connections_closed_total{") && strings.HasSuffix(series, `,reason="`+word+`"}`) {
			sum += value
		}
	}
	return sum
}

// Series returns the names and labels, sorted.
func (s Scrape) Series() []string { return slices.Sorted(maps.Keys(s)) }

// Balance returns an error if the books do not tally: every connection that was accepted is active or was closed.
func (s Scrape) Balance() error {
	accepted, active, closed := s.Sum("parley_connections_accepted_total"), s.Sum("parley_connections_active"), s.Sum("parley_connections_closed_total")
	if accepted != active+closed {
		return fmt.Errorf("%v accepted, but %v active and %v closed", accepted, active, closed)
	}
	return nil
}
