package server_test

import (
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/server"
)

// After any mix of endings the books are right, and nothing is left: no goroutine, no file, no series. This test runs
// beside no other, whose files and goroutines it would see.
func TestLedger(t *testing.T) {
	const each, together = 167, 50
	goroutines, files := goleak.IgnoreCurrent(), openFiles(t)
	var floods floods
	s := serve(t, overTCP, endsAsTold(&floods), limits(server.Limits{MaxMessage: 100}))
	// Nobody is to meet a timeout that is meant for somebody else, however busy this machine is.
	timeouts := map[server.Reason]socket{
		server.MessageTimeout: s.also(server.Limits{MessageTimeout: 500 * time.Millisecond}),
		server.IdleTimeout:    s.also(server.Limits{IdleTimeout: 500 * time.Millisecond}),
		server.WriteTimeout:   s.also(server.Limits{WriteTimeout: 500 * time.Millisecond}),
	}
	series := s.metrics().series()
	want := make(map[server.Reason]float64)
	turns := make(chan struct{}, together)
	var done sync.WaitGroup
	for range each {
		for _, e := range endings {
			want[e.reason]++
			where := timeouts[e.reason]
			if where == nil {
				where = s.socket
				turns <- struct{}{}
			}
			done.Go(func() {
				if where == s.socket {
					defer func() { <-turns }()
				}
				c := s.dialTo(where, netip.Addr{})
				defer c.Close()
				e.end(c, &floods)
			})
		}
	}
	done.Wait()
	s.stop(drainTimeout)
	m := s.metrics()
	for _, reason := range server.Reasons() {
		if n := m.of("parley_connections_closed_total", reason.String()); n != want[reason] {
			t.Errorf("%v ended for %v, want %v", n, reason, want[reason])
		}
	}
	if n, want := m.of("parley_connections_accepted_total"), float64(each*len(endings)); n != want {
		t.Errorf("%v accepted, want %v", n, want)
	}
	if n := m.series(); n != series {
		t.Errorf("%d series, and %d before", n, series)
	}
	if err := goleak.Find(goroutines); err != nil {
		t.Error(err)
	}
	if n := openFiles(t); n != files {
		t.Errorf("%d files are open, and %d before", n, files)
	}
}

// openFiles returns how many files this process has open, where the system tells.
func openFiles(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
