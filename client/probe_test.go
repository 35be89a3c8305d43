package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/client"
	"parley/protocol"
)

// greets is a server that greets with a handler's name and answers each message with answer, in which %s is the message; empty: not
// at all.
func greets(handler, answer string) func(*net.TCPConn) {
	return func(nc *net.TCPConn) {
		wire := protocol.Text{}
		if handler != "" {
			_, _ = nc.Write(wire.AppendGreeting(nil, protocol.Greeting{ClientID: 7, You: nc.RemoteAddr().String(), Handler: handler}))
		}
		in := wire.NewDecoder(0)
		buf := make([]byte, 4<<10)
		for {
			n, err := nc.Read(buf)
			if err != nil {
				return
			}
			in.Feed(buf[:n])
			for msg, ok, _ := in.Next(); ok; msg, ok, _ = in.Next() {
				if answer != "" {
					_, _ = io.WriteString(nc, strings.ReplaceAll(answer, "%s", string(msg)))
				}
			}
		}
	}
}

// late is a server that greets only when it has been spoken to, and answers then.
func late(greeting, answer string) func(*net.TCPConn) {
	return func(nc *net.TCPConn) {
		_, _ = nc.Read(make([]byte, 4<<10))
		_, _ = io.WriteString(nc, greeting+answer)
		_, _ = io.Copy(io.Discard, nc)
	}
}

// lateOnce is a server of another wire than text that greets late, but only its first client.
func lateOnce(name string) func(*net.TCPConn) {
	wire := protocol.Wires[name]
	var first sync.Once
	return func(nc *net.TCPConn) {
		first.Do(func() { _, _ = nc.Read(make([]byte, 4<<10)) })
		_, _ = nc.Write(wire.AppendGreeting(nil, greeting))
		_, _ = nc.Read(make([]byte, 4<<10))
		_, _ = nc.Write(wire.AppendText(nil, "ECHO: parley probe 0"))
		_, _ = io.Copy(io.Discard, nc)
	}
}

