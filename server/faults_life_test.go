package server_test

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"parley/handler"
	"parley/server"
)

// faultyStates are what a connection that misbehaves can be in: with what faults, in what conversation, how it comes to that
// and what it gets then, if the server drains.
var faultyStates = map[string]struct {
	faults  server.Faults
	handler handler.Func // nil: echo
	before  func(*client)
	drained []string // lines; nil: there is no end to what it gets
}{
	"stalled": {faults: server.Faults{Stall: time.Hour}, drained: []string{"ERR shutting_down"}},
	"stalled, and asked": {
		faults: server.Faults{Stall: time.Hour}, before: func(c *client) { go func() { _, _ = io.WriteString(c.Conn, "a\n") }() },
		drained: []string{"a", "ERR shutting_down"},
	},
	"delayed": {
		faults: server.Faults{Delay: time.Hour}, before: func(c *client) { c.send("a\nb\n") },
		drained: []string{"a", "b", "ERR shutting_down"},
	},
	"delayed for more than there is room": {
		faults: server.Faults{Delay: time.Hour}, handler: flood, before: func(*client) {},
	},
	"rated": {
		faults: server.Faults{Rate: 1}, before: func(c *client) { c.send("abc\ndef\n") },
		drained: []string{"abc", "def", "ERR shutting_down"},
	},
	"chopped": {
		faults: server.Faults{Chop: 1}, before: func(c *client) { c.send("abc\ndef\n"); c.want("abc") },
		drained: []string{"def", "ERR shutting_down"},
	},
	"chopped, and it does not read": {faults: server.Faults{Chop: 1}, handler: flood, before: func(*client) {}},
	"half-closed": {
		faults: server.Faults{HalfCloseAfter: 4}, before: func(c *client) { c.send("abc\ndef\n") }, drained: []string{"abc"},
	},
	"about to be closed": {faults: server.Faults{CloseAfter: time.Hour}, drained: []string{"ERR shutting_down"}},
	"about to be reset":  {faults: server.Faults{ResetAfter: 1 << 40}, drained: []string{"ERR shutting_down"}},
	"all of it, and more": {
		faults:  server.Faults{Stall: time.Hour, Rate: 1, Delay: time.Hour, Jitter: time.Minute, Chop: 1, CloseAfter: 24 * time.Hour, HalfCloseAfter: 1 << 40},
		before:  func(c *client) { go func() { _, _ = io.WriteString(c.Conn, "abc\n") }() },
		drained: []string{"abc", "ERR shutting_down"},
	},
}

// A drain does not wait for a fault, and loses nothing of what was answered.
func TestFaults_drain(t *testing.T) {
	if portable {
		return // Faults are above the transport, and were tested.
	}
	for name, state := range faultyStates {
		if state.drained == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, n network) {
				s, c := enter(t, n, state.faults, state.handler, state.before)
				began := time.Now()
				stopped := make(chan error)
				go func() {
					defer close(stopped)
					s.stop(longDrain)
				}()
				c.wantEnd(state.drained...)
				c.Close()
				_ = s.await(stopped)
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("the drain took %v", took)
				}
			})
		})
	}
}

// What the drain leaves is cut, whatever it is doing, and a client that has gone is no different.
func TestFaults_cut(t *testing.T) {
	for name, state := range faultyStates {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, n network) {
				s, c := enter(t, n, state.faults, state.handler, state.before)
				c.Close()
				began := time.Now()
				s.stop(0)
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("to cut took %v", took)
				}
			})
		})
	}
}

// A client that takes nothing of what a fault lets through is cut at the write timeout.
func TestFaults_writeTimeout(t *testing.T) {
	if portable {
		return // Faults are above the transport, and were tested.
	}
	for name, faults := range map[string]server.Faults{
		"delayed": {Delay: time.Millisecond}, "rated": {Rate: 1 << 30}, "chopped": {Chop: 64 << 10}, "to be reset": {ResetAfter: 1 << 40},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, n network) {
				s := serve(t, n, handler.Func(flood), misbehaving(faults), limits(server.Limits{WriteTimeout: 100 * time.Millisecond, SendBuffer: 4 << 10}))
				s.dial()
				s.wantEnd(server.WriteTimeout)
			})
		})
	}
}

