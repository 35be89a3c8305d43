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

// What a probe prints about each kind of server, twenty times.
func TestProbe(t *testing.T) {
	t.Parallel()
	const ms = `\d+\.\d(ms|s)`
	quick := client.Probe{Timeout: 2 * time.Second, Dialer: client.Dialer{Silence: 100 * time.Millisecond}}
	patient := client.Probe{Timeout: patience}
	impatient := client.Probe{Timeout: 500 * time.Millisecond, Dialer: client.Dialer{Silence: 20 * time.Millisecond}}
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
		{"quiet, no greeting", with(patient, func(p *client.Probe) { p.Quiet, p.Dialer.NoGreeting = true, true }), greets("", ""), `ok A .* greeting=none answer=MS path=unknown`},
		{"raw, speaks first", with(patient, func(p *client.Probe) { p.Quiet, p.Dialer.Wire = true, "raw" }), saysAndCloses("20 NOV 2026\r\n"), `ok A .* greeting=none answer=MS path=unknown`},

		{"nothing listens", patient, nil, `refused A: nothing listens there, or a firewall rejects \(connect, MS\)`},
		{"closes", patient, saysAndCloses(""), `closed A: it took the connection and closed it without a word \(greeting, MS\)`},
		{"closes after the greeting", patient, saysAndCloses(hello), `closed A: it closed the connection without an answer \(answer, MS\)`},
		{"says nothing", impatient, says(""), `timeout A: it took the connection and did not answer in time \(answer, MS\)`},
		{"greets and says nothing", impatient, says(hello), `timeout A: it took the connection and did not answer in time \(answer, MS\)`},
		{"quiet, does not end", with(impatient, func(p *client.Probe) { p.Quiet, p.Dialer.Wire = true, "raw" }), func(nc *net.TCPConn) {
			for range time.Tick(50 * time.Millisecond) { // until the client is gone
				if _, err := io.WriteString(nc, "a"); err != nil {
					return
				}
			}
		}, `timeout A: it took the connection and did not answer in time \(answer, MS\)`},
		{"resets", patient, reset, `reset A: it took the connection and (then cut it off \(greeting|cut it off at once \(connect), MS\)`},
		{"resets when spoken to", patient, func(nc *net.TCPConn) {
			_, _ = io.WriteString(nc, hello)
			_, _ = nc.Read(make([]byte, 1))
			reset(nc)
		}, `reset A: the connection was cut off \(answer, MS\)`},
		{"SSH", patient, says("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), `wrong A: it said "SSH-2\.0-OpenSSH_9\.2p1 Debian-2" where a greeting was expected \(is it an SSH server\?\) \(greeting, MS\)`},
		{"mail", patient, says("220 mx.example.org ESMTP\r\n"), `wrong A: it said "220 .*" where a greeting was expected \(is it a mail or FTP server\?\) \(greeting, MS\)`},
		{"web", quick, greets("", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"), `wrong A: it answered "HTTP/1\.1 400 Bad Request\\r\\nConnection: close", which does not contain what was sent \(is it a web server\?\) \(answer, MS\)`},
		{"TLS", impatient, greets("", "\x15\x03\x01\x00\x02\x02\x16"), `wrong A: it answered "\\x15\\x03.*", which does not contain what was sent \(is it a server that wants TLS\?\) \(answer, MS\)`},
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
					if got := tt.probe.Once(t.Context(), i).String(); !want.MatchString(got) {
						t.Errorf("probe %d:\n got %s\nwant %s", i, got, want)
					}
				})
			}
		})
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
	verdicts := 0
	for v := range (client.Probe{Address: address, Timeout: patience}).Series(ctx, 0, 0) {
		if verdicts++; v.Kind != client.OK {
			t.Error(v)
		}
	}
	if verdicts != 2 {
		t.Errorf("%d verdicts, want 2", verdicts)
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
