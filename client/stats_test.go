package client_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/client"
)

// series is that of a hundred probes that took 1 to 100 ms, and of some that went wrong.
func series(t testing.TB) *client.Stats {
	t.Helper()
	s := client.NewStats(parse(t, "10.0.0.5:12000"))
	for i := range 100 {
		d := time.Duration(100-i) * time.Millisecond
		s.Add(client.Verdict{Kind: client.OK, Echoed: true, Timings: client.Timings{Connect: d, Answer: d / 10}, Total: 2 * d})
	}
	s.Add(client.Verdict{Kind: client.OK, Timings: client.Timings{Connect: 10 * time.Millisecond, Answer: time.Millisecond}, Total: time.Second})
	for _, kind := range []client.Kind{client.Timeout, client.Refused, client.Timeout} {
		s.Add(client.Verdict{Kind: kind, Total: time.Hour})
	}
	return s
}

func TestStats(t *testing.T) {
	t.Parallel()
	want := `--- 10.0.0.5:12000
104 probes, 101 ok, 2.9% loss: 1 refused, 2 timeout
connect  min=1.0ms avg=50.1ms p50=50.0ms p90=90.0ms p99=99.0ms max=100.0ms
echo     min=0.1ms avg=5.0ms p50=5.0ms p90=9.0ms p99=9.9ms max=10.0ms
answer   min=1.0ms avg=1.0ms p50=1.0ms p90=1.0ms p99=1.0ms max=1.0ms
total    min=2.0ms avg=109.9ms p50=102.0ms p90=182.0ms p99=200.1ms max=1000.0ms
`
	if diff := cmp.Diff(want, series(t).String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := client.NewStats(parse(t, "a:1")).String(), "--- a:1\n0 probes, 0 ok, 0.0% loss\n"; got != want {
		t.Errorf("nothing: got %q, want %q", got, want)
	}
}

func TestStatsJSON(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(series(t))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"address":"10.0.0.5:12000","probes":104,"ok":101,"loss":0.028846,"verdicts":{"ok":101,"refused":1,"timeout":2},` +
		`"connect_ms":{"min":1,"avg":50.099,"p50":50.015,"p90":90.047,"p99":99.007,"max":100},` +
		`"echo_ms":{"min":0.1,"avg":5.05,"p50":5.003,"p90":9.007,"p99":9.903,"max":10},` +
		`"answer_ms":{"min":1,"avg":1,"p50":1,"p90":1,"p99":1,"max":1},` +
		`"total_ms":{"min":2,"avg":109.901,"p50":102.015,"p90":182.015,"p99":200.063,"max":1000}}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// However many probes there are, the statistics take the same room.
func TestStatsRoom(t *testing.T) {
	s := series(t)
	v := client.Verdict{Kind: client.OK, Echoed: true, Timings: client.Timings{DNS: 1, Connect: 2 * time.Hour, Greeting: 3, Answer: 4}, Total: 3 * time.Hour}
	s.Add(v)
	if n := testing.AllocsPerRun(1000, func() { s.Add(v) }); n != 0 {
		t.Errorf("%v allocations a probe", n)
	}
}