// What a probe prints about each kind of server, twenty times.
func TestProbe(t *testing.T) {
	t.Parallel()
	const ms = `\d+\.\d(ms|s)`
	quick := client.Probe{Timeout: patience, Dialer: client.Dialer{Silence: 100 * time.Millisecond}}
	patient := client.Probe{Timeout: patience, Dialer: client.Dialer{Silence: patience}}
	with := func(p client.Probe, f func(*client.Probe)) client.Probe {
		f(&p)
		return p
	}
	for _, tt := range []struct {
		name  string
		probe client.Probe
		f     func(*net.TCPConn) // nil: nothing listens
		want  string             // behind the address; a regular expression
	}{
		{"echo", patient, greets("echo", "ECHO: %s\n"), `ok A clientid=7 dns=0\.0ms connect=MS greeting=MS echo=MS path=direct`},
		{"counting", patient, greets("counting", "%s\n"), `ok A clientid=7 dns=0\.0ms connect=MS greeting=MS echo=MS path=direct`},
		{"happy", patient, greets("happy", "HELLO. I am the Happy Server :-)\n"), `ok A clientid=7 .* answer=MS path=direct`},
		{"register", patient, greets("register", "ACK clientid=7 message=1 bytes=9\n"), `ok A .* answer=MS path=direct`},
		{"discard", patient, greets("discard", ""), `ok A .* answer=none path=direct`},
		{"chat", patient, greets("chat", ""), `ok A .* answer=none path=direct`},
		{"somebody else's handler", patient, greets("upper", "HI\n"), `ok A .* answer=MS path=direct`},
		{"through NAT", patient, says("HELLO clientid=7 you=203.0.113.9:51544 handler=chat\n"), `ok A .* path=nat`},
		{"address unknown", patient, says("HELLO clientid=7 handler=chat\n"), `ok A .* path=unknown`},
		{"no greeting, echo", quick, greets("", "%s\n"), `ok A dns=0\.0ms connect=MS greeting=none echo=MS path=unknown`},
		{"no greeting, known", with(patient, func(p *client.Probe) { p.Dialer.NoGreeting = true }), greets("", "%s\n"), `ok A .* greeting=none echo=MS path=unknown`},
		{"quiet, greeting", with(patient, func(p *client.Probe) { p.Quiet = true }), greets("echo", ""), `ok A .* greeting=MS answer=none path=direct`},
		{"quiet, no greeting", with(patient, func(p *client.Probe) { p.Quiet, p.Dialer.NoGreeting = true, true }), greets("", ""), `ok A .* greeting=none answer=none path=unknown`},
		{"raw, speaks first", with(patient, func(p *client.Probe) { p.Quiet, p.Dialer.Wire = true, "raw" }), saysAndCloses("20 NOV 2026\r\n"), `ok A .* greeting=none answer=MS path=unknown`},

		{"greets late", quick, late(hello, "ECHO: parley probe 0\n"), `ok A clientid=7 dns=0\.0ms connect=MS greeting=MS echo=MS path=unknown`},
		{"greets late, discards", quick, late("HELLO clientid=7 handler=discard\n", ""), `ok A clientid=7 .* greeting=MS answer=none path=unknown`},
		{"greets late, JSON", quick, lateOnce(protocol.JSONName), `ok A clientid=7 .* greeting=MS echo=MS path=nat`},
		{"greets late, pickle", quick, lateOnce(protocol.PickleName), `ok A clientid=7 .* greeting=MS echo=MS path=nat`},
		{"greets late, error", quick, late("ERR server_full\n", ""), `err A: ERR server_full: .* \(greeting, MS\)`},
		{"speaks late, SSH", quick, late("SSH-2.0-dropbear\r\n", ""), `wrong A: it answered "SSH-2\.0-dropbear", which does not contain what was sent \(is it an SSH server\?\) \(answer, MS\)`},
		{"resets late", quick, func(nc *net.TCPConn) {
			_, _ = nc.Read(make([]byte, 1))
			reset(nc)
		}, `reset A: the connection was cut off \(answer, MS\)`},

		{"nothing listens", patient, nil, `refused A: nothing listens there, or a firewall rejects \(connect, MS\)`},
		{"closes", patient, saysAndCloses(""), `closed A: it took the connection and closed it without a word \(greeting, MS\)`},
		{"closes after the greeting", patient, saysAndCloses(hello), `closed A: it closed the connection without an answer \(answer, MS\)`},
		{"resets", patient, reset, `reset A: it took the connection and (then cut it off \(greeting|cut it off at once \(connect), MS\)`},
		{"resets when spoken to", patient, func(nc *net.TCPConn) {
			_, _ = io.WriteString(nc, hello)
			_, _ = nc.Read(make([]byte, 1))
			reset(nc)
		}, `reset A: the connection was cut off \(answer, MS\)`},
		{"SSH", patient, says("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), `wrong A: it said "SSH-2\.0-OpenSSH_9\.2p1 Debian-2" where a greeting was expected \(is it an SSH server\?\) \(greeting, MS\)`},
		{"mail", patient, says("220 mx.example.org ESMTP\r\n"), `wrong A: it said "220 .*" where a greeting was expected \(is it a mail or FTP server\?\) \(greeting, MS\)`},
		{"web", quick, greets("", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"), `wrong A: it answered "HTTP/1\.1 400 Bad Request\\r\\nConnection: close", which does not contain what was sent \(is it a web server\?\) \(answer, MS\)`},
		{"another echo", patient, greets("echo", "something else\n"), `wrong A: it answered "something else", which does not contain what was sent \(answer, MS\)`},
		{"terminal tricks", patient, says("\x1b]0;owned\x07\n"), `wrong A: it said "\\x1b\]0;owned\\a" where a greeting was expected \(greeting, MS\)`},
		{"full", patient, saysAndCloses("ERR server_full\n"), `err A: ERR server_full: as many clients as it takes are there already \(greeting, MS\)`},
		{"full, says the handler", patient, saysAndCloses(hello + "ERR server_full\n"), `err A: ERR server_full: as many clients as it takes are there already \(answer, MS\)`},
		{"endless", patient, func(nc *net.TCPConn) {
			for garbage := bytes.Repeat([]byte{0xfe}, 64<<10); ; {
				if _, err := nc.Write(garbage); err != nil {
					return
				}
			}
		}, `wrong A: it said "(\\xfe){60}"\.\.\. where a greeting was expected \(greeting, MS\)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address := closedPort(t)
			if tt.f != nil {
				address = serve(t, tt.f)
			}
			tt.probe.Address = address
			line := strings.ReplaceAll(strings.ReplaceAll(tt.want, " A", " "+regexp.QuoteMeta(address.String())), "MS", ms)
			want := regexp.MustCompile("^" + line + "$")
			var probes sync.WaitGroup
			defer probes.Wait()
			for i := range 20 {
				probes.Go(func() {
					if got := tt.probe.Once(t.Context(), 0).String(); !want.MatchString(got) {
						t.Errorf("probe %d:\n got %s\nwant %s", i, got, want)
					}
				})
			}
		})
	}
}

// Who keeps a probe waiting is told apart by what it did before, and keeps it no longer than it was to be.
func TestProbeTimeouts(t *testing.T) {
	t.Parallel()
	usual := client.Probe{}
	quiet := client.Probe{Quiet: true, Dialer: client.Dialer{Wire: protocol.RawName}}
	greeted := client.Probe{MustGreet: true}
	for _, tt := range []struct {
		name  string
		probe client.Probe
		f     func(net.Conn)
		want  string
	}{
		{"connects nobody", usual, nil, `timeout 10.0.0.5:12000: no answer at all: a firewall drops what is sent there, or the host is down (connect, 5.0s)`},
		{"says nothing", usual, pipeSays(""), `timeout 10.0.0.5:12000: it took the connection and did not answer in time (answer, 4.7s)`},
		{"must greet", greeted, pipeSays(""), `timeout 10.0.0.5:12000: it took the connection and did not greet (greeting, 5.0s)`},
		{"greets and says nothing", usual, pipeSays(hello), `timeout 10.0.0.5:12000: it took the connection and did not answer in time (answer, 5.0s)`},
		{"half a greeting", usual, pipeSays("HELLO clientid="), `timeout 10.0.0.5:12000: it began a greeting and did not end it (greeting, 5.0s)`},
		{"half a greeting, late", usual, pipeLate("HELLO clientid="), `timeout 10.0.0.5:12000: it began a greeting and did not end it (greeting, 5.0s)`},
		{"half an answer", usual, pipeLate("parley pro"), `wrong 10.0.0.5:12000: it answered "parley pro", which does not contain what was sent (if it is not to echo, probe it with -q) (answer, 4.7s)`},
		{"wants TLS", usual, pipeLate("\x15\x03\x01\x00\x02\x02\x16"), `wrong 10.0.0.5:12000: it answered "\x15\x03\x01\x00\x02\x02\x16", which does not contain what was sent (is it a server that wants TLS?) (answer, 4.7s)`},
		{"does not end", quiet, pipeSays(""), `timeout 10.0.0.5:12000: it took the connection and did not answer in time (answer, 4.7s)`},
		{"takes nothing", usual, func(net.Conn) {}, `timeout 10.0.0.5:12000: it does not take what it is sent (answer, 4.7s)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := tt.probe
				p.Address = parse(t, "10.0.0.5:12000")
				p.Dialer = p.Dialer.On(func(ctx context.Context, _, _ string) (net.Conn, error) {
					if tt.f == nil {
						<-ctx.Done()
						return nil, ctx.Err()
					}
					ours, theirs := net.Pipe()
					go tt.f(theirs) // ends with the connection
					return halfCloser{ours}, nil
				})
				v := p.Once(t.Context(), 0)
				if got := v.String(); got != tt.want {
					t.Errorf("\n got %s\nwant %s", got, tt.want)
				}
				if v.Total != 5*time.Second {
					t.Errorf("it took %v", v.Total)
				}
			})
		})
	}
}

// halfCloser is a pipe whose ends can be closed one by one, though nobody notices.
type halfCloser struct{ net.Conn }

func (halfCloser) CloseWrite() error { return nil }

// pipeSays returns a server that says something and then only listens.
func pipeSays(text string) func(net.Conn) {
	return func(nc net.Conn) {
		if text != "" {
			_, _ = io.WriteString(nc, text)
		}
		_, _ = io.Copy(io.Discard, nc)
	}
}

// pipeLate returns one that does so when it has been spoken to.
func pipeLate(text string) func(net.Conn) {
	return func(nc net.Conn) {
		_, _ = nc.Read(make([]byte, 4<<10))
		pipeSays(text)(nc)
	}
}

// Each message has its number, and one that was interrupted has no verdict.
func TestProbeSeries(t *testing.T) {
	t.Parallel()
	said := make(chan string, 10)
	address := serve(t, func(nc *net.TCPConn) {
		_, _ = io.WriteString(nc, hello)
		line := make([]byte, 100)
		n, _ := nc.Read(line)
		_, _ = nc.Write(line[:n])
		said <- string(line[:n])
	})
	p := client.Probe{Address: address, Message: "message {i}", Timeout: patience}
	stats := client.NewStats(address)
	for v := range p.Series(t.Context(), 5, 0) {
		stats.Add(v)
	}
	var got []string
	for range 5 {
		got = append(got, <-said)
	}
	want := []string{"message 0\n", "message 1\n", "message 2\n", "message 3\n", "message 4\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if stats.Probes() != 5 || stats.OK() != 5 || stats.Loss() != 0 {
		t.Errorf("%v", stats)
	}
}

func TestProbeSeriesInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var spoken atomic.Int32
	address := serve(t, func(nc *net.TCPConn) {
		if spoken.Add(1) == 3 {
			cancel() // in the middle of the third
			_, _ = io.Copy(io.Discard, nc)
			return
		}
		greets("echo", "%s\n")(nc)
	})
	verdicts, stats := 0, client.NewStats(address)
	for v := range (client.Probe{Address: address, Timeout: patience}).Series(ctx, 0, 0) {
		verdicts++
		stats.Add(v)
		if want := verdicts == 3; v.Interrupted() != want || v.Kind == client.OK && want {
			t.Error(v)
		}
	}
	if want := "2 probes, 2 ok, 0.0% loss; one more was interrupted\n"; verdicts != 3 || !strings.Contains(stats.String(), want) {
		t.Errorf("%d verdicts, want 3; %s, want %s", verdicts, stats, want)
	}
}

