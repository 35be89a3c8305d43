package server_test

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"parley/server"
)

var update = flag.Bool("update", false, "write the golden files anew")

// All series exist from the start, at 0, and their names, types and labels are somebody's dashboard.
func TestMetrics_golden(t *testing.T) {
	t.Parallel()
	srv := server.New(server.Config{})
	for _, name := range []string{"echo", "happy"} {
		srv.NewListener(server.ListenerConfig{Label: name + "://:0", HandlerName: name, Handler: echo("")})
	}
	// Two listeners of the same label and handler are one in the metrics.
	srv.NewListener(server.ListenerConfig{Label: "echo://:0", HandlerName: "echo", Handler: echo("")})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(srv)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&got, f); err != nil {
			t.Fatal(err)
		}
	}
	const golden = "testdata/metrics.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the metrics are not those of %s (-want +got):\n%s", golden, diff)
	}
	for _, reason := range server.Reasons() {
		if n := strings.Count(got.String(), fmt.Sprintf("reason=%q", reason)); n != 2 {
			t.Errorf("%d series for %v, want one a listener", n, reason)
		}
	}
}

func TestMetrics_lint(t *testing.T) {
	t.Parallel()
	srv := server.New(server.Config{})
	srv.NewListener(server.ListenerConfig{Label: "echo://:0", HandlerName: "echo", Handler: echo("")})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(srv)
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Error(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// What is on its way is counted, and what was stays counted.
func TestMetrics_counted(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, echo("ECHO: "))
		c := s.dial()
		c.send("a\nbc\nd")
		c.want("ECHO: a", "ECHO: bc")
		c.closeWrite()
		c.wantEnd("ECHO: d")
		c.Close()
		s.wantEnd(server.ClientClosed)
		m := s.metrics()
		for name, want := range map[string]float64{
			"parley_connections_accepted_total": 1,
			"parley_connections_active":         0,
			"parley_messages_total":             3,
			"parley_received_bytes_total":       6,
			"parley_sent_bytes_total":           25,
		} {
			if got := m.of(name); got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
	})
}

// Scraping sees what is still going on.
func TestMetrics_live(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo("ECHO: "))
		c := s.dial()
		c.send("a\nbc\nd")
		c.want("ECHO: a", "ECHO: bc")
		synctest.Wait()
		m := s.metrics()
		for name, want := range map[string]float64{
			"parley_connections_accepted_total": 1,
			"parley_connections_active":         1,
			"parley_connections_closed_total":   0,
			"parley_messages_total":             2,
			"parley_received_bytes_total":       6,
			"parley_sent_bytes_total":           17,
		} {
			if got := m.of(name); got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
	})
}

// Ten thousand addresses make no series.
func TestMetrics_manyAddresses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), caps(0, 100))
		before := s.metrics().series()
		ip := netip.MustParseAddr("10.0.0.0")
		for range 10_000 {
			ip = ip.Next()
			nc, err := s.socket.dial(ip)
			if err != nil {
				t.Fatal(err)
			}
			nc.Close()
		}
		if n := s.metrics().series(); n != before {
			t.Errorf("%d series, and %d before", n, before)
		}
	})
}
