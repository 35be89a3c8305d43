package server_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/handler"
	"parley/protocol"
	"parley/server"
)

// The answer that is on its way when a connection ends, and what the client has sent by then and nobody reads. Closing without
// care loses nearly all such answers, because the system then answers the unread input with a reset.
const (
	bigAnswer   = 400 << 10
	unreadInput = 256 << 10
)

var bigLine = strings.Repeat("x", bigAnswer-1)

// answersBig gives a big answer at once, and ends at the first message as it is told.
func answersBig(end func() error) handler.Func {
	return func(s handler.Session) error {
		if err := s.Reply(bigLine); err != nil {
			return err
		}
		for range s.Messages() {
			if end != nil {
				return end()
			}
		}
		return nil
	}
}

// A tellingWire says when a client is told why its connection ends.
type tellingWire struct {
	protocol.Wire
	told chan struct{}
}

func (w tellingWire) AppendError(dst []byte, e protocol.Error) []byte {
	w.told <- struct{}{}
	return w.Wire.AppendError(dst, e)
}

// No way to end a connection may lose what was answered, whatever the client goes on sending.
func TestClose_unreadInput(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end    func() error
		limits server.Limits
		send   string
		told   string
		reason server.Reason
	}{
		"line too long": {
			limits: server.Limits{MaxMessage: 8192},
			send:   strings.Repeat("y", unreadInput),
			told:   "ERR line_too_long limit=8192\n",
			reason: server.LineTooLong,
		},
		"idle timeout": {
			limits: server.Limits{IdleTimeout: 50 * time.Millisecond},
			told:   "ERR idle_timeout\n",
			reason: server.IdleTimeout,
		},
		"message timeout": {
			limits: server.Limits{MessageTimeout: 50 * time.Millisecond},
			send:   strings.Repeat("y", unreadInput),
			told:   "ERR message_timeout\n",
			reason: server.MessageTimeout,
		},
		"error": {
			end:    func() error { return errors.New("broken") },
			send:   strings.Repeat("y\n", unreadInput/2),
			told:   "ERR internal\n",
			reason: server.Internal,
		},
		"full": {
			end:    func() error { return handler.ErrFull },
			send:   strings.Repeat("y\n", unreadInput/2),
			told:   "ERR server_full\n",
			reason: server.ServerFull,
		},
		"panic": {
			end:    func() error { panic("broken") },
			send:   strings.Repeat("y\n", unreadInput/2),
			told:   "ERR internal\n",
			reason: server.Internal,
		},
		"goexit": {
			end: func() error {
				runtime.Goexit()
				return nil
			},
			send:   strings.Repeat("y\n", unreadInput/2),
			told:   "ERR internal\n",
			reason: server.Internal,
		},
		"done": {
			end:    func() error { return nil },
			send:   strings.Repeat("y\n", unreadInput/2),
			reason: server.Done,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const rounds, clients = 25, 4
			told := make(chan struct{}, clients)
			s := serve(t, overTCP, answersBig(test.end), limits(test.limits), func(r *role) {
				r.listener.Wire = tellingWire{protocol.Text{}, told}
			})
			var truncated atomic.Int32
			for range rounds {
				var all [clients]*client
				for i := range all {
					all[i] = s.dial()
					all[i].send(test.send)
				}
				// So far nobody reads, so that most of the answer is still on the server's side when it has said its last word.
				if test.told != "" {
					for range clients {
						<-told
					}
				}
				var done sync.WaitGroup
				for _, c := range all {
					done.Go(func() {
						_, _ = io.WriteString(c.Conn, strings.Repeat("z", unreadInput/4))
						got, err := io.ReadAll(c.r)
						c.Close()
						if err != nil || string(got) != bigLine+"\n"+test.told {
							truncated.Add(1)
						}
					})
				}
				done.Wait()
				for range clients {
					s.wantEnd(test.reason)
				}
			}
			if n := truncated.Load(); n > 0 {
				t.Errorf("%d of %d answers were truncated", n, rounds*clients)
			}
		})
	}
}

