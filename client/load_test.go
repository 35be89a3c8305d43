package client_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/client"
	"parley/protocol"
)

// brief is how long a load is kept up whose length does not matter.
const brief = 100 * time.Millisecond

// load runs a load, which is to begin.
func load(t testing.TB, l client.Load) *client.LoadResult {
	t.Helper()
	if l.Timeout == 0 {
		l.Timeout = patience
	}
	if l.Duration == 0 {
		l.Duration = brief
	}
	result, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// wantErrors fails the test unless these are all errors, and the first one says this.
func wantErrors(t testing.TB, r *client.LoadResult, kind client.Kind, n int, pattern string) {
	t.Helper()
	if len(r.Errors) != 1 || r.Errors[kind] != n {
		t.Fatalf("errors %v, want %d of kind %s; the first: %v", r.Errors, n, kind, r.First)
	}
	if got := r.First.Why(); !regexp.MustCompile(pattern).MatchString(got) {
		t.Errorf("first error %q, want %s", got, pattern)
	}
}

// echoes returns a server that greets, unless handler is empty, and echoes as a listener of this wire does.
func echoes(wire, handler, prefix string) func(*net.TCPConn) {
	return func(nc *net.TCPConn) {
		w := protocol.Wires[wire]
		if handler != "" {
			_, _ = nc.Write(w.AppendGreeting(nil, protocol.Greeting{ClientID: 7, Handler: handler}))
		}
		dec := w.NewDecoder(0)
		buf := make([]byte, 4<<10)
		var out []byte
		for {
			n, err := nc.Read(buf)
			dec.Feed(buf[:n])
			out = out[:0]
			for {
				msg, ok, err := dec.Next()
				if err != nil {
					return
				}
				if !ok {
					break
				}
				out = w.AppendEcho(out, prefix, msg)
			}
			if _, writeErr := nc.Write(out); writeErr != nil || err != nil {
				return
			}
		}
	}
}

// lineEcho returns a server that greets and echoes lines; answer says what is written for line i of a connection, and whether
// the connection goes on.
func lineEcho(answer func(nc *net.TCPConn, i int, line string) bool) func(*net.TCPConn) {
	return func(nc *net.TCPConn) {
		_, _ = io.WriteString(nc, hello)
		in := bufio.NewReader(nc)
		for i := 0; ; i++ {
			line, err := in.ReadString('\n')
			if err != nil || !answer(nc, i, line) {
				return
			}
		}
	}
}

// noSocket hides that a connection is a socket.
type noSocket struct{ net.Conn }

func (c noSocket) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

// dialers are the two ways in which a load waits for answers.
func dialers() map[string]client.Dialer {
	return map[string]client.Dialer{
		"socket": {},
		"conn": client.Dialer{}.On(func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return noSocket{nc}, nil
		}),
	}
}

func TestLoadEchoes(t *testing.T) {
	t.Parallel()
	for name, dialer := range dialers() {
		for _, tt := range []struct{ wire, handler, prefix string }{
			{"text", "echo", "ECHO: "},
			{"text", "counting", ""},
			{"text", "", "you said "},
			{"json", "echo", "ECHO: "},
			{"json", "echo", ""},
			{"pickle", "echo", "ECHO: "},
			{"pickle", "echo", ""},
			{"raw", "", ""},
			{"raw", "echo", ""},
		} {
			if name == "conn" && tt.wire == protocol.PickleName {
				continue // It is no different from JSON in this.
			}
			for _, mode := range []client.LoadMode{client.LoadEcho, client.LoadChurn, client.LoadBulk, client.LoadIdle} {
				t.Run(strings.Join([]string{name, string(mode), tt.wire, tt.handler, tt.prefix}, "_"), func(t *testing.T) {
					t.Parallel()
					dialer := dialer
					dialer.NoGreeting = tt.handler == "" // It would take 300 ms to see.
					if dialer.NoGreeting || tt.wire == protocol.RawName {
						dialer.Wire = tt.wire
					}
					r := load(t, client.Load{Address: serve(t, echoes(tt.wire, tt.handler, tt.prefix)), Dialer: dialer, Mode: mode, Connections: 3})
					if r.ErrorCount() != 0 {
						t.Fatalf("errors %v, the first: %v", r.Errors, r.First)
					}
					if r.Wire != tt.wire {
						t.Errorf("wire %s, want %s", r.Wire, tt.wire)
					}
					if mode == client.LoadChurn {
						if r.Messages != uint64(r.Opened) {
							t.Errorf("%d connections and %d messages", r.Opened, r.Messages)
						}
					} else if r.Opened != 3 || r.Survived != 3 {
						t.Errorf("%d opened and %d survived, want 3 and 3", r.Opened, r.Survived)
					}
					if mode != client.LoadBulk && r.Echo.Count() < 3 {
						t.Errorf("%d messages timed, want one of each connection", r.Echo.Count())
					}
					if mode == client.LoadIdle && (r.Echo.Count() != 6 || r.Messages != 6) {
						t.Errorf("%d messages, %d timed, want 6 and 6", r.Messages, r.Echo.Count())
					}
				})
			}
		}
	}
}

