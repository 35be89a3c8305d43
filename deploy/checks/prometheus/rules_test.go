// Package prometheus_test checks the rules, the dashboard and the configuration of deploy/prometheus and deploy/grafana: every
// expression against the series of a real daemon, the files by promtool, and all of them together by a real Prometheus.
package prometheus_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"parley/deploy/checks/internal/parley"
)

func TestMain(m *testing.M) { os.Exit(parley.Main(m)) }

const folder = "../../prometheus"

// rules is parley.rules.yml; ruleTests is what its tests say of alerts.
type rules struct {
	Groups []struct {
		Name  string
		Rules []rule
	}
}

type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

type ruleTests struct {
	Tests []struct {
		AlertTests []struct {
			Alertname string
			Alerts    []any `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
		ExprTests []struct{ Expr string } `yaml:"promql_expr_test"`
	}
}

func TestPromtool(t *testing.T) {
	t.Parallel()
	for _, words := range [][]string{
		{"check", "rules", "parley.rules.yml"},
		{"test", "rules", "parley.rules.test.yml"},
		{"check", "config", "prometheus.yml"},
	} {
		cmd := exec.Command("promtool", words...)
		cmd.Dir = folder
		t.Log(parley.Run(t, cmd))
	}
}

// Every expression is of what the daemon has, and every alert has a severity and says with labels that it has what is wrong.
func TestRules(t *testing.T) {
	k := daemon(t)
	var all rules
	read(t, filepath.Join(folder, "parley.rules.yml"), &all)
	alerts := 0
	for _, group := range all.Groups {
		for _, r := range group.Rules {
			labels, faults := k.check(r.Expr)
			for _, fault := range faults {
				t.Errorf("%s%s: %s", r.Record, r.Alert, fault)
			}
			if r.Record != "" { // The rules below may use it.
				k[r.Record] = metric{}
				for _, label := range labels {
					k[r.Record][label] = nil
				}
				continue
			}
			alerts++
			if severity := r.Labels["severity"]; severity != "warning" && severity != "critical" {
				t.Errorf("%s: severity %q", r.Alert, severity)
			}
			for _, name := range []string{"summary", "description"} {
				if r.Annotations[name] == "" {
					t.Errorf("%s has no %s", r.Alert, name)
				}
				for _, match := range labelOf.FindAllStringSubmatch(r.Annotations[name], -1) {
					if !slices.Contains(labels, match[1]) {
						t.Errorf("%s: its %s has $labels.%s, and there is only %v", r.Alert, name, match[1], labels)
					}
				}
			}
		}
	}
	if alerts == 0 {
		t.Error("no alert found")
	}
}

var labelOf = regexp.MustCompile(`\$labels\.(\w+)`)

// Every alert has a case in which it fires and one in which it does not, every recording rule has one.
func TestRuleTests(t *testing.T) {
	t.Parallel()
	var all rules
	var tests ruleTests
	read(t, filepath.Join(folder, "parley.rules.yml"), &all)
	read(t, filepath.Join(folder, "parley.rules.test.yml"), &tests)
	fires, silent, exprs := set{}, set{}, ""
	for _, test := range tests.Tests {
		for _, a := range test.AlertTests {
			if len(a.Alerts) > 0 {
				fires[a.Alertname] = true
			} else {
				silent[a.Alertname] = true
			}
		}
		for _, e := range test.ExprTests {
			exprs += e.Expr + "\n"
		}
	}
	for _, group := range all.Groups {
		for _, r := range group.Rules {
			switch {
			case r.Record != "" && !strings.Contains(exprs, r.Record):
				t.Errorf("no test of %s", r.Record)
			case r.Alert != "" && (!fires[r.Alert] || !silent[r.Alert]):
				t.Errorf("%s: a test where it fires: %v, where it does not: %v", r.Alert, fires[r.Alert], silent[r.Alert])
			}
		}
	}
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
