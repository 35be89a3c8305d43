package prometheus_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const dashboards = "../../grafana/dashboards"

// A dashboard is what the checks read of one, in Grafana's classic form.
type dashboard struct {
	ID          any
	UID, Title  string
	Panels      []panel
	Templating  struct{ List []templateVariable }
	Annotations struct {
		List []struct{ Name, Expr string }
	}
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               datasource
	GridPos                  struct{ H, W, X, Y int }
	FieldConfig              struct {
		Defaults struct{ Unit string }
	}
	Targets []struct {
		Datasource   datasource
		Expr         string
		LegendFormat string
	}
}

type datasource struct{ Type, UID string }

type templateVariable struct {
	Name, Type string
	Query      any // of a data source its type, of a query an object
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dashboards, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("dashboards: %v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatalf("%s: %v", files[0], err)
	}
	return d
}

// What Grafana puts in the place of its variables.
var grafanaVariables = strings.NewReplacer(
	"$__rate_interval", "1m", "$__range", "1h",
	`=~"$job"`, `=~".+"`, `=~"$instance"`, `=~".+"`, `=~"$listener"`, `=~".+"`,
)

// query is an expression as Prometheus is asked it.
func query(t *testing.T, expr string) string {
	t.Helper()
	asked := grafanaVariables.Replace(expr)
	if strings.Contains(asked, "$") {
		t.Errorf("%s: no such variable", expr)
	}
	return asked
}

// Every panel says what it shows, has a unit, and asks for what the daemon has.
func TestDashboard(t *testing.T) {
	k := daemon(t)
	d := readDashboard(t)
	if d.ID != nil || d.UID == "" || d.Title == "" {
		t.Errorf("id %v, uid %q, title %q: wanted are null, one that stays, and one", d.ID, d.UID, d.Title)
	}
	ids := map[int]string{}
	exprs := 0
	for _, p := range d.Panels {
		name := fmt.Sprintf("panel %d (%s)", p.ID, p.Title)
		if other, ok := ids[p.ID]; ok {
			t.Errorf("%s has the ID of %s", name, other)
		}
		ids[p.ID] = name
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" {
			t.Errorf("%s: description %q, unit %q", name, p.Description, p.FieldConfig.Defaults.Unit)
		}
		if p.Datasource.UID != "${datasource}" {
			t.Errorf("%s is of the data source %q", name, p.Datasource.UID)
		}
		for _, target := range p.Targets {
			exprs++
			if target.Datasource.UID != "${datasource}" {
				t.Errorf("%s: a query of the data source %q", name, target.Datasource.UID)
			}
			labels, faults := k.check(query(t, target.Expr))
			for _, fault := range faults {
				t.Errorf("%s: %s", name, fault)
			}
			for _, match := range legendLabel.FindAllStringSubmatch(target.LegendFormat, -1) {
				if !slices.Contains(labels, match[1]) {
					t.Errorf("%s: the legend %q, and there is only %v", name, target.LegendFormat, labels)
				}
			}
		}
		if len(p.Targets) == 0 {
			t.Errorf("%s asks nothing", name)
		}
	}
	for _, a := range d.Annotations.List {
		if a.Expr == "" {
			continue
		}
		if _, faults := k.check(query(t, a.Expr)); len(faults) > 0 {
			t.Errorf("annotation %s: %v", a.Name, faults)
		}
	}
	if exprs == 0 {
		t.Error("no query found")
	}
}

var legendLabel = regexp.MustCompile(`\{\{ *(\w+) *\}\}`)

// The variables take their values from series that there are, and there is a panel for each metric of ours.
func TestDashboard_variables(t *testing.T) {
	k := daemon(t)
	d := readDashboard(t)
	for _, v := range d.Templating.List {
		if v.Type == "datasource" {
			continue
		}
		object, _ := v.Query.(map[string]any)
		text, _ := object["query"].(string)
		match := labelValues.FindStringSubmatch(text)
		if match == nil {
			t.Errorf("variable %s: %q is no label_values()", v.Name, text)
			continue
		}
		labels, faults := k.check(query(t, match[1]))
		if len(faults) > 0 || !slices.Contains(labels, match[2]) {
			t.Errorf("variable %s: no label %q among %v; %v", v.Name, match[2], labels, faults)
		}
	}

	text, err := os.ReadFile(filepath.Join(dashboards, "parley.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range k {
		base := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			base = strings.TrimSuffix(base, suffix)
		}
		if strings.HasPrefix(name, "parley_") && !strings.Contains(string(text), base) {
			t.Errorf("no panel shows %s", base)
		}
	}
}

var labelValues = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)

// No panel lies on another, and none sticks out of the 24 columns.
func TestDashboard_grid(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	for i, p := range d.Panels {
		if p.GridPos.X < 0 || p.GridPos.X+p.GridPos.W > 24 || p.GridPos.W < 1 || p.GridPos.H < 1 {
			t.Errorf("%s: %+v", p.Title, p.GridPos)
		}
		for _, q := range d.Panels[:i] {
			if p.GridPos.X < q.GridPos.X+q.GridPos.W && q.GridPos.X < p.GridPos.X+p.GridPos.W &&
				p.GridPos.Y < q.GridPos.Y+q.GridPos.H && q.GridPos.Y < p.GridPos.Y+p.GridPos.H {
				t.Errorf("%q lies on %q", p.Title, q.Title)
			}
		}
	}
}