// The interval is from the beginning of a probe to that of the next.
func TestProbeSeriesInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		for v := range (client.Probe{}).Series(t.Context(), 3, time.Second) { // Nowhere is reached at once.
			at = append(at, time.Since(began))
			if v.Kind != client.Failed {
				t.Error(v)
			}
			time.Sleep(600 * time.Millisecond)
		}
		if diff := cmp.Diff([]time.Duration{0, time.Second, 2 * time.Second}, at); diff != "" {
			t.Errorf("probed at (-want +got):\n%s", diff)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		verdicts := 0
		for range (client.Probe{}).Series(ctx, 0, time.Minute) {
			verdicts++
		}
		if took := time.Since(began) - 2600*time.Millisecond; verdicts != 2 || took != 90*time.Second {
			t.Errorf("%d verdicts within %v", verdicts, took)
		}
	})
}

func TestVerdictJSON(t *testing.T) {
	t.Parallel()
	id := uint64(17)
	ok := client.Verdict{
		Kind: client.OK, Address: parse(t, "10.0.0.5:12000"), Peer: "10.0.0.5:12000", Local: "10.0.0.1:5000", Wire: "text",
		Greeting: &protocol.Greeting{ClientID: id, You: "10.0.0.1:5000", Handler: "echo"}, Path: client.Direct, Echoed: true,
		Timings: client.Timings{Connect: 1234567 * time.Nanosecond, Greeting: time.Millisecond, Answer: 2 * time.Millisecond},
		Total:   time.Second,
	}
	failed := client.Probe{Address: serve(t, saysAndCloses("ERR server_full\n")), Timeout: patience}.Once(t.Context(), 0)
	for _, tt := range []struct {
		v    client.Verdict
		want map[string]any
	}{
		{ok, map[string]any{
			"verdict": "ok", "address": "10.0.0.5:12000", "peer": "10.0.0.5:12000", "local": "10.0.0.1:5000", "wire": "text",
			"clientid": 17.0, "you": "10.0.0.1:5000", "handler": "echo", "path": "direct",
			"connect_ms": 1.235, "greeting_ms": 1.0, "echo_ms": 2.0, "total_ms": 1000.0,
		}},
		{failed, map[string]any{
			"verdict": "err", "address": failed.Address.String(), "path": "unknown", "phase": "greeting", "reason": "server_full",
			"why":        "ERR server_full: as many clients as it takes are there already",
			"connect_ms": nil, "greeting_ms": nil, "total_ms": nil,
		}},
	} {
		text, err := json.Marshal(tt.v)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		for key, value := range tt.want { // nil: any
			if _, ok := got[key]; ok && value == nil {
				got[key] = nil
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