// Idle is who says nothing, not who is answered late.
func TestFaults_idleTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), misbehaving(server.Faults{Delay: 50 * time.Second}), limits(server.Limits{IdleTimeout: time.Minute}))
		began := time.Now()
		c := s.dial()
		c.send("a\n")
		c.want("a")
		c.wantEnd("ERR idle_timeout")
		wantAfter(t, began, 110*time.Second) // The client is told late, too.
		s.wantEnd(server.IdleTimeout)
	})
}

// A handler that panics ends that connection alone, and what it had answered arrives.
func TestFaults_panic(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			if err := s.Reply("so far"); err != nil {
				return err
			}
			panic("as told")
		}), misbehaving(server.Faults{Delay: 20 * time.Millisecond, Chop: 2, CloseAfter: time.Hour}))
		c := s.dial()
		c.wantEnd("so far", "ERR internal")
		c.Close()
		s.wantEnd(server.Internal)
	})
}

// enter brings a connection into a state.
func enter(t *testing.T, n network, f server.Faults, h handler.Func, before func(*client)) (*stage, *client) {
	t.Helper()
	if h == nil {
		h = echo("")
	}
	s := serve(t, n, h, misbehaving(f))
	c := s.dial()
	if before != nil {
		before(c)
	}
	if n.bubble {
		time.Sleep(time.Second)
	} else {
		for by := time.Now().Add(s.patience()); s.metrics().of("parley_faults_total") == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(by) {
				t.Fatal("the conversation has not begun")
			}
		}
	}
	return s, c
}

// After any mix of faults and of clients who don't wait for them, the books are right and nothing is left.
func TestFaults_ledger(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		if n.bubble {
			return // Over a pipe, a client that does not read waits for one that does not either.
		}
		const each = 20
		for i, faults := range []server.Faults{
			{Delay: 5 * time.Millisecond, Jitter: 5 * time.Millisecond, Chop: 7, Share: 0.5},
			{Stall: 5 * time.Millisecond, Rate: 1 << 20, CloseAfter: 20 * time.Millisecond},
			{Delay: time.Millisecond, ResetAfter: 50, CloseAfter: 10 * time.Millisecond},
			{Delay: time.Hour, HalfCloseAfter: 50, CloseAfter: 10 * time.Millisecond},
			{Chop: 1, Corrupt: 0.5, ResetAfter: 40},
		} {
			s := serve(t, n, echo("ECHO: "), greeting, misbehaving(faults))
			var done sync.WaitGroup
			for range each {
				for _, act := range []func(c *client){
					func(*client) {},
					func(c *client) { _, _ = io.WriteString(c.Conn, "a\nb") },
					func(c *client) { _, _ = io.WriteString(c.Conn, "a\nb\n"); _, _ = c.r.ReadString('\n') },
					func(c *client) {
						_, _ = io.WriteString(c.Conn, "a\nb\n")
						_ = c.Conn.(interface{ CloseWrite() error }).CloseWrite()
						_, _ = io.Copy(io.Discard, c.r)
					},
					func(c *client) {
						if tcp, ok := c.Conn.(*net.TCPConn); ok {
							_, _ = io.WriteString(c.Conn, "a\n")
							_ = tcp.SetLinger(0)
						}
					},
				} {
					nc, err := s.socket.dial(netip.Addr{})
					if err != nil {
						continue // It was reset before it knew that it was connected.
					}
					done.Go(func() {
						act(&client{nc, t, bufio.NewReader(nc)})
						nc.Close()
					})
				}
			}
			done.Wait()
			began := time.Now()
			if out := s.stop(longDrain); out.Cut > 0 || time.Since(began) > 9*time.Second {
				t.Errorf("faults %d: it took %v until all were gone, and %d had to be cut", i, time.Since(began), out.Cut)
			}
			s.audit()
		}
	})
}
