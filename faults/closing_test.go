//go:build system && linux

package faults_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/faults/daemontest"
)

const (
	bigAnswer   = 400 << 10 // bytes that are on their way when the connection ends
	unreadInput = 1 << 20   // and what the client goes on to send, which nobody reads
)

// A way to end an echo connection from outside, while a big answer is on its way. That the ways from inside lose nothing either,
// the tests of package server show.
type ending struct {
	name   string
	query  string // of the listener
	says   string // what comes behind the line that has the big answer, and ends the connection
	goesOn string // what the client goes on to send
	hears  string // what it is told behind the answer, or the beginning of that
	reason string
}

var endings = []ending{
	{"line too long", "max_message=500KiB", "", "y", "ERR line_too_long limit=512000\n", "line_too_long"},
	{"message timeout", "max_message=64MiB&message_timeout=1s", "begun", "y", "ERR message_timeout\n", "message_timeout"},
	{"idle timeout", "max_message=64MiB&idle_timeout=1s", "", "", "ERR idle_timeout\n", "idle_timeout"},
	{"bad message", "max_message=500KiB&wire=json&prefix=", "!", "!\n", `{"error":"bad_message"`, "bad_message"},
	{"done", "max_message=500KiB&once=true", "", "more\n", "", "done"},
	{"client closed", "max_message=500KiB", "", "", "", "client_closed"},
}

// However a connection ends, and whatever the client goes on sending, no answer is lost.
func TestN1_unreadInput(t *testing.T) {
	eachTransport(t, func(f *fault) {
		clients := sized(f, 25, 100)
		var listeners []string
		for _, e := range endings {
			listeners = append(listeners, "echo://127.0.0.1:0?greeting=off&flush=1m&"+e.query, "echo+tls://127.0.0.1:0?greeting=off&flush=1m&"+e.query)
		}
		p := f.serve(append(listeners, "echo://127.0.0.1:0?max_conns=1")...)
		answers, truncated := 0, 0
		for i, e := range endings {
			for j, secure := range []bool{false, true} {
				var lost atomic.Int64
				atOnce(clients, 25, func(int) {
					if got, err := e.conversation(p.Addresses[2*i+j], secure); err != nil || !e.whole(got) {
						lost.Add(1)
						f.Logf("%s, TLS %v: %d bytes, the last %q, %v", e.name, secure, len(got), got[max(0, len(got)-60):], err)
					}
				})
				answers += clients
				truncated += int(lost.Load())
				if n := lost.Load(); n != 0 {
					f.Errorf("%s, TLS %v: %d of %d answers truncated", e.name, secure, n, clients)
				}
			}
			p.awaitEnded(2*clients, e.reason)
		}
		n := turnedAway(f, p.Addresses[2*len(endings)], clients)
		f.figure("answers of 400 KiB truncated, in 6 ways to end, with and without TLS", "%s", fmt.Sprintf("%d of %d", truncated, answers))
		f.figure("clients turned away at the door, who sent at once, that did not read why", "%d", n)
	})
}

// line is what has the big answer.
func (e ending) line() string {
	if strings.Contains(e.query, "wire=json") {
		return `"` + strings.Repeat("x", bigAnswer-2) + `"` + "\n"
	}
	return strings.Repeat("x", bigAnswer) + "\n"
}

// whole reports whether all was heard that was to be.
func (e ending) whole(heard string) bool {
	want := e.line()
	if !strings.Contains(e.query, "prefix=") {
		want = "ECHO: " + want
	}
	told, ok := strings.CutPrefix(heard, want)
	if strings.HasPrefix(e.hears, "{") {
		return ok && strings.HasPrefix(told, e.hears) && strings.HasSuffix(told, "\n")
	}
	return ok && told == e.hears
}

// conversation asks for the big answer, ends the connection that way, and reads slowly while more is being sent.
func (e ending) conversation(address string, secure bool) (string, error) {
	conn, err := connect(address, secure)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(daemontest.Patience))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := io.WriteString(conn, e.line()+e.says)
		for sent := 0; err == nil && e.goesOn != "" && sent < unreadInput; sent += 16 << 10 {
			_, err = io.WriteString(conn, strings.Repeat(e.goesOn, (16<<10)/len(e.goesOn)))
		}
		if e.reason == "client_closed" {
			_ = conn.CloseWrite()
		}
	}()
	var heard strings.Builder
	for err == nil {
		_, err = io.CopyN(&heard, conn, 16<<10)
		time.Sleep(time.Millisecond)
	}
	conn.SetWriteDeadline(time.Now()) // Nobody is there any more.
	<-done
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return heard.String(), err
}

// turnedAway returns how many clients did not read that the server is full, of those that send at once.
func turnedAway(f *fault, address string, clients int) (lost int64) {
	in := f.dial(address)
	_, err := in.Greeting()
	f.must(err)
	var failed atomic.Int64
	atOnce(clients, 4, func(int) {
		conn, err := connect(address, false)
		if err != nil {
			f.Error(err)
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(daemontest.Patience))
		_, _ = io.WriteString(conn, strings.Repeat("y", 64<<10)) // It may be out already.
		if got, err := io.ReadAll(conn); err != nil || string(got) != "ERR server_full\n" {
			failed.Add(1)
			f.Errorf("turned away: told %q, %v", got, err)
		}
	})
	in.Close()
	return failed.Load()
}
