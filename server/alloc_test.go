package server_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/handler"
	"parley/protocol"
	"parley/server"
)

// defaultLimits are those of the design.
var defaultLimits = server.Limits{
	MaxMessage:     8 << 10,
	MessageTimeout: 30 * time.Second,
	IdleTimeout:    5 * time.Minute,
	WriteTimeout:   10 * time.Second,
}

// hot are the conversations that are to cost next to nothing: what is sent again and again, in one piece each, and how much is
// answered.
var hot = []struct {
	name    string
	handler string
	options handler.Options
	wire    protocol.Wire
	send    []string
	answer  int
}{
	{"text 64B", "echo", nil, protocol.Text{}, []string{strings.Repeat("x", 63) + "\n"}, 6 + 64},
	{"raw 64B", "echo", handler.Options{"prefix": {""}}, protocol.Raw{}, []string{strings.Repeat("x", 64)}, 64},
	{"raw 16KiB", "echo", handler.Options{"prefix": {""}}, protocol.Raw{}, []string{strings.Repeat("x", 16<<10)}, 16 << 10},
	{"raw with prefix", "echo", nil, protocol.Raw{}, []string{"x"}, 6 + 1},
	{"text in one", "echo", nil, protocol.Text{}, []string{strings.Repeat("xyz\n", 100)}, 1000},
	{"text in two", "echo", nil, protocol.Text{}, []string{"x", "yz\n"}, 10},
	{"counting text", "counting", nil, protocol.Text{}, []string{"x\n"}, 8},
	{"happy", "happy", handler.Options{"once": {"false"}, "message": {"hello"}}, protocol.Text{}, []string{"a\n"}, 6},
}

// connects starts a server as it is in earnest and returns a client of it who has been greeted.
func connects(tb testing.TB, kind string, options handler.Options, wire protocol.Wire) (net.Conn, *prometheus.Registry) {
	tb.Helper()
	h, err := handler.Kinds[kind].New(options)
	if err != nil {
		tb.Fatal(err)
	}
	srv := server.New(server.Config{MaxConns: 10_000, Portable: portable})
	registry := prometheus.NewRegistry()
	registry.MustRegister(srv)
	listener := srv.NewListener(server.ListenerConfig{
		Handler: h, Wire: wire, Greeting: true, Flush: 200 * time.Millisecond, Limits: defaultLimits,
	})
	sockets, err := server.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- listener.Serve(sockets[0]) }()
	nc, err := net.Dial("tcp", sockets[0].Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		nc.Close()
		srv.Shutdown(context.Background())
		if err := <-served; !errors.Is(err, server.ErrServerClosed) {
			tb.Error(err)
		}
	})
	if _, err := bufio.NewReaderSize(nc, 1024).ReadString('\n'); err != nil {
		tb.Fatal(err)
	}
	return nc, registry
}

// converses returns a function that has one round of a hot conversation with a server. It allocates nothing itself.
func converses(tb testing.TB, kind string, options handler.Options, wire protocol.Wire, send []string, answer int) func() {
	tb.Helper()
	nc, _ := connects(tb, kind, options, wire)
	pieces := make([][]byte, len(send))
	for i, piece := range send {
		pieces[i] = []byte(piece)
	}
	b := make([]byte, answer)
	return func() {
		for _, piece := range pieces {
			if _, err := nc.Write(piece); err != nil {
				tb.Fatal(err)
			}
		}
		if _, err := io.ReadFull(nc, b); err != nil {
			tb.Fatal(err)
		}
	}
}

// TestNoAllocation is not parallel, as AllocsPerRun counts what the whole process allocates.
func TestNoAllocation(t *testing.T) {
	for _, c := range hot {
		t.Run(c.name, func(t *testing.T) {
			round := converses(t, c.handler, c.options, c.wire, c.send, c.answer)
			n := testing.AllocsPerRun(1000, round)
			if n != 0 && !raceDetector {
				t.Errorf("%v allocations a round", n)
			}
		})
	}
}

// Of what is not answered message by message too, no message allocates; or not more than this for those who keep what it
// says: chat makes the line that the others are sent, register makes fields.
func TestNoAllocation_unanswered(t *testing.T) {
	const messages = 5000
	for _, c := range []struct {
		name, handler string
		wire          protocol.Wire
		send          string
		most          float64
	}{
		{"discard text", "discard", protocol.Text{}, "x\n", 0},
		{"discard raw", "discard", protocol.Raw{}, "x", 0},
		{"chat", "chat", protocol.Text{}, "hello\n", 3},
		{"register", "register", protocol.Text{}, "name=Ada email=ada@example.org\n", 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			nc, registry := connects(t, c.handler, nil, c.wire)
			var reading sync.WaitGroup
			reading.Go(func() { _, _ = io.Copy(io.Discard, nc) })
			defer reading.Wait()
			defer nc.Close()
			piece := []byte(c.send)
			received := func() float64 {
				families, err := registry.Gather()
				if err != nil {
					t.Fatal(err)
				}
				return metrics(families).of("parley_received_bytes_total")
			}
			looks := 0
			send := func(n int) {
				want := received() + float64(n*len(piece))
				for range n {
					if _, err := nc.Write(piece); err != nil {
						t.Fatal(err)
					}
				}
				for looks = 1; received() < want; looks++ {
					time.Sleep(time.Millisecond)
				}
			}
			send(100)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			send(messages)
			runtime.ReadMemStats(&after)
			// Without what it takes to look whether all has come in, which on a busy machine is often; the rest stays under this.
			const slack = 0.5
			look := testing.AllocsPerRun(10, func() { received() })
			each := (float64(after.Mallocs-before.Mallocs) - float64(looks+1)*look) / messages
			t.Logf("%.2f allocations a message", each)
			if each > c.most+slack && !raceDetector {
				t.Errorf("want at most %v", c.most)
			}
		})
	}
}
