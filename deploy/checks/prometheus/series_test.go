package prometheus_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"parley/deploy/checks/internal/parley"
)

// A metric is what is known of the series of one name: the values of each label that there are.
type metric map[string]set

type set map[string]bool

// known is every metric by its name.
type known map[string]metric

// targetLabels are those that Prometheus gives to all that it scrapes. Their values depend on where it runs.
var targetLabels = []string{"job", "instance"}

// daemon returns what a real daemon shows at its start, when every series is there already, and what Prometheus adds to it.
func daemon(t *testing.T) known {
	t.Helper()
	shown.once.Do(func() {
		_, url := parley.Admin(t, "echo://127.0.0.1:0", "echo+tls://127.0.0.1:0", "chat://127.0.0.1:0")
		shown.metrics, shown.err = scrape(url)
	})
	if shown.err != nil || shown.metrics == nil {
		t.Fatalf("the metrics of the daemon: %v", shown.err)
	}
	all := known{"up": {}}
	for name, family := range shown.metrics {
		for _, m := range family.GetMetric() {
			all.add(name, family.GetType(), m)
		}
	}
	for _, m := range all {
		for _, label := range targetLabels {
			m[label] = nil
		}
	}
	return all
}

// shown is what one daemon showed to all tests.
var shown struct {
	once    sync.Once
	metrics map[string]*dto.MetricFamily
	err     error
}

func scrape(url string) (map[string]*dto.MetricFamily, error) {
	resp, err := http.Get(url + "/metrics")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text := expfmt.NewTextParser(model.UTF8Validation)
	return text.TextToMetricFamilies(resp.Body)
}

// add adds the series that Prometheus makes of one metric.
func (k known) add(name string, kind dto.MetricType, m *dto.Metric) {
	own := make(map[string]string)
	for _, pair := range m.GetLabel() {
		own[pair.GetName()] = pair.GetValue()
	}
	with := func(label string, value float64) map[string]string {
		all := maps.Clone(own)
		all[label] = fmt.Sprint(value)
		return all
	}
	switch kind {
	case dto.MetricType_HISTOGRAM:
		for _, b := range m.GetHistogram().GetBucket() {
			k.series(name+"_bucket", with("le", b.GetUpperBound()))
		}
		k.series(name+"_sum", own)
		k.series(name+"_count", own)
	case dto.MetricType_SUMMARY:
		for _, q := range m.GetSummary().GetQuantile() {
			k.series(name, with("quantile", q.GetQuantile()))
		}
		k.series(name+"_sum", own)
		k.series(name+"_count", own)
	default:
		k.series(name, own)
	}
}

func (k known) series(name string, values map[string]string) {
	if k[name] == nil {
		k[name] = metric{}
	}
	for label, value := range values {
		if k[name][label] == nil {
			k[name][label] = set{}
		}
		k[name][label][value] = true
	}
}

// check returns the labels of what an expression yields, and what is wrong with it: metrics and labels that there are not,
// and values of labels that never occur.
func (k known) check(expr string) (result, faults []string) {
	tree, err := parser.ParseExpr(expr)
	if err != nil {
		return nil, []string{err.Error()}
	}
	c := checker{known: k}
	result = c.labels(tree)
	slices.Sort(result)
	return result, c.faults
}

type checker struct {
	known  known
	faults []string
}

func (c *checker) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// labels returns the labels that the result of an expression has.
func (c *checker) labels(node parser.Expr) []string {
	switch e := node.(type) {
	case *parser.VectorSelector:
		return c.selector(e)
	case *parser.MatrixSelector:
		return c.labels(e.VectorSelector)
	case *parser.SubqueryExpr:
		return c.labels(e.Expr)
	case *parser.ParenExpr:
		return c.labels(e.Expr)
	case *parser.UnaryExpr:
		return c.labels(e.Expr)
	case *parser.StepInvariantExpr:
		return c.labels(e.Expr)
	case *parser.AggregateExpr:
		within := c.labels(e.Expr)
		c.wants("by", e.Grouping, within)
		if e.Without {
			return minus(within, e.Grouping...)
		}
		return e.Grouping
	case *parser.Call:
		return c.call(e)
	case *parser.BinaryExpr:
		return c.binary(e)
	case *parser.NumberLiteral, *parser.StringLiteral:
		return nil
	default:
		c.fault("%s: the check does not know %T", node, node)
		return nil
	}
}

func (c *checker) selector(e *parser.VectorSelector) []string {
	m, ok := c.known[e.Name]
	if !ok {
		c.fault("%s: there is no metric %q", e, e.Name)
		return nil
	}
	for _, matcher := range e.LabelMatchers {
		if matcher.Name == model.MetricNameLabel {
			continue
		}
		values, ok := m[matcher.Name]
		switch {
		case !ok:
			c.fault("%s: %s has no label %q", e, e.Name, matcher.Name)
		case values == nil || matcher.Name == "listener" || matcher.Name == "handler":
			// What they are is for whoever runs it to say.
		default:
			for value := range strings.SplitSeq(matcher.Value, "|") {
				if whole, ok := strings.CutSuffix(value, ".0"); !values[value] && !(ok && values[whole]) {
					c.fault("%s: there is never %s=%q", e, matcher.Name, value)
				}
				if isFloat(matcher.Name) && !strings.Contains(value, ".") && !strings.Contains(matcher.Value, value+".0") {
					c.fault("%s: %s=%q is %s.0 in OpenMetrics", e, matcher.Name, value, value)
				}
			}
		}
	}
	return slices.Collect(maps.Keys(m))
}

