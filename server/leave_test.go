package server_test

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/handler"
	"parley/server"
)

// sessions returns a handler that hands its sessions out, and runs h.
func sessions(h handler.Func) (handler.Func, <-chan handler.Session) {
	ch := make(chan handler.Session, 100)
	return func(s handler.Session) error {
		ch <- s
		return h(s)
	}, ch
}

// End is like the client's own end: what was said is answered, and there is time for a last word.
func TestEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		h, came := sessions(func(s handler.Session) error {
			if err := echo("")(s); err != nil {
				return err
			}
			for range s.Messages() {
				t.Error("a message behind the end")
			}
			return s.Reply("bye")
		})
		s := serve(t, n, h)
		c := s.dial()
		c.send("a\nb\nhalf of ")
		c.want("a", "b")
		session := <-came
		session.End()
		session.End()
		c.wantEnd("bye")
		c.Close()
		s.wantEnd(server.Done)
	})
}

// The handler that ends its own loop is not given the messages that have come already.
func TestEnd_withinMessages(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			for msg := range s.Messages() {
				_ = s.Echo("", msg)
				s.End()
			}
			return nil
		}))
		c := s.dial()
		c.send("a\nb\nc\n")
		c.wantEnd("a")
		c.Close()
		s.wantEnd(server.Done)
	})
}

func TestEnd_beforeMessages(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			s.End()
			return echo("")(s)
		}))
		c := s.dial()
		c.wantEnd()
		c.Close()
		s.wantEnd(server.Done)
	})
}

// The read deadline is set for every piece that comes. None may undo an End.
func TestEnd_whileTheClientSpeaks(t *testing.T) {
	t.Parallel()
	const rounds = 50
	h, came := sessions(echo(""))
	s := serve(t, overTCP, h, flush(time.Millisecond),
		limits(server.Limits{IdleTimeout: time.Hour, MessageTimeout: time.Hour}))
	for range rounds {
		c := s.dial()
		var speaking sync.WaitGroup
		speaking.Go(func() {
			for {
				if _, err := c.Write([]byte("a\nb")); err != nil {
					return
				}
			}
		})
		c.want("a")
		(<-came).End()
		if _, err := io.Copy(io.Discard, c.r); err != nil {
			t.Errorf("waiting for the end: %v", err)
		}
		c.Close()
		speaking.Wait()
		s.wantEnd(server.Done)
	}
}

// Shutdown sets the read deadline too, and later.
func TestEnd_whileDraining(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h, came := sessions(echo(""))
		s := serve(t, overPipe, h)
		c := s.dial()
		session := <-came
		synctest.Wait()
		began := time.Now()
		session.End()
		s.stop(drainTimeout)
		c.wantEnd()
		// A client who leaves its side open is waited for, but not longer than that.
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		c.Close()
		s.wantEnd(server.Done)
	})
}

// Drop waits for nobody: neither for a reply that the client does not take, nor for one who is being read from.
func TestDrop(t *testing.T) {
	for name, h := range map[string]handler.Func{
		"listening": echo(""),
		"speaking": func(s handler.Session) error {
			for {
				if err := s.Reply(strings.Repeat("x", 1000)); err != nil {
					return err
				}
			}
		},
		"doing nothing": func(s handler.Session) error {
			<-s.Context().Done()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, n network) {
				h, came := sessions(h)
				s := serve(t, n, h)
				c := s.dial()
				session := <-came
				session.Drop()
				session.Drop()
				s.wantEnd(server.SlowReader)
				if err := session.Reply("too late"); err == nil {
					t.Error("Reply after Drop returned no error")
				}
				session.End()
				session.Drop()
				c.Close()
			})
		})
	}
}

// What the system still holds for the client goes too.
func TestDrop_resets(t *testing.T) {
	t.Parallel()
	h, came := sessions(echo(""))
	s := serve(t, overTCP, h)
	c := s.dial()
	(<-came).Drop()
	s.wantEnd(server.SlowReader)
	if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "reset") {
		t.Errorf("Read: %v, want a reset", err)
	}
}

// The first reason counts.
func TestDrop_afterTheEnd(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			for range s.Messages() {
			}
			s.Drop()
			s.Drop()
			return nil
		}), limits(server.Limits{MaxMessage: 10}))
		c := s.dial()
		c.send(strings.Repeat("x", 11))
		s.wantEnd(server.LineTooLong)
		c.Close()
	})
}

// End and Drop may come from anywhere, at any time, also long after the connection is gone.
func TestLeave_atOnce(t *testing.T) {
	t.Parallel()
	const clients, each = 50, 4
	h, came := sessions(echo(""))
	s := serve(t, overTCP, h)
	conns := make([]net.Conn, clients)
	for i := range conns {
		conns[i] = s.dial()
	}
	var leaving sync.WaitGroup
	var all []handler.Session
	for range clients {
		session := <-came
		all = append(all, session)
		for i := range each {
			leaving.Go(func() {
				if i%2 == 0 {
					session.End()
				} else {
					session.Drop()
				}
			})
		}
	}
	for _, nc := range conns {
		leaving.Go(func() { nc.Close() })
	}
	leaving.Wait()
	for range clients {
		<-s.log.ends
	}
	for _, session := range all {
		session.End()
		session.Drop()
	}
}

// A handler may reply from another goroutine than the one that waits for messages. When the client does not take it, Messages ends
// with it: once it waited for the client to say something, for as long as being idle is allowed.
func TestReply_failsBesideMessages(t *testing.T) {
	speaking := func(s handler.Session) error {
		var speaking sync.WaitGroup
		speaking.Go(func() {
			for {
				if s.Reply(strings.Repeat("x", 1000)) != nil {
					return
				}
			}
		})
		for range s.Messages() {
		}
		speaking.Wait()
		return nil
	}
	t.Run("not read", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			s := serve(t, overPipe, handler.Func(speaking), limits(server.Limits{WriteTimeout: 10 * time.Second}))
			began := time.Now()
			s.dial()
			s.wantEnd(server.WriteTimeout)
			wantAfter(t, began, 10*time.Second)
		})
	})
	for name, n := range map[string]network{"tcp": overTCP, "held": overHeld} {
		t.Run("not read/"+name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, n, handler.Func(speaking), limits(server.Limits{WriteTimeout: 100 * time.Millisecond}))
			s.dial()
			s.wantEnd(server.WriteTimeout)
		})
	}
}

// What a client says of itself may be as long as a message; what is kept of it is not.
func TestRegister_long(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			s.Register(strings.Repeat("n", 8<<10), strings.Repeat("\xff", 256))
			return nil
		}))
		c := s.dial()
		c.wantEnd()
		c.Close()
		e := s.wantEnd(server.Done)
		for _, e := range append(s.log.lines("client registered"), e) {
			if got, want := e.string("name")+" "+e.string("email"), strings.Repeat("n", 256)+"... "+strings.Repeat(`\xff`, 256); got != want {
				t.Errorf("%s: got %s, want %s", e.Message, got, want)
			}
		}
	})
}

// The log says what is news, and not for ever.
func TestRegister_again(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			for i := range 100 {
				s.Register(fmt.Sprint("name ", i), "a@example.org")
				s.Register(fmt.Sprint("name ", i), "a@example.org")
			}
			return nil
		}))
		c := s.dial()
		c.wantEnd()
		c.Close()
		e := s.wantEnd(server.Done)
		if got := e.string("name"); got != "name 99" {
			t.Errorf("the last line has %q", got)
		}
		var got []string
		for _, e := range s.log.lines("client registered") {
			got = append(got, e.string("name"))
		}
		if want := numbered("name ", 11); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
