package main_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	peer "parley/client"
	parley "parley/cmd/parley"
)

// streaming is a client of an admin side that answers each request with these bytes, if any, and then is silent.
func streaming(t *testing.T, answer string) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			request, err := http.ReadRequest(bufio.NewReader(theirs))
			if err != nil {
				return
			}
			defer request.Body.Close()
			_, _ = io.WriteString(theirs, answer)
			_, _ = io.Copy(io.Discard, theirs) // until the client goes
		}()
		return ours, nil
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// streamHead begins an answer of /events.
const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

// An event that goes on and on is given up before it has taken much memory.
func TestWhoEventsEndless(t *testing.T) {
	t.Parallel()
	line := "data: " + strings.Repeat("x", 1<<10-1) + "\n"
	for lines, want := range map[int]peer.Kind{1024: peer.Failed, 1026: peer.Wrong} {
		answer := streamHead + "event: roster\n" + strings.Repeat(line, lines) + "\n"
		ctx, cancel := context.WithCancel(t.Context())
		_, err := parley.FollowEvents(ctx, streaming(t, answer), time.Minute, func(string) { cancel() }) // The first event is the last.
		cancel()
		e, ok := errors.AsType[*peer.Error](err)
		if !ok || e.Kind != want {
			t.Errorf("%d lines: got %v, want kind %s", lines, err, want)
		}
	}
}

// An event that was cut off has not been seen, and will be asked for again.
func TestWhoEventsCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := streamHead + "event: roster\nid: one-1\ndata: {}\n\nevent: bye\ndata: {}\n\nevent: roster\nid: one-2\ndata: {}\n"
		var events []string
		id, err := parley.FollowEvents(t.Context(), streaming(t, answer), time.Minute, func(name string) { events = append(events, name) })
		if id != "one-1" || strings.Join(events, " ") != "roster bye" || err == nil {
			t.Errorf("got %q up to the ID %q, %v", events, id, err)
		}
	})
}

// A side that does not answer, and one that falls silent, is a timeout; an end from outside is not.
func TestWhoEventsSilence(t *testing.T) {
	t.Parallel()
	const hello = streamHead + "event: hello\ndata: {}\n\n"
	for name, test := range map[string]struct {
		answer     string
		stop       time.Duration // 0: never
		events     int
		kind       peer.Kind
		after      time.Duration
		wantCancel bool
	}{
		"no answer":           {kind: peer.Timeout, after: 5 * time.Second},
		"silence":             {answer: hello, events: 1, kind: peer.Timeout, after: 40 * time.Second},
		"stopped, no answer":  {stop: time.Second, kind: peer.Failed, after: time.Second, wantCancel: true},
		"stopped, in silence": {answer: hello, stop: 30 * time.Second, events: 1, kind: peer.Failed, after: 30 * time.Second, wantCancel: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.stop > 0 {
					time.AfterFunc(test.stop, cancel)
				}
				start, events := time.Now(), 0
				_, err := parley.FollowEvents(ctx, streaming(t, test.answer), 5*time.Second, func(string) { events++ })
				e, ok := errors.AsType[*peer.Error](err)
				if !ok || e.Kind != test.kind || errors.Is(err, context.Canceled) != test.wantCancel {
					t.Errorf("got %v, want kind %s", err, test.kind)
				}
				if took := time.Since(start); took != test.after || events != test.events {
					t.Errorf("%d events, over after %v; want %d and %v", events, took, test.events, test.after)
				}
			})
		})
	}
}