// Messages of every size come back, also those that system and server do not hold as a whole.
func TestLoadSizes(t *testing.T) {
	t.Parallel()
	address := serve(t, func(nc *net.TCPConn) { _, _ = io.Copy(nc, nc) })
	for name, dialer := range dialers() {
		dialer.NoGreeting = true
		for _, size := range []int{2, 65 << 10, 8 << 20} {
			for _, l := range []client.Load{{}, {Rate: 50}, {Mode: client.LoadChurn}, {Mode: client.LoadBulk}} {
				l.Address, l.Dialer, l.Size, l.Connections, l.Duration = address, dialer, size, 2, brief/2
				r := load(t, l)
				if r.ErrorCount() != 0 || r.Echo.Count() == 0 && l.Mode != client.LoadBulk {
					t.Errorf("%s, %s, rate %g, %d bytes: %v", name, l.Mode, l.Rate, size, r)
				}
			}
		}
	}
}

// A server that stalls for a second is seen by who would have sent in that second, and not by who waits for it.
func TestLoadCoordinatedOmission(t *testing.T) {
	t.Parallel()
	const stall = time.Second
	stalling := func() client.Address {
		var stalled atomic.Bool
		began := time.Now()
		return serve(t, lineEcho(func(nc *net.TCPConn, _ int, line string) bool {
			if time.Since(began) > stall/2 && stalled.CompareAndSwap(false, true) {
				time.Sleep(stall)
			}
			_, err := io.WriteString(nc, line)
			return err == nil
		}))
	}
	var open, closed *client.LoadResult
	var wg sync.WaitGroup
	for to, rate := range map[**client.LoadResult]float64{&open: 500, &closed: 0} {
		wg.Go(func() {
			var err error
			*to, err = client.Load{Address: stalling(), Connections: 1, Duration: 3 * time.Second, Rate: rate, Timeout: patience}.Run(t.Context())
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for name, r := range map[string]*client.LoadResult{"open": open, "closed": closed} {
		if r.ErrorCount() != 0 {
			t.Fatalf("%s: %v", name, r)
		}
		if got := r.Echo.Max(); got < stall {
			t.Errorf("%s: max %v, want %v or more", name, got, stall)
		}
	}
	// A third of the messages were due within the stall, so that 1 in 100 waited for most of it.
	if got := open.Echo.Percentile(99); got < stall*8/10 {
		t.Errorf("at a rate: p99 %v, want nearly %v: %v", got, stall, open)
	}
	if got, want := open.Messages, uint64(1200); got < want { // of 1500
		t.Errorf("at a rate: %d messages, want %d or more", got, want)
	}
	if got := closed.Echo.Percentile(99); got > stall/2 {
		t.Errorf("by turns: p99 %v, want less than %v, which is what is wrong with it", got, stall/2)
	}
}

// Who stalls until the end does not look better for it.
func TestLoadStalledAtTheEnd(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	address := serve(t, lineEcho(func(nc *net.TCPConn, i int, line string) bool {
		if i == 10 {
			<-ended
		}
		_, err := io.WriteString(nc, line)
		return err == nil
	}))
	time.AfterFunc(time.Second, func() { close(ended) })
	r := load(t, client.Load{Address: address, Connections: 1, Duration: time.Second / 2, Rate: 100})
	if r.ErrorCount() != 0 || r.Unsent < 30 {
		t.Fatalf("%d unsent, want about 40: %v", r.Unsent, r)
	}
	if got := r.Echo.Percentile(50); got < time.Second/2 {
		t.Errorf("p50 %v, want more than %v", got, time.Second/2)
	}
}

func TestLoadFaults(t *testing.T) {
	t.Parallel()
	echo := func(nc *net.TCPConn, line string) bool {
		_, err := io.WriteString(nc, "ECHO: "+line)
		return err == nil
	}
	// Each connection has its fault at message 5; message 0 of the first one is what it learns from.
	at5 := func(fault func(nc *net.TCPConn, line string) bool) func(*net.TCPConn) {
		return lineEcho(func(nc *net.TCPConn, i int, line string) bool {
			if i == 5 {
				return fault(nc, line)
			}
			return echo(nc, line)
		})
	}
	for _, tt := range []struct {
		name  string
		fault func(nc *net.TCPConn, line string) bool
		kind  client.Kind
		why   string
	}{
		{"corrupts", func(nc *net.TCPConn, line string) bool {
			return echo(nc, line[:30]+"!"+line[31:])
		}, client.Wrong, `^connection [01], message [45], byte 36 of the answer: it said "!vwxyz.*", expected was "uvwxyz`},
		{"answers another message", func(nc *net.TCPConn, line string) bool {
			return echo(nc, "000001000000dead"+line[16:])
		}, client.Wrong, `^connection [01], message [45], byte (11|18) of the answer: it said "`},
		{"says too much", func(nc *net.TCPConn, line string) bool {
			return echo(nc, line+"more\n")
		}, client.Wrong, `^connection [01], message [45], byte 70 of the answer: it said "more", expected was the end of the answer$`},
		{"says ERR", func(nc *net.TCPConn, _ string) bool {
			_, _ = io.WriteString(nc, "ERR shutting_down\n")
			return false
		}, client.Told, `^ERR shutting_down: it is being stopped$`},
		{"closes", func(*net.TCPConn, string) bool { return false }, client.Closed, "^it closed the connection without an answer$"},
		{"closes behind an answer", func(nc *net.TCPConn, line string) bool {
			_ = echo(nc, line)
			return false
		}, client.Closed, "^it closed the connection without an answer$"},
		{"ends its side", func(nc *net.TCPConn, line string) bool {
			_ = echo(nc, line)
			_ = nc.CloseWrite()
			_, _ = io.Copy(io.Discard, nc)
			return false
		}, client.Closed, "^it closed the connection without an answer$"},
		{"closes in the middle", func(nc *net.TCPConn, line string) bool {
			_ = echo(nc, line[:20])
			return false
		}, client.Closed, "^it closed the connection in the middle of a message$"},
		{"resets", func(nc *net.TCPConn, _ string) bool {
			reset(nc)
			return false
		}, client.Reset, "^the connection was cut off$"},
		{"says nothing", func(nc *net.TCPConn, _ string) bool {
			_, _ = io.Copy(io.Discard, nc)
			return false
		}, client.Timeout, "^it took the connection and did not answer in time$"},
	} {
		for name, dialer := range dialers() {
			for mode, l := range map[string]client.Load{"by turns": {}, "at a rate": {Rate: 1000}} {
				t.Run(tt.name+"/"+name+"/"+mode, func(t *testing.T) {
					t.Parallel()
					l := l
					l.Address, l.Dialer, l.Connections, l.Duration = serve(t, at5(tt.fault)), dialer, 2, patience
					if tt.kind == client.Timeout || tt.name == "ends its side" {
						l.Timeout = 2 * time.Second // Each is found when this has passed.
					}
					r := load(t, l)
					// It ends when no connection is left.
					if r.Elapsed > patience/2 {
						t.Errorf("it took %v", r.Elapsed)
					}
					if r.Survived != 0 || r.Messages > 11 {
						t.Errorf("%d survived and %d messages, want 0 and 9 or so", r.Survived, r.Messages)
					}
					if n := r.Errors[client.Reset]; tt.name == "closes behind an answer" && n > 0 && n == r.ErrorCount()-r.Errors[client.Closed] {
						return // Our next message came before it closed, and it had not read that.
					}
					wantErrors(t, r, tt.kind, 2, tt.why)
				})
			}
		}
	}
}

// A server that says something unasked is wrong, also where nothing is under way.
func TestLoadUnasked(t *testing.T) {
	t.Parallel()
	for said, kind := range map[string]client.Kind{"psst\n": client.Wrong, "ERR idle_timeout\n": client.Told} {
		address := serve(t, lineEcho(func(nc *net.TCPConn, i int, line string) bool {
			_, _ = io.WriteString(nc, line)
			if i == 1 {
				time.Sleep(brief)
				_, _ = io.WriteString(nc, said)
			}
			return true
		}))
		r := load(t, client.Load{Address: address, Connections: 1, Duration: patience, Rate: 0.2})
		wantErrors(t, r, kind, 1, `^(connection 0: it said "psst" without being asked|ERR idle_timeout: nothing was said for too long)$`)
	}
}

func TestLoadFaultsOfOtherModes(t *testing.T) {
	t.Parallel()
	// The first connection is well, and the ones after it are not.
	others := func(fault func(nc *net.TCPConn, line string) bool) client.Address {
		var clients atomic.Int64
		return serve(t, func(nc *net.TCPConn) {
			well := clients.Add(1) == 1
			lineEcho(func(nc *net.TCPConn, _ int, line string) bool {
				if !well {
					return fault(nc, line)
				}
				_, err := io.WriteString(nc, line)
				return err == nil
			})(nc)
		})
	}
	closes := func(*net.TCPConn, string) bool { return false }
	corrupts := func(nc *net.TCPConn, line string) bool {
		_, _ = io.WriteString(nc, strings.ToUpper(line))
		return true
	}
	for _, tt := range []struct {
		mode  client.LoadMode
		fault func(*net.TCPConn, string) bool
		kind  client.Kind
	}{
		{client.LoadChurn, closes, client.Closed},
		{client.LoadChurn, corrupts, client.Wrong},
		{client.LoadBulk, closes, client.Closed},
		{client.LoadBulk, corrupts, client.Wrong},
		{client.LoadIdle, closes, client.Closed},
		{client.LoadIdle, corrupts, client.Wrong},
	} {
		r := load(t, client.Load{Address: others(tt.fault), Mode: tt.mode, Connections: 3})
		want := 2
		if tt.mode == client.LoadChurn {
			want = r.ErrorCount()
		} else if r.Survived != 1 {
			t.Errorf("%s: %d survived, want 1", tt.mode, r.Survived)
		}
		if n := r.Errors[tt.kind]; n == 0 || r.ErrorCount() != want {
			// A server that closes with input unread resets the connection, and then that is what is seen.
			if r.Errors[client.Reset]+n != want {
				t.Errorf("%s: errors %v, want %d of kind %s; the first: %v", tt.mode, r.Errors, want, tt.kind, r.First)
			}
		}
	}
}

// What the first connection finds is what Run returns.
func TestLoadDoesNotBegin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		address client.Address
		load    client.Load
		phase   client.Phase
		kind    client.Kind
		why     string
	}{
		{"refused", closedPort(t), client.Load{}, client.Connect, client.Refused, "nothing listens"},
		{"no greeting", serve(t, says("")), client.Load{MustGreet: true}, client.Greeting, client.Timeout, "did not greet"},
		{"no greeting but something else", serve(t, says("220 mail\r\n")), client.Load{}, client.Greeting, client.Wrong, "where a greeting was expected .is it a mail"},
		{"full", serve(t, says("ERR server_full\n")), client.Load{}, client.Greeting, client.Told, "as many clients"},
		{"answers something else", serve(t, lineEcho(func(nc *net.TCPConn, _ int, _ string) bool {
			_, err := io.WriteString(nc, "ACK\n")
			return err == nil
		})), client.Load{}, client.Answer, client.Wrong, `it answered "ACK", which does not contain what was sent`},
		{"answers ERR", serve(t, lineEcho(func(nc *net.TCPConn, _ int, _ string) bool {
			_, err := io.WriteString(nc, "ERR line_too_long limit=10\n")
			return err == nil
		})), client.Load{}, client.Answer, client.Told, "it takes no message of that length"},
		{"answers nothing", serve(t, says(hello)), client.Load{Timeout: brief}, client.Answer, client.Timeout, "did not answer in time"},
		{"closes", serve(t, saysAndCloses(hello)), client.Load{}, client.Answer, client.Closed, "without an answer"},
	} {
		tt.load.Address = tt.address
		if tt.load.Timeout == 0 && tt.kind != client.Timeout {
			tt.load.Timeout = patience
		} else {
			tt.load.Timeout = brief
		}
		_, err := tt.load.Run(t.Context())
		e, ok := errors.AsType[*client.Error](err)
		if !ok {
			t.Errorf("%s: error %v", tt.name, err)
			continue
		}
		if e.Phase != tt.phase || e.Kind != tt.kind || !regexp.MustCompile(tt.why).MatchString(e.Why()) {
			t.Errorf("%s: %s %s %s, want %s %s %s", tt.name, e.Phase, e.Kind, e.Why(), tt.phase, tt.kind, tt.why)
		}
	}
}

func TestLoadMakesNoSense(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]client.Load{
		`there is no mode "loop"`:                               {Mode: "loop"},
		"a load has no negative numbers":                        {Connections: -1},
		"mode bulk has no rate":                                 {Mode: client.LoadBulk, Rate: 1},
		"1e+08 messages a second: want at most 1e+07":           {Rate: 1e8},
		"a message of 67108865 bytes: the longest has 67108864": {Size: 64<<20 + 1},
		"the text wire: no message of this wire has 1 bytes: the shortest has 2": {
			Size: 1, Address: serve(t, says(hello)), Timeout: patience,
		},
	} {
		if _, err := l.Run(t.Context()); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// Who ends it early has a result, and no errors of his own making.
func TestLoadInterrupted(t *testing.T) {
	t.Parallel()
	address := serve(t, echoes("text", "echo", "ECHO: "))
	for _, l := range []client.Load{{}, {Rate: 1000}, {Mode: client.LoadChurn}, {Mode: client.LoadBulk}, {Mode: client.LoadIdle}, {Warmup: patience}} {
		l.Address, l.Duration, l.Timeout = address, 10*patience, patience
		ctx, cancel := context.WithTimeout(t.Context(), 2*brief)
		r, err := l.Run(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if !r.Interrupted || r.ErrorCount() != 0 || r.Elapsed > patience {
			t.Errorf("mode %s, rate %g: %v", l.Mode, l.Rate, r)
		}
		if l.Mode == "" && l.Warmup == 0 && r.Echo.Count() == 0 || l.Mode == client.LoadIdle && r.Survived != 10 {
			t.Errorf("mode %s, rate %g: nothing was done: %v", l.Mode, l.Rate, r)
		}
	}
}

// What is done during the warm-up does not count.
func TestLoadWarmup(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0, 200} {
		var served atomic.Int64
		address := serve(t, lineEcho(func(nc *net.TCPConn, _ int, line string) bool {
			served.Add(1)
			_, err := io.WriteString(nc, line)
			return err == nil
		}))
		r := load(t, client.Load{Address: address, Connections: 2, Warmup: 10 * brief, Rate: rate})
		if r.ErrorCount() != 0 || r.Messages == 0 || r.Echo.Count() > served.Load()*3/4 || r.Messages > uint64(served.Load())*3/4 {
			t.Errorf("rate %g: the server has answered %d: %v", rate, served.Load(), r)
		}
		if r.Elapsed > 10*brief {
			t.Errorf("rate %g: measured for %v", rate, r.Elapsed)
		}
	}
}

func TestLoadProgress(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	r := load(t, client.Load{
		Address: serve(t, echoes("text", "echo", "")), Connections: 3, Duration: 1500 * time.Millisecond,
		Progress: func(p client.LoadProgress) {
			if p.Connections == 3 && p.Messages > 0 && p.Bytes > p.Messages && p.Errors == 0 && p.Elapsed > 0 {
				seen.Add(1)
			}
		},
	})
	if r.ErrorCount() != 0 || seen.Load() == 0 {
		t.Errorf("%d times: %v", seen.Load(), r)
	}
}

// The object has the names that scripts rely on.
func TestLoadJSON(t *testing.T) {
	t.Parallel()
	r := load(t, client.Load{Address: serve(t, echoes("text", "echo", "")), Connections: 2, Rate: 1000})
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	const quantiles = `\{"min":[\d.]+,"avg":[\d.]+,"p50":[\d.]+,"p90":[\d.]+,"p99":[\d.]+,"max":[\d.]+,"p999":[\d.]+,"count":\d+\}`
	want := `^\{"address":"127\.0\.0\.1:\d+","mode":"echo","wire":"text","connections":2,"size":64,"rate":1000,"elapsed_s":0\.\d+,` +
		`"opened":2,"survived":2,"messages":\d+,"bytes_sent":\d+,"bytes_received":\d+,"messages_per_s":[\d.]+,"bytes_received_per_s":[\d.]+,` +
		`"unsent":0,"errors":0,"error_kinds":\{\},"interrupted":false,` +
		`"connect_ms":` + quantiles + `,"greeting_ms":` + quantiles + `,"echo_ms":` + quantiles + `,"lag_ms":` + quantiles + `\}$`
	if !regexp.MustCompile(want).Match(text) {
		t.Errorf("got %s, want %s", text, want)
	}
}

func TestLatencies(t *testing.T) {
	t.Parallel()
	none := client.NewLatencies()
	if none.Count() != 0 || none.Min() != 0 || none.Max() != 0 || none.Mean() != 0 || none.Percentile(99) != 0 || len(none.Bars()) != 0 {
		t.Errorf("of nothing: %d %v %v %v %v %v", none.Count(), none.Min(), none.Max(), none.Mean(), none.Percentile(99), none.Bars())
	}
	var all []time.Duration
	for i := range 1000 {
		all = append(all, time.Duration(i+1)*time.Millisecond)
	}
	l := client.NewLatencies(all...)
	near := func(what string, got, want time.Duration) {
		if diff := (got - want).Abs(); diff > want/500 {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	near("min", l.Min(), time.Millisecond)
	near("max", l.Max(), time.Second)
	near("mean", l.Mean(), 500500*time.Microsecond)
	near("p50", l.Percentile(50), 500*time.Millisecond)
	near("p99", l.Percentile(99), 990*time.Millisecond)
	near("p100", l.Percentile(100), time.Second)

	l = client.NewLatencies(15*time.Microsecond, 18*time.Microsecond, 600*time.Microsecond, 2*time.Hour)
	bars := l.Bars()
	var sum int64
	for i, b := range bars {
		sum += b.Count
		if i > 0 && b.To <= bars[i-1].To {
			t.Errorf("bar %d ends at %v, and the one before at %v", i, b.To, bars[i-1].To)
		}
	}
	if sum != 4 || bars[0] != (client.LatencyBar{To: 20 * time.Microsecond, Count: 2}) {
		t.Errorf("bars %v", bars)
	}
}
