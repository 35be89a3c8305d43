package server_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
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
	{"happy", "happy", handler.Options{"once": {"false"}, "message": {"hello"}}, protocol.Text{}, []string{"a\n"}, 6},
}

// converses starts a server as it is in earnest and returns a function that has one round of a hot conversation with it. It
// allocates nothing itself.
func converses(tb testing.TB, kind string, options handler.Options, wire protocol.Wire, send []string, answer int) func() {
	tb.Helper()
	h, err := handler.Kinds[kind].New(options)
	if err != nil {
		tb.Fatal(err)
	}
	srv := server.New(server.Config{MaxConns: 10_000, Portable: portable})
	prometheus.NewRegistry().MustRegister(srv)
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
