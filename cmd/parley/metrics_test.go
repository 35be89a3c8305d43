//go:build linux

package main_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A daemon whose listeners bring about most of the reasons for which connections end.
var mixedListeners = []string{
	"--log-level=debug",
	"echo://127.0.0.1:0?max_message=100",
	"happy://127.0.0.1:0",
	"counting://127.0.0.1:0",
	"echo://127.0.0.1:0?idle_timeout=30ms",
	"echo://127.0.0.1:0?message_timeout=30ms&flush=0s",
	"echo://127.0.0.1:0?deny=127.0.0.0/8",
	"echo://127.0.0.1:0?wire=raw&prefix=",
	"echo://127.0.0.1:0?max_conns=1",
	"echo://127.0.0.1:0?max_conns_per_ip=1",
	"chargen://127.0.0.1:0?max_lifetime=30ms",
}

// A sort of client: what it does once it is connected, and which listener it takes. What it reads does not matter here; one that
// was turned away reads and sends all the same.
type sort struct {
	listener int
	act      func(*client)
}

var sorts = map[string]sort{
	"says nothing and leaves": {0, func(c *client) {}},
	"converses":               {0, func(c *client) { _ = c.send("hi\nthere\n"); _ = c.halfClose(); readAll(c) }},
	"knows no newline":        {0, func(c *client) { _ = c.send("Test"); _ = c.halfClose(); readAll(c) }},
	"leaves in the middle":    {0, func(c *client) { _ = c.send("hi\nthe") }},
	"resets":                  {0, func(c *client) { _ = c.send("hi\n"); _, _ = c.line(); c.reset() }},
	"talks without end":       {0, func(c *client) { _ = c.send(strings.Repeat("x", 200)); readAll(c) }},
	"speaks TLS": {0, func(c *client) {
		_ = c.send("\x16\x03\x01\x00\xf1\x01\x00\x00\xed\x03\x03")
		_ = c.halfClose()
		readAll(c)
	}},
	"is happy":                     {1, func(c *client) { _ = c.send("hello\n"); readAll(c) }},
	"is counted":                   {2, func(c *client) { _ = c.send("one\n"); _ = c.halfClose(); readAll(c) }},
	"is silent for too long":       {3, readAll},
	"begins a message and waits":   {4, func(c *client) { _ = c.send("hal"); readAll(c) }},
	"may not connect":              {5, readAll},
	"sends whatever":               {6, func(c *client) { _ = c.send("\x00\xff\x01"); _ = c.halfClose(); readAll(c) }},
	"is one too many":              {7, readAll},
	"is one too many from there":   {8, readAll},
	"has been there for too long":  {9, readAll},
	"does not read what it is due": {6, func(c *client) { _ = c.send(strings.Repeat("y", 100_000)) }},
}

// readAll reads to the end.
func readAll(c *client) {
	for {
		if _, err := c.line(); err != nil {
			return
		}
	}
}

