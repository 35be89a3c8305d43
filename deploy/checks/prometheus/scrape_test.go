package prometheus_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/deploy/checks/internal/parley"
)

// A real Prometheus with our prometheus.yml scrapes a real daemon where the file has it: every rule is evaluated, and every panel
// and variable of the dashboard gets an answer that is not empty.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	network := parley.NewNetwork(t, "127.0.0.1 parley")
	start := func(name string, args ...string) *parley.Process {
		return parley.Start(t, network.Command(name, args...))
	}
	// The admin side as in the image: on every address, and asked for by a name.
	daemon := start(parley.Binary, "serve", "--log-level=warn", "--admin=:12001", "echo://:12000", "echo://:12002?max_message=10", "echo+tls://:7443")
	// Clients, and some whose message is too long.
	start(parley.Binary, "probe", "-c", "10000", "-i", "100ms", "127.0.0.1:12000")
	start(parley.Binary, "probe", "-c", "10000", "-i", "100ms", "-m", "more than ten bytes", "127.0.0.1:12002")

	config, err := filepath.Abs(filepath.Join(folder, "prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	start("prometheus", "--config.file="+config, "--storage.tsdb.path="+t.TempDir(), "--web.listen-address=127.0.0.1:9090")

	ask := func(expr string) string {
		out, err := network.Command("promtool", "query", "instant", "http://127.0.0.1:9090", expr).CombinedOutput()
		if err != nil {
			return "" // It has just started.
		}
		return strings.TrimSpace(string(out))
	}
	wanted := map[string]bool{`up{job="parley"} == 1`: true}
	d := readDashboard(t)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			wanted[query(t, target.Expr)] = true
		}
	}
	for _, v := range d.Templating.List {
		if object, ok := v.Query.(map[string]any); ok {
			text, _ := object["query"].(string)
			wanted["count by ("+labelValues.FindStringSubmatch(text)[2]+") ("+query(t, labelValues.FindStringSubmatch(text)[1])+")"] = true
		}
	}
	asked := len(wanted)
	for _, expr := range slices.Sorted(maps.Keys(wanted)) {
		parley.Eventually(t, "an answer to "+expr, func() bool { return ask(expr) != "" })
	}
	t.Logf("%d queries answered", asked)

	// What the rules made of it.
	var all rules
	read(t, filepath.Join(folder, "parley.rules.yml"), &all)
	there := 0
	for _, group := range all.Groups {
		there += len(group.Rules)
	}
	parley.Eventually(t, "every rule has been evaluated", func() bool {
		out, err := network.Command("curl", "-fsS", "http://127.0.0.1:9090/api/v1/rules").Output()
		if err != nil {
			return false
		}
		var answer struct {
			Data struct {
				Groups []struct {
					Rules []struct{ Name, Health, LastError, State string }
				}
			}
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			t.Fatal(err)
		}
		evaluated := 0
		for _, group := range answer.Data.Groups {
			for _, r := range group.Rules {
				if r.Health == "err" || r.State == "firing" {
					t.Fatalf("%s is %s %s: %s", r.Name, r.Health, r.State, r.LastError)
				}
				if r.Health == "ok" {
					evaluated++
				}
			}
		}
		return evaluated == there
	})
	parley.Eventually(t, "a recorded value", func() bool { return ask("listener:parley_connections_accepted:rate5m > 0") != "" })
	daemon.Stop()
	parley.Eventually(t, "the end of the daemon is noticed", func() bool { return ask(`ALERTS{alertname="ParleyDown"}`) != "" })
}
