package server_test

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"parley/handler"
	"parley/server"
)

// wantAfter wants what it is given to have taken d since began, by the bubble's clock.
func wantAfter(t *testing.T, began time.Time, d time.Duration) {
	t.Helper()
	if took := time.Since(began); took != d {
		t.Errorf("it took %v, want %v", took, d)
	}
}

func TestIdleTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), limits(server.Limits{IdleTimeout: 5 * time.Minute}))
		began := time.Now()
		c := s.dial()
		c.wantEnd("ERR idle_timeout")
		wantAfter(t, began, 5*time.Minute)
		c.Close()
		s.wantEnd(server.IdleTimeout)
	})
}

func TestIdleTimeout_none(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := serve(t, overPipe, echo("")).dial()
		time.Sleep(1000 * time.Hour)
		c.send("still there\n")
		c.want("still there")
	})
}

// Idle is counted per connection, from the last message either way.
func TestIdleTimeout_notWhoSpeaks(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), limits(server.Limits{IdleTimeout: 5 * time.Minute}))
		began := time.Now()
		silent, speaks := s.dial(), s.dial()
		for range 10 {
			time.Sleep(299 * time.Second)
			speaks.send("a\n")
			speaks.want("a")
		}
		speaks.wantEnd("ERR idle_timeout")
		wantAfter(t, began, 2990*time.Second+5*time.Minute)
		silent.wantEnd("ERR idle_timeout")
	})
}

func TestIdleTimeout_notWhoIsSpokenTo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const times = 10
		s := serve(t, overPipe, handler.Func(func(s handler.Session) error {
			go func() {
				for range times {
					time.Sleep(299 * time.Second)
					_ = s.Reply("news")
				}
			}()
			return echo("")(s)
		}), limits(server.Limits{IdleTimeout: 5 * time.Minute}))
		began := time.Now()
		c := s.dial()
		for range times {
			c.want("news")
		}
		c.wantEnd("ERR idle_timeout")
		wantAfter(t, began, times*299*time.Second+5*time.Minute)
	})
}

// Who speaks to a handler that says nothing is not idle. Once he was, if the handler left the loop at each message.
func TestIdleTimeout_notWhoGetsNoReply(t *testing.T) {
	silent := map[string]handler.Func{
		"loops": func(s handler.Session) error {
			for range s.Messages() {
			}
			return nil
		},
		"leaves": func(s handler.Session) error {
			for more := true; more; {
				more = false
				for range s.Messages() {
					more = true
					break
				}
			}
			return nil
		},
	}
	for name, h := range silent {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, overPipe, h, limits(server.Limits{IdleTimeout: time.Minute}))
				c := s.dial()
				for range 10 {
					time.Sleep(59 * time.Second)
					c.send("a\n")
				}
				c.closeWrite()
				c.wantEnd()
				s.wantEnd(server.ClientClosed)
			})
		})
	}
}

// The time that a handler takes is not the client's.
func TestIdleTimeout_notWhileHandled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, handler.Func(func(s handler.Session) error {
			for msg := range s.Messages() {
				time.Sleep(time.Hour)
				_ = s.Echo("", msg)
			}
			return nil
		}), limits(server.Limits{IdleTimeout: time.Minute, MessageTimeout: time.Second}))
		c := s.dial()
		c.send("a\nb\nc\n")
		c.want("a", "b", "c")
		began := time.Now()
		c.wantEnd("ERR idle_timeout")
		wantAfter(t, began, time.Minute)
	})
}

// A telnet option, or half of one, is no message: who sends nothing else is idle.
func TestIdleTimeout_telnetOptions(t *testing.T) {
	for name, pieces := range map[string][]string{
		"whole":  {"\xff\xf1"},
		"halves": {"\xff", "\xf1"},
		"across": {"\xff\xf1\xff", "\xf1"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, overPipe, echo(""), flush(200*time.Millisecond),
					limits(server.Limits{IdleTimeout: 5 * time.Minute, MessageTimeout: 30 * time.Second}))
				began := time.Now()
				c := s.dial()
				trickle(c, 10*time.Second, pieces...)
				c.wantEnd("ERR idle_timeout")
				wantAfter(t, began, 5*time.Minute)
				c.Close()
			})
		})
	}
}

// trickle sends the pieces over and over, one each d, until the connection is closed or the test ends.
func trickle(c *client, d time.Duration, pieces ...string) {
	stop := make(chan struct{})
	c.t.Cleanup(func() { close(stop) })
	go func() {
		for i := 0; ; i++ {
			select {
			case <-time.After(d):
			case <-stop:
				return
			}
			if _, err := io.WriteString(c.Conn, pieces[i%len(pieces)]); err != nil {
				return
			}
		}
	}()
}

