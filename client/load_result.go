package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"parley/protocol"
)

// A LoadResult is what came of a Load. What is counted and timed is what was answered while it was measured: after the warm-up,
// and before the end.
type LoadResult struct {
	Load Load // with its defaults filled in
	Wire string
	// TLS is what the first connection agreed upon in its TLS handshake, nil if there was none.
	TLS *tls.ConnectionState
	// Elapsed is how long it was measured.
	Elapsed time.Duration
	// Opened is how many connections stood at the beginning, and Survived how many were well at the end; with LoadChurn,
	// where each lives only for a message, Opened is how many had their message echoed, and Survived has no meaning.
	Opened, Survived int
	// Messages is how many were answered, and Sent and Received how many bytes went each way.
	Messages, Sent, Received uint64
	// Unsent is how many messages were due at the Rate and were never answered: most often because the answer to the one
	// before had not come.
	Unsent uint64
	// Errors has how many connections went wrong, by kind, and First is the first of them, nil if there was none.
	// Reasons has how many of them the server told why, by the word behind its ERR.
	Errors  map[Kind]int
	Reasons map[string]int
	First   *Error
	// Interrupted says that it ended before its time.
	Interrupted bool
	// Connect, Handshake, Greeting and Echo are how long connecting, the TLS handshake, the greeting and the answer to a message
	// took, and Lag how late
	// messages were sent that could have been sent when they were due: what of Echo is this side's doing. What was not
	// measured has a count of zero.
	Connect, Handshake, Greeting, Echo, Lag *Latencies
}

func (r *loadRun) result(ctx context.Context) *LoadResult {
	if r.Mode == LoadIdle { // Its last messages come after the end.
		r.during = r.sum()
	}
	res := &LoadResult{
		Load: r.Load, Wire: r.wireName, TLS: r.tls, Elapsed: r.elapsed,
		Messages: r.during.messages, Sent: r.during.sent, Received: r.during.received, Unsent: r.unsent,
		Errors: r.errors, Reasons: r.reasons, First: r.first, Interrupted: ctx.Err() != nil,
		Connect: r.connect.sum(), Handshake: r.handshake.sum(), Greeting: r.greeting.sum(), Echo: r.answer.sum(), Lag: r.lag.sum(),
	}
	res.Load.Address = r.asked
	if r.Mode == LoadChurn {
		res.Opened = int(r.during.conversations)
		return res
	}
	res.Opened = len(r.conns)
	for _, c := range r.conns {
		if c.survived {
			res.Survived++
		}
	}
	return res
}

// ErrorCount is how many connections went wrong.
func (r *LoadResult) ErrorCount() int {
	sum := 0
	for n := range maps.Values(r.Errors) {
		sum += n
	}
	return sum
}

// perSecond is what n comes to in a second.
func (r *LoadResult) perSecond(n uint64) float64 {
	if r.Elapsed == 0 {
		return 0
	}
	return float64(n) / r.Elapsed.Seconds()
}

// MessagesPerSecond is how many messages were answered in a second, or connections opened with LoadChurn, which is the same.
func (r *LoadResult) MessagesPerSecond() float64 { return r.perSecond(r.Messages) }

// A LoadRow is a line of figures.
type LoadRow struct {
	Name string
	*Latencies
}

// Rows returns the latencies that were measured.
func (r *LoadResult) Rows() []LoadRow {
	all := []LoadRow{{"connect", r.Connect}, {"tls", r.Handshake}, {"greeting", r.Greeting}, {"echo", r.Echo}, {"lag", r.Lag}}
	return slices.DeleteFunc(all, func(row LoadRow) bool { return row.Count() == 0 })
}

// Spoken says what the two sides spoke, as in "text wire, TLS 1.3".
func (r *LoadResult) Spoken() string {
	spoken := r.Wire + " wire"
	if r.TLS != nil {
		spoken += ", " + tls.VersionName(r.TLS.Version)
	}
	return spoken
}

// Headline says in a few words what the load was.
func (r *LoadResult) Headline() string {
	l := r.Load
	connections := plural(l.Connections, "connection")
	switch {
	case l.Mode == LoadChurn:
		return fmt.Sprintf("%s at a time, each for one message of %s", connections, plural(l.Size, "byte"))
	case l.Mode == LoadBulk:
		return fmt.Sprintf("%s, messages of %s without a pause", connections, plural(l.Size, "byte"))
	case l.Mode == LoadIdle:
		return fmt.Sprintf("%s held, a message of %s at the beginning and at the end", connections, plural(l.Size, "byte"))
	case l.Rate > 0:
		return fmt.Sprintf("%s, %g messages of %s due a second", connections, l.Rate, plural(l.Size, "byte"))
	}
	return fmt.Sprintf("%s, messages of %s, each sent when the answer to the one before has come", connections, plural(l.Size, "byte"))
}