// One who was turned away reads why, also if he had already begun to speak.
func TestClose_unreadInputRefused(t *testing.T) {
	t.Parallel()
	const clients = 100
	s := serve(t, overTCP, echo(""), limits(server.Limits{MaxConns: 1}))
	in := s.dial()
	in.send("a\n")
	in.want("a")
	for range clients {
		c := s.dial()
		_, _ = io.WriteString(c.Conn, strings.Repeat("y", unreadInput)) // May fail: he is out already.
		c.wantEnd("ERR server_full")
		c.Close()
		s.wantEnd(server.ServerFull)
	}
}

// At the end of the server all are in the middle of something.
func TestClose_unreadInputShutdown(t *testing.T) {
	t.Parallel()
	const clients = 100
	var answered sync.WaitGroup
	answered.Add(clients)
	s := serve(t, overTCP, handler.Func(func(s handler.Session) error {
		for range s.Messages() {
			err := s.Reply(bigLine)
			answered.Done()
			if err != nil {
				return err
			}
		}
		return nil
	}))
	var done sync.WaitGroup
	for range clients {
		c := s.dial()
		c.send("go\n")
		done.Go(func() {
			if err := readBig(c, func() { _, _ = io.WriteString(c.Conn, strings.Repeat("y", unreadInput)) }); err != nil {
				t.Error(err)
			}
			c.Close()
		})
	}
	answered.Wait()
	if got, want := s.stop(longDrain), (server.Outcome{Drained: clients}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	done.Wait()
}

// readBig reads some of the big answer, goes on sending, and then reads what is left.
func readBig(c *client, send func()) error {
	some, err := io.ReadAll(io.LimitReader(c.r, bigAnswer/4))
	if err != nil {
		return err
	}
	send()
	rest, err := io.ReadAll(c.r)
	if err != nil {
		return err
	}
	if got := string(some) + string(rest); got != bigLine+"\nERR shutting_down\n" {
		return fmt.Errorf("got %d bytes, ending in %q", len(got), got[max(0, len(got)-30):])
	}
	return nil
}

// A client that resets its connection is no event, whatever it was in the middle of.
func TestReset(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		h    handler.Handler
		as   []func(*role)
		send string
		read bool
		want []server.Reason
	}{
		"at once":          {h: echo(""), want: []server.Reason{server.Reset}},
		"greeting unread":  {h: echo(""), as: []func(*role){greeting}, want: []server.Reason{server.Reset}},
		"greeting read":    {h: echo(""), as: []func(*role){greeting}, read: true, want: []server.Reason{server.Reset}},
		"in a message":     {h: echo(""), send: "a\nb", read: true, want: []server.Reason{server.Reset}},
		"answer unread":    {h: echo(""), send: "a\n", want: []server.Reason{server.Reset}},
		"in a long answer": {h: handler.Func(flood), read: true, want: []server.Reason{server.Reset}},
		"after the end":    {h: handler.Func(func(s handler.Session) error { return s.Reply("bye") }), read: true, want: []server.Reason{server.Done}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, overTCP, test.h, test.as...)
			c := s.dial()
			if test.send != "" {
				c.send(test.send)
			}
			if test.read {
				if _, err := c.r.ReadByte(); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Conn.(*net.TCPConn).SetLinger(0); err != nil {
				t.Fatal(err)
			}
			c.Close()
			e := s.wantEnd(test.want[0])
			if e.string("error") != "" {
				t.Errorf("the log line has the error %q", e.string("error"))
			}
			if n := s.log.count("handler panicked"); n != 0 {
				t.Errorf("%d panics", n)
			}
		})
	}
}

// A thousand clients that end their side and are gone leave nothing behind.
func TestClose_halfClosedAndGone(t *testing.T) {
	t.Parallel()
	s := serve(t, overTCP, echo(""))
	for range 1000 {
		c := s.dial()
		c.send("a\nb")
		c.closeWrite()
		c.Close()
	}
	for range 1000 {
		select {
		case <-s.log.ends:
		case <-time.After(s.patience()):
			t.Fatal("some are still there")
		}
	}
	if got := s.metrics().of("parley_connections_active"); got != 0 {
		t.Errorf("%v are active", got)
	}
}