// The time for a message counts from its first byte, and is not renewed by further ones.
func TestMessageTimeout(t *testing.T) {
	for name, test := range map[string]struct {
		before string
		piece  string
		every  time.Duration
	}{
		"first line":         {"", "x", time.Second},
		"never quiet":        {"", "x", 199 * time.Millisecond},
		"after a line":       {"a\n", "x", time.Second},
		"behind a line":      {"a\nx", "x", time.Second},
		"byte by byte":       {"a\n", "x", time.Millisecond},
		"telnet option":      {"a\n", "\xff\xf1\xff", time.Second},
		"telnet negotiation": {"a\n", "\xff\xfa\x18", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, overPipe, echo(""), limits(server.Limits{
					MaxMessage: 1 << 20, MessageTimeout: 30 * time.Second, IdleTimeout: 5 * time.Minute,
				}), func(r *role) {
					if test.every < 200*time.Millisecond {
						r.listener.Flush = 200 * time.Millisecond
					}
				})
				c := s.dial()
				began := time.Now()
				if test.before != "" {
					c.send(test.before)
					c.want("a")
				}
				if !strings.HasSuffix(test.before, "x") {
					c.send(test.piece)
				}
				trickle(c, test.every, test.piece)
				c.wantEnd("ERR message_timeout")
				wantAfter(t, began, 30*time.Second)
				c.Close()
				s.wantEnd(server.MessageTimeout)
			})
		})
	}
}

// Each message has its own time.
func TestMessageTimeout_each(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := serve(t, overPipe, echo(""), limits(server.Limits{MessageTimeout: 30 * time.Second})).dial()
		c.send("a")
		for range 5 {
			time.Sleep(29 * time.Second)
			c.send("b\na")
			c.want("ab")
		}
		time.Sleep(time.Second) // Not the same instant, which could be either's.
		began := time.Now()
		c.wantEnd("ERR message_timeout")
		wantAfter(t, began, 29*time.Second)
	})
}

// Without a time for messages, beginning one is no way to stay for ever.
func TestMessageTimeout_none(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), limits(server.Limits{IdleTimeout: time.Minute}))
		c := s.dial()
		time.Sleep(30 * time.Second)
		began := time.Now()
		c.send("a")
		trickle(c, time.Second, "b")
		c.wantEnd("ERR idle_timeout")
		wantAfter(t, began, time.Minute)
		c.Close()
	})
}

// flood replies without end.
func flood(s handler.Session) error {
	line := strings.Repeat("x", 64<<10)
	for {
		if err := s.Reply(line); err != nil {
			return err
		}
	}
}

// Who reads nothing is cut at the write timeout, and within a quarter.
func TestWriteTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, handler.Func(flood), limits(server.Limits{WriteTimeout: 10 * time.Second}))
		began := time.Now()
		s.dial()
		s.wantEnd(server.WriteTimeout)
		if took := time.Since(began); took < 10*time.Second || took > 12500*time.Millisecond {
			t.Errorf("cut after %v", took)
		}
	})
}

// One who stops reading in the middle is cut as well, and gets a reset: nothing that looks like the end of a whole answer.
func TestWriteTimeout_tcp(t *testing.T) {
	t.Parallel()
	const timeout = 400 * time.Millisecond
	s := serve(t, overTCP, handler.Func(flood), limits(server.Limits{WriteTimeout: timeout}))
	began := time.Now()
	c := s.dial()
	if _, err := io.ReadFull(c.r, make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	e := s.wantEnd(server.WriteTimeout)
	if took := time.Since(began); took < timeout {
		t.Errorf("cut after %v, want at least %v", took, timeout)
	}
	if e.string("error") != "" {
		t.Errorf("the log line has the error %q", e.string("error"))
	}
	if _, err := io.Copy(io.Discard, c.r); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client read to %v, want %v", err, syscall.ECONNRESET)
	}
}

// However slowly a client reads, it gets everything as long as it goes on reading.
func TestWriteTimeout_notWhoReads(t *testing.T) {
	for name, test := range map[string]struct {
		every time.Duration
		bytes int
	}{
		"a little often":  {time.Second, 100},
		"one byte rarely": {9900 * time.Millisecond, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				answer := strings.Repeat("x", 40*test.bytes)
				s := serve(t, overPipe, handler.Func(func(s handler.Session) error {
					for range 3 {
						if err := s.Reply(answer); err != nil {
							return err
						}
					}
					return nil
				}), limits(server.Limits{WriteTimeout: 10 * time.Second}))
				nc, err := s.socket.dial(netip.Addr{})
				if err != nil {
					t.Fatal(err)
				}
				got := 0
				for b := make([]byte, test.bytes); ; {
					time.Sleep(test.every)
					n, err := nc.Read(b)
					got += n
					if err != nil {
						break
					}
				}
				if want := 3 * len(text(answer)); got != want {
					t.Errorf("got %d bytes of %d", got, want)
				}
				nc.Close()
				s.wantEnd(server.Done)
			})
		})
	}
}

// Without a write timeout one who does not read waits for ever, and nobody is the worse for it.
func TestWriteTimeout_none(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), limits(server.Limits{IdleTimeout: time.Minute}))
		deaf := s.dial()
		deaf.send("a\n")
		time.Sleep(time.Hour)
		c := s.dial()
		c.send("b\n")
		c.want("b")
		synctest.Wait()
		deaf.want("a")
	})
}
