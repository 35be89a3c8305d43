package client

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"parley/protocol"
)

// Stats gathers the verdicts of a series. Its size does not depend on how many there are.
type Stats struct {
	address     Address
	probes      int
	interrupted bool // one more was under way
	verdicts    map[Kind]int
	rows        []*row // in the order of rowNames
}

// rowNames are the durations that are gathered, of probes that were ok.
var rowNames = []string{"dns", "connect", "tls", "greeting", "echo", "answer", "total"}

// NewStats returns the statistics of a series that has not begun.
func NewStats(address Address) *Stats {
	s := &Stats{address: address, verdicts: make(map[Kind]int)}
	for range rowNames {
		s.rows = append(s.rows, new(row))
	}
	return s
}

// Add adds a probe. One that was interrupted, whose verdict says nothing, is told and not counted.
func (s *Stats) Add(v Verdict) {
	if v.Interrupted() {
		s.interrupted = true
		return
	}
	s.probes++
	s.verdicts[v.Kind]++
	if v.Kind != OK {
		return
	}
	echo, answer := v.Timings.Answer, time.Duration(0)
	if !v.Echoed {
		echo, answer = answer, echo
	}
	for i, d := range []time.Duration{v.Timings.DNS, v.Timings.Connect, v.Timings.TLS, v.Timings.Greeting, echo, answer, v.Total} {
		if d > 0 {
			s.rows[i].add(d)
		}
	}
}

// Probes is how many there were, and OK how many of them were ok.
func (s *Stats) Probes() int { return s.probes }

// OK is how many probes were ok.
func (s *Stats) OK() int { return s.verdicts[OK] }

// Loss is the share of probes that were not ok, from 0 to 1.
func (s *Stats) Loss() float64 {
	if s.probes == 0 {
		return 0
	}
	return 1 - float64(s.OK())/float64(s.probes)
}

// String returns the summary, as ping has it: a line of counts, and a row for each duration.
func (s *Stats) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n", protocol.Printable(s.address.String(), false))
	fmt.Fprintf(&b, "%d probes, %d ok, %.1f%% loss", s.probes, s.OK(), 100*s.Loss())
	separator := ": "
	for _, kind := range Kinds() {
		if n := s.verdicts[kind]; n > 0 && kind != OK {
			fmt.Fprintf(&b, "%s%d %s", separator, n, kind)
			separator = ", "
		}
	}
	if s.interrupted {
		b.WriteString("; one more was interrupted")
	}
	b.WriteByte('\n')
	for i, r := range s.rows {
		if r.n > 0 {
			fmt.Fprintf(&b, "%-8s %v\n", rowNames[i], r)
		}
	}
	return b.String()
}

// MarshalJSON writes the summary as one object. Durations are in milliseconds, and those that were never taken are left out.
func (s *Stats) MarshalJSON() ([]byte, error) {
	o := struct {
		Address     string         `json:"address"`
		Probes      int            `json:"probes"`
		OK          int            `json:"ok"`
		Loss        float64        `json:"loss"` // from 0 to 1
		Verdicts    map[Kind]int   `json:"verdicts"`
		Interrupted bool           `json:"interrupted,omitempty"` // one more probe was under way
		DNS         *quantilesJSON `json:"dns_ms,omitempty"`
		Connect     *quantilesJSON `json:"connect_ms,omitempty"`
		TLS         *quantilesJSON `json:"tls_ms,omitempty"`
		Greeting    *quantilesJSON `json:"greeting_ms,omitempty"`
		Echo        *quantilesJSON `json:"echo_ms,omitempty"`
		Answer      *quantilesJSON `json:"answer_ms,omitempty"`
		Total       *quantilesJSON `json:"total_ms,omitempty"`
	}{Address: s.address.String(), Probes: s.probes, OK: s.OK(), Loss: math.Round(s.Loss()*1e6) / 1e6, Verdicts: s.verdicts, Interrupted: s.interrupted}
	for i, to := range []**quantilesJSON{&o.DNS, &o.Connect, &o.TLS, &o.Greeting, &o.Echo, &o.Answer, &o.Total} {
		*to = s.rows[i].json()
	}
	return json.Marshal(o)
}

type quantilesJSON struct {
	Min float64 `json:"min"`
	Avg float64 `json:"avg"`
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// A row is the distribution of one duration.
type row struct {
	n             int
	min, max, sum time.Duration
	distribution  *hdrhistogram.Histogram // in microseconds; nil: empty
}

// longest is the longest duration that is told apart from longer ones, and digits how many decimal digits are exact.
const (
	longest = time.Hour
	digits  = 3
)

func (r *row) add(d time.Duration) {
	if r.distribution == nil {
		r.distribution = hdrhistogram.New(1, longest.Microseconds(), digits)
		r.min = d
	}
	r.n++
	r.min, r.max, r.sum = min(r.min, d), max(r.max, d), r.sum+d
	_ = r.distribution.RecordValue(min(d, longest).Microseconds()) // It is within the bounds.
}

// percentile returns a percentile, of which the distribution knows no more than its digits.
func (r *row) percentile(p float64) time.Duration {
	d := time.Duration(r.distribution.ValueAtPercentile(p)) * time.Microsecond
	return min(max(d, r.min), r.max)
}

func (r *row) avg() time.Duration { return r.sum / time.Duration(r.n) }

// String returns the figures of a row that is not empty.
func (r *row) String() string {
	return fmt.Sprintf("min=%s avg=%s p50=%s p90=%s p99=%s max=%s", formatMillis(r.min), formatMillis(r.avg()),
		formatMillis(r.percentile(50)), formatMillis(r.percentile(90)), formatMillis(r.percentile(99)), formatMillis(r.max))
}

func (r *row) json() *quantilesJSON {
	if r.n == 0 {
		return nil
	}
	return &quantilesJSON{
		Min: millis(r.min), Avg: millis(r.avg()),
		P50: millis(r.percentile(50)), P90: millis(r.percentile(90)), P99: millis(r.percentile(99)), Max: millis(r.max),
	}
}