// isFloat reports whether the values of a label are numbers: what is 1 in the text format, Prometheus gets as 1.0 when it asks for
// OpenMetrics, as it does.
func isFloat(label string) bool { return label == "le" || label == "quantile" }

func (c *checker) call(e *parser.Call) []string {
	var result []string
	for _, arg := range e.Args {
		result = append(result, c.labels(arg)...)
	}
	switch e.Func.Name {
	case "histogram_quantile":
		c.wants("histogram_quantile", []string{"le"}, result)
		return minus(result, "le")
	case "absent":
		result = nil
		selector, ok := e.Args[0].(*parser.VectorSelector)
		if !ok {
			c.fault("%s: the check knows absent() of a selector only", e)
			return nil
		}
		for _, matcher := range selector.LabelMatchers {
			if matcher.Type == labels.MatchEqual && matcher.Name != model.MetricNameLabel {
				result = append(result, matcher.Name)
			}
		}
	case "label_replace", "label_join":
		c.fault("%s: the check does not know what labels it makes", e)
	}
	return result
}

func (c *checker) binary(e *parser.BinaryExpr) []string {
	left, right := c.labels(e.LHS), c.labels(e.RHS)
	if e.VectorMatching == nil { // A number on one side.
		return append(left, right...)
	}
	c.wants("on the left", e.VectorMatching.MatchingLabels, left)
	c.wants("on the right", e.VectorMatching.MatchingLabels, right)
	switch e.VectorMatching.Card {
	case parser.CardManyToOne:
		c.wants("group_left", e.VectorMatching.Include, right)
		return append(left, e.VectorMatching.Include...)
	case parser.CardOneToMany:
		c.wants("group_right", e.VectorMatching.Include, left)
		return append(right, e.VectorMatching.Include...)
	case parser.CardManyToMany: // and, or, unless
		if e.Op == parser.LOR {
			return append(left, right...)
		}
		return left
	}
	if !e.VectorMatching.On && !sameLabels(left, right) {
		c.fault("%s: one side has %v, the other %v: nothing matches", e, left, right)
	}
	if e.VectorMatching.On {
		return e.VectorMatching.MatchingLabels
	}
	return minus(left, e.VectorMatching.MatchingLabels...)
}

// wants notes each label that is asked for and not there.
func (c *checker) wants(where string, asked, there []string) {
	for _, label := range asked {
		if !slices.Contains(there, label) {
			c.fault("%s: no label %q among %v", where, label, there)
		}
	}
}

func sameLabels(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}

func minus(all []string, some ...string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(label string) bool { return slices.Contains(some, label) })
}

// The check itself finds what it is to find.
func TestCheck(t *testing.T) {
	k := daemon(t)
	for expr, want := range map[string]string{
		`parley_connections_active`:                                                       "",
		`sum by (listener) (rate(parley_connections_accepted_total[5m]))`:                 "",
		`parley_connections_closed_total{reason=~"reset|lost"}`:                           "",
		`histogram_quantile(0.9, sum by (le) (parley_handshake_duration_seconds_bucket))`: "",
		`parley_clients`: `no metric "parley_clients"`,
		`parley_connections_active{reason="reset"}`:                                          `no label "reason"`,
		`sum by (reason) (parley_connections_active)`:                                        `no label "reason"`,
		`parley_connections_closed_total{reason="full"}`:                                     `never reason="full"`,
		`parley_connections_closed_total{reason=~"reset|gone"}`:                              `never reason="gone"`,
		`parley_connection_duration_seconds_bucket{le=~"1|1.0"}`:                             "",
		`parley_connection_duration_seconds_bucket{le=~"2|2.0"}`:                             `never le="2"`,
		`parley_connection_duration_seconds_bucket{le="1"}`:                                  `is 1.0 in OpenMetrics`,
		`histogram_quantile(0.9, sum by (listener) (parley_handshake_duration_seconds_sum))`: `no label "le"`,
		`parley_connections_active / parley_log_dropped_total`:                               `nothing matches`,
		`process_open_fds / on (pod) process_max_fds`:                                        `no label "pod"`,
		`rate(parley_messages_total[5m)`:                                                     `unexpected`,
	} {
		_, faults := k.check(expr)
		if got := strings.Join(faults, "; "); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", expr, got, want)
		}
	}
	if got, _ := k.check(`sum by (job, reason) (parley_connections_closed_total)`); !slices.Equal(got, []string{"job", "reason"}) {
		t.Errorf("labels of the result: %v", got)
	}
}