// Whatever clients do, the books tally, every connection has its line in the log with the reason that is counted, no series comes
// or goes, and nothing is left of them.
func TestMetricsOfAMix(t *testing.T) {
	t.Parallel()
	d := serve(t, mixedListeners...)
	// The first connection and the first scrapes open what stays open.
	c := dial(t, d.addresses[0])
	if _, err := c.greeting(); err != nil {
		t.Fatal(err)
	}
	c.Close()
	before := d.awaitQuiet()

	// Two have the only place there is.
	holders := []*client{dial(t, d.addresses[7]), dial(t, d.addresses[8])}
	for _, c := range holders {
		if _, err := c.greeting(); err != nil {
			t.Fatal(err)
		}
	}
	const each = 20
	var clients sync.WaitGroup
	for _, s := range sorts {
		for range each {
			clients.Go(func() {
				c, err := connect(d.addresses[s.listener])
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				s.act(c)
			})
		}
	}
	if err := d.scrape().balance(); err != nil {
		t.Error(err)
	}
	clients.Wait()
	for _, c := range holders {
		c.Close()
	}
	after := d.awaitQuiet()
	if got, want := after.sum("parley_connections_accepted_total"), float64(1+len(holders)+each*len(sorts)); got != want {
		t.Errorf("%v accepted, want %v", got, want)
	}
	if diff := cmp.Diff(before.series(), after.series()); diff != "" {
		t.Errorf("series (-before +after):\n%s", diff)
	}
	if got, want := after.sum("parley_connection_duration_seconds_count"), after.sum("parley_connections_accepted_total"); got > want {
		t.Errorf("%v durations of %v connections", got, want)
	}
	for _, name := range []string{"go_goroutines", "process_open_fds"} {
		eventually(t, fmt.Sprintf("%s goes back to %v", name, before[name]), func() bool { return d.scrape()[name] <= before[name] })
	}
	for _, name := range []string{"parley_accept_errors_total", "parley_handler_panics_total", "parley_log_dropped_total"} {
		if got := after.sum(name); got != 0 {
			t.Errorf("%s is %v", name, got)
		}
	}
	d.stop()

	// What the log says is what was counted.
	counted, logged := make(map[string]float64), make(map[string]float64)
	for series, n := range after {
		if match := closedSeries.FindStringSubmatch(series); match != nil && n != 0 {
			counted[match[1]] += n
		}
	}
	ids := make(map[int]bool)
	for _, match := range closedLine.FindAllStringSubmatch(d.stdout.String(), -1) {
		id, err := strconv.Atoi(match[1])
		must(t, err)
		if ids[id] {
			t.Errorf("two lines about the end of clientid %d", id)
		}
		ids[id] = true
		logged[match[2]]++
	}
	if diff := cmp.Diff(counted, logged); diff != "" {
		t.Errorf("connections by reason (-counted +logged):\n%s", diff)
	}
	t.Logf("by reason: %v", counted)
	for _, reason := range []string{"client_closed", "done", "server_full", "too_many_from_ip", "denied", "line_too_long", "idle_timeout", "message_timeout", "lifetime", "reset"} {
		if counted[reason] == 0 {
			t.Errorf("nobody ended with %s", reason)
		}
	}
}

var (
	closedSeries = regexp.MustCompile(`^parley_connections_closed_total\{.*reason="(\w+)"\}$`)
	closedLine   = regexp.MustCompile(`"msg":"connection closed","clientid":(\d+),.*"reason":"(\w+)"`)
)

// The metrics of a daemon that nobody has connected to yet: every series of ours, and the names of those that the libraries
// bring. A series that goes, or comes, is somebody's alert or bill.
func TestMetricsGolden(t *testing.T) {
	t.Parallel()
	s := serve(t, "echo://127.0.0.1:0", "happy://127.0.0.1:0").scrape()
	var got []string
	for _, series := range s.series() {
		if name, labels, _ := strings.Cut(series, "{"); !strings.HasPrefix(name, "parley_") {
			series = name
		} else if name == "parley_build_info" {
			series = name + "{" + labelValue.ReplaceAllString(labels, `="..."`)
		}
		got = append(got, series)
	}
	got = slices.Compact(got)
	for series, value := range s {
		if strings.HasPrefix(series, "parley_") && !strings.HasPrefix(series, "parley_build_info") && value != 0 {
			t.Errorf("%s is %v", series, value)
		}
	}

	const golden = "testdata/metrics.golden"
	if *update {
		must(t, os.WriteFile(golden, []byte(strings.Join(got, "\n")+"\n"), 0o644))
	}
	text, err := os.ReadFile(golden)
	must(t, err)
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(string(text)), "\n"), got); diff != "" {
		t.Errorf("series (-golden +daemon; -update writes them):\n%s", diff)
	}
}

var labelValue = regexp.MustCompile(`="[^"]*"`)
