package handler_test

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"parley/handler"
	"parley/handler/handlertest"
)

func TestCounting_numbers(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	s := handlertest.NewServer(t, newHandler(t, "counting", nil), handlertest.Log(zap.New(core)))
	var want []map[string]any
	for i := range 3 {
		c := s.Dial()
		c.Send("hi\n")
		c.Expect("ECHO: hi\n")
		port := fmt.Sprint(50001 + i)
		want = append(want, map[string]any{
			"clientid": uint64(i + 1), "peer": "198.51.100.7:" + port,
			"number": int64(i + 1), "ip": "198.51.100.7", "port": port,
		})
		if i == 0 { // One that has left still counts.
			c.CloseWrite()
			c.ExpectEnd()
		}
	}
	var got []map[string]any
	for _, line := range logs.FilterMessage("client counted").All() {
		got = append(got, line.ContextMap())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log lines (-want +got):\n%s", diff)
	}
}

// TestCounting_limit: those beyond the limit are turned away, and the list comes when the last of the others has left, in the order
// in which they came.
func TestCounting_limit(t *testing.T) {
	t.Parallel()
	s := handlertest.NewServer(t, newHandler(t, "counting", handler.Options{"limit": {"3"}}))
	a, b := s.Dial(), s.Dial()
	a.CloseWrite()
	a.ExpectEnd()
	c := s.Dial()

	// One place is empty, but the handler counts who came, not who is there.
	full := s.Dial()
	full.Expect("ERR server_full\n")
	full.ExpectEnd()

	for _, client := range []*handlertest.Client{c, b} {
		client.Send("hi\nthere\n")
		client.CloseWrite()
		client.Expect("ECHO: hi\nECHO: there\n")
		client.ExpectEnd()
	}
	want := []string{
		"client 1 of 3: clientid=1 ip=198.51.100.7 port=50001",
		"client 2 of 3: clientid=2 ip=198.51.100.7 port=50002",
		"client 3 of 3: clientid=3 ip=198.51.100.7 port=50003",
	}
	if diff := cmp.Diff(want, s.Finished()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}

	late := s.Dial()
	late.Expect("ERR server_full\n")
	late.ExpectEnd()
}

// TestCounting_limitOnce: with once the clients need not end their side for the list to come.
func TestCounting_limitOnce(t *testing.T) {
	t.Parallel()
	s := handlertest.NewServer(t, newHandler(t, "counting", handler.Options{"limit": {"1"}, "once": {"true"}}))
	c := s.Dial()
	c.Send("hi\n")
	c.Expect("ECHO: hi\n")
	c.ExpectEnd()
	want := []string{"client 1 of 1: clientid=1 ip=198.51.100.7 port=50001"}
	if diff := cmp.Diff(want, s.Finished()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// TestCounting_lostClient: a connection that broke was a client too, and does not keep the daemon from ending.
func TestCounting_lostClient(t *testing.T) {
	t.Parallel()
	h := newHandler(t, "counting", handler.Options{"limit": {"1"}})
	err := h.Serve(&session{id: 7, addr: &net.TCPAddr{IP: net.IPv6loopback, Port: 1}, messages: 1})
	want := handler.Finished{Report: []string{"client 1 of 1: clientid=7 ip=::1 port=1"}}
	if diff := cmp.Diff(want, err); diff != "" {
		t.Errorf("Serve (-want +got):\n%s", diff)
	}
}

// TestCounting_panic: one whose conversation panics has left, be it the last one or not.
func TestCounting_panic(t *testing.T) {
	t.Parallel()
	oh := func() { panic("oh") }
	for _, panics := range [][]bool{{true, false}, {false, true}, {true, true}} {
		h := newHandler(t, "counting", handler.Options{"limit": {"2"}})
		for i, p := range panics {
			s := &session{id: uint64(i + 1), addr: &net.TCPAddr{IP: net.IPv6loopback, Port: i + 1}}
			if p {
				s.wait = oh
			}
			value, err := func() (value any, err error) {
				defer func() { value = recover() }()
				return nil, h.Serve(s)
			}()
			var want error
			if i == 1 {
				want = handler.Finished{Report: []string{"client 1 of 2: clientid=1 ip=::1 port=1", "client 2 of 2: clientid=2 ip=::1 port=2"}}
			}
			if diff := cmp.Diff(want, err); diff != "" || (value == "oh") != (p && i == 0) {
				t.Errorf("%v: client %d: panic %v, Serve (-want +got):\n%s", panics, i+1, value, diff)
			}
		}
	}
}

// TestCounting_unixSocket: the clients of a unix socket have no address.
func TestCounting_unixSocket(t *testing.T) {
	t.Parallel()
	for _, addr := range []*net.UnixAddr{{Net: "unix"}, {Net: "unix", Name: "@"}} {
		h := newHandler(t, "counting", handler.Options{"limit": {"1"}})
		err := h.Serve(&session{id: 1, addr: addr})
		want := handler.Finished{Report: []string{"client 1 of 1: clientid=1 ip=unix port=-"}}
		if diff := cmp.Diff(want, err); diff != "" {
			t.Errorf("Serve (-want +got):\n%s", diff)
		}
	}
}

func TestCounting_noLimit(t *testing.T) {
	t.Parallel()
	for _, o := range []handler.Options{nil, {"limit": {"0"}}} {
		h := newHandler(t, "counting", o)
		for range 10 {
			if err := h.Serve(&session{addr: &net.TCPAddr{}}); err != nil {
				t.Errorf("%v: Serve = %v", o, err)
			}
		}
	}
}

// TestCounting_atOnce: of many who come at once exactly as many as the limit says are served, and one is the last.
func TestCounting_atOnce(t *testing.T) {
	t.Parallel()
	const clients, limit = 100, 30
	h := newHandler(t, "counting", handler.Options{"limit": {fmt.Sprint(limit)}})
	var came, left sync.WaitGroup
	came.Add(clients)
	errs := make(chan error, clients)
	for i := range clients {
		left.Go(func() {
			entered := false
			err := h.Serve(&session{id: uint64(i), addr: &net.TCPAddr{}, wait: func() {
				entered = true
				came.Done()
				came.Wait() // Nobody leaves before all have come.
			}})
			if !entered {
				came.Done()
			}
			errs <- err
		})
	}
	left.Wait()
	close(errs)
	got := map[string]int{}
	for err := range errs {
		finished, ok := errors.AsType[handler.Finished](err)
		switch {
		case ok:
			got["finished"]++
			if len(finished.Report) != limit {
				t.Errorf("%d lines in the report, want %d", len(finished.Report), limit)
			}
		case errors.Is(err, handler.ErrFull):
			got["full"]++
		case err == nil:
			got["served"]++
		default:
			t.Error(err)
		}
	}
	want := map[string]int{"served": limit - 1, "finished": 1, "full": clients - limit}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