// Summary says in one line what was done and what went wrong.
func (r *LoadResult) Summary() string {
	var b strings.Builder
	switch r.Load.Mode {
	case LoadChurn:
		fmt.Fprintf(&b, "%s in %.1fs, %.0f/s", plural(r.Opened, "connection"), r.Elapsed.Seconds(), r.perSecond(uint64(r.Opened)))
	case LoadBulk:
		fmt.Fprintf(&b, "%.2f GB out and %.2f GB back in %.1fs, %.3f GB/s each way", giga(float64(r.Sent)), giga(float64(r.Received)), r.Elapsed.Seconds(), giga(r.perSecond(r.Received)))
	case LoadIdle:
		fmt.Fprintf(&b, "%d of %s survived %.1fs", r.Survived, plural(r.Opened, "connection"), r.Elapsed.Seconds())
	default:
		fmt.Fprintf(&b, "%s in %.1fs, %.0f/s, %.1f MB/s each way", plural(int(r.Messages), "message"), r.Elapsed.Seconds(), r.MessagesPerSecond(), r.perSecond(r.Received)/1e6)
	}
	if r.Unsent > 0 {
		fmt.Fprintf(&b, ", %d due and not answered", r.Unsent)
	}
	fmt.Fprintf(&b, "; %s", plural(r.ErrorCount(), "error"))
	separator := ": "
	for _, kind := range Kinds() {
		if kind == Told {
			for _, reason := range slices.Sorted(maps.Keys(r.Reasons)) {
				fmt.Fprintf(&b, "%s%d %s %s", separator, r.Reasons[reason], kind, protocol.Printable(reason, false))
				separator = ", "
			}
			continue
		}
		if n := r.Errors[kind]; n > 0 {
			fmt.Fprintf(&b, "%s%d %s", separator, n, kind)
			separator = ", "
		}
	}
	if r.Interrupted {
		b.WriteString("; interrupted")
	}
	return b.String()
}

func giga(n float64) float64 { return n / 1e9 }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// String returns the summary: what the load was, what was done, the first error, and a row for each duration.
func (r *LoadResult) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s, %s\n%s\n%s\n", protocol.Printable(r.Load.Address.String(), false), r.Spoken(), r.Headline(), r.Summary())
	if r.First != nil {
		fmt.Fprintf(&b, "first error: %v\n", r.First)
	}
	for _, row := range r.Rows() {
		fmt.Fprintf(&b, "%-8s avg=%s", row.Name, formatMicros(row.Mean()))
		for _, p := range loadPercentiles {
			fmt.Fprintf(&b, " p%g=%s", p, formatMicros(row.Percentile(p)))
		}
		fmt.Fprintf(&b, " max=%s\n", formatMicros(row.Max()))
	}
	return b.String()
}

// loadPercentiles are those of the summary.
var loadPercentiles = []float64{50, 90, 99, 99.9}

// formatMicros writes milliseconds with as many digits as microseconds have.
func formatMicros(d time.Duration) string {
	return fmt.Sprintf("%.3fms", float64(d)/float64(time.Millisecond))
}

// MarshalJSON writes the result as one object. Latencies are in milliseconds, and what does not apply is left out.
func (r *LoadResult) MarshalJSON() ([]byte, error) {
	o := struct {
		Address     string         `json:"address"`
		Mode        LoadMode       `json:"mode"`
		Wire        string         `json:"wire"`
		Connections int            `json:"connections"`
		Size        int            `json:"size"`
		Rate        float64        `json:"rate,omitempty"`
		Elapsed     float64        `json:"elapsed_s"`
		Opened      int            `json:"opened"`
		Survived    *int           `json:"survived,omitempty"`
		Messages    uint64         `json:"messages"`
		Sent        uint64         `json:"bytes_sent"`
		Received    uint64         `json:"bytes_received"`
		PerSecond   float64        `json:"messages_per_s"`
		BytesPerSec float64        `json:"bytes_received_per_s"`
		Unsent      uint64         `json:"unsent"`
		Errors      int            `json:"errors"`
		Kinds       map[Kind]int   `json:"error_kinds"`
		Reasons     map[string]int `json:"err_reasons,omitempty"`
		First       string         `json:"first_error,omitempty"`
		Interrupted bool           `json:"interrupted"`
		*secureJSON
		Connect   *latenciesJSON `json:"connect_ms,omitempty"`
		Handshake *latenciesJSON `json:"tls_ms,omitempty"`
		Greeting  *latenciesJSON `json:"greeting_ms,omitempty"`
		Echo      *latenciesJSON `json:"echo_ms,omitempty"`
		Lag       *latenciesJSON `json:"lag_ms,omitempty"`
	}{
		Address: r.Load.Address.String(), Mode: r.Load.Mode, Wire: r.Wire, Connections: r.Load.Connections, Size: r.Load.Size, Rate: r.Load.Rate,
		Elapsed: thousandths(r.Elapsed.Seconds()), Opened: r.Opened, Messages: r.Messages, Sent: r.Sent, Received: r.Received,
		PerSecond: thousandths(r.MessagesPerSecond()), BytesPerSec: thousandths(r.perSecond(r.Received)), Unsent: r.Unsent,
		Errors: r.ErrorCount(), Kinds: r.Errors, Reasons: r.Reasons, Interrupted: r.Interrupted, secureJSON: newSecureJSON(r.TLS),
		Connect: r.Connect.json(), Handshake: r.Handshake.json(), Greeting: r.Greeting.json(), Echo: r.Echo.json(), Lag: r.Lag.json(),
	}
	if r.Load.Mode != LoadChurn {
		o.Survived = &r.Survived
	}
	if r.First != nil {
		o.First = r.First.Error()
	}
	return json.Marshal(o)
}

func thousandths(f float64) float64 { return math.Round(f*1e3) / 1e3 }

// latenciesJSON has the keys of the quantiles of a series of probes, and more.
type latenciesJSON struct {
	quantilesJSON
	P999  float64 `json:"p999"`
	Count int64   `json:"count"`
}

func (l *Latencies) json() *latenciesJSON {
	if l.Count() == 0 {
		return nil
	}
	q := quantilesJSON{
		Min: millis(l.Min()), Avg: millis(l.Mean()),
		P50: millis(l.Percentile(50)), P90: millis(l.Percentile(90)), P99: millis(l.Percentile(99)), Max: millis(l.Max()),
	}
	return &latenciesJSON{q, millis(l.Percentile(99.9)), l.Count()}
}
