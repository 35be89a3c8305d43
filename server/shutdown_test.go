package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"parley/handler"
	"parley/server"
)

// The times of a drain that has 8 s: what has been sent may come in for settled, a message that has begun may take until
// unfinished, and who does not end his side then is waited for as long as lingering.
const (
	drainTimeout = 8 * time.Second
	settled      = 110 * time.Millisecond
	unfinished   = 2010 * time.Millisecond
	lingering    = time.Second
)

// longDrain leaves those who test in real time the time that a busy machine needs. The parts of a drain are as short as before.
const longDrain = time.Minute

// drainStates are what a connection can be in when the server is shut down: how it comes to that, how it goes on, and how
// long it takes.
var drainStates = map[string]struct {
	serve  handler.Func // nil: echo
	as     []func(*role)
	before func(*testing.T, *stage, *client)
	during func(*testing.T, *client)
	within time.Duration
	want   server.Outcome
	reason server.Reason
}{
	"silent": {
		during: func(_ *testing.T, c *client) { c.wantEnd("ERR shutting_down") },
		within: settled,
		want:   server.Outcome{Drained: 1},
		reason: server.ShuttingDown,
	},
	"between messages": {
		before: converse,
		during: func(_ *testing.T, c *client) { c.wantEnd("ERR shutting_down") },
		within: settled,
		want:   server.Outcome{Drained: 1},
		reason: server.ShuttingDown,
	},
	"message on its way": {
		before: converse,
		during: func(_ *testing.T, c *client) {
			time.Sleep(99 * time.Millisecond)
			c.send("b\n")
			c.wantEnd("b", "ERR shutting_down")
		},
		within: settled,
		want:   server.Outcome{Drained: 1},
		reason: server.ShuttingDown,
	},
	"message that ends": {
		before: func(_ *testing.T, _ *stage, c *client) { c.send("a\nhel"); c.want("a") },
		during: func(_ *testing.T, c *client) {
			time.Sleep(time.Second)
			c.send("lo\n")
			c.wantEnd("hello", "ERR shutting_down")
		},
		within: 1010 * time.Millisecond,
		want:   server.Outcome{Drained: 1},
		reason: server.ShuttingDown,
	},
	"message that is ended by silence": {
		as:     []func(*role){flush(200 * time.Millisecond)},
		before: func(_ *testing.T, _ *stage, c *client) { c.send("hello") },
		during: func(_ *testing.T, c *client) { c.wantEnd("hello", "ERR shutting_down") },
		within: 210 * time.Millisecond,
		want:   server.Outcome{Drained: 1},
		reason: server.ShuttingDown,
	},
	"message that never ends": {
		before: func(_ *testing.T, _ *stage, c *client) { c.send("a\nhel"); c.want("a") },
		during: func(_ *testing.T, c *client) {
			trickle(c, 300*time.Millisecond, "l")
			c.wantEnd("ERR shutting_down")
		},
		within: unfinished,
		want:   server.Outcome{Drained: 1},
		reason: server.ShuttingDown,
	},
	"message after message": {
		during: func(_ *testing.T, c *client) {
			trickle(c, 9*time.Millisecond, "a\n")
			c.wantEnd("a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "a", "ERR shutting_down")
		},
		within: 12 * 9 * time.Millisecond,
		want:   server.Outcome{Drained: 1},
		reason: server.ShuttingDown,
	},
	"in the handler": {
		serve:  takesTime(5 * time.Second),
		before: func(_ *testing.T, _ *stage, c *client) { c.send("a\n") },
		during: func(_ *testing.T, c *client) { c.wantEnd("a", "ERR shutting_down") },
		within: 5 * time.Second,
		want:   server.Outcome{Drained: 1},
		reason: server.ShuttingDown,
	},
	"sent while in the handler": {
		serve:  takesTime(500 * time.Millisecond),
		before: func(_ *testing.T, _ *stage, c *client) { c.send("a\n") },
		during: func(_ *testing.T, c *client) {
			go func() { _, _ = io.WriteString(c.Conn, "b\n") }()
			c.wantEnd("a", "b", "ERR shutting_down")
		},
		within: time.Second,
		want:   server.Outcome{Drained: 1},
		reason: server.ShuttingDown,
	},
	"in the handler for too long": {
		serve:  takesTime(drainTimeout + time.Second/2),
		before: func(_ *testing.T, _ *stage, c *client) { c.send("a\n") },
		during: func(_ *testing.T, c *client) { c.wantEnd() },
		within: drainTimeout + time.Second/2,
		want:   server.Outcome{Cut: 1},
		reason: server.Cut,
	},
	"in the handler for ever": {
		serve:  takesTime(24 * time.Hour),
		before: func(_ *testing.T, _ *stage, c *client) { c.send("a\n") },
		within: drainTimeout + time.Second,
		want:   server.Outcome{Cut: 1},
		reason: server.Cut,
	},
	"waiting for the context": {
		serve: func(s handler.Session) error {
			<-s.Context().Done()
			return s.Context().Err()
		},
		within: drainTimeout,
		want:   server.Outcome{Cut: 1},
		reason: server.Cut,
	},
	"answer not read": {
		before: func(_ *testing.T, _ *stage, c *client) { c.send("a\n") },
		within: drainTimeout,
		want:   server.Outcome{Cut: 1},
		reason: server.Cut,
	},
	"error not read": {
		within: drainTimeout,
		want:   server.Outcome{Cut: 1},
		reason: server.ShuttingDown,
	},
	"speaking only": {
		serve: func(s handler.Session) error {
			for {
				time.Sleep(100 * time.Millisecond)
				if err := s.Reply("tick"); err != nil {
					return err
				}
			}
		},
		during: func(t *testing.T, c *client) {
			got, err := io.ReadAll(c.r)
			if err != nil || strings.ReplaceAll(string(got), "tick\n", "") != "ERR shutting_down\n" {
				t.Errorf("got %q, %v", got, err)
			}
		},
		within: 2 * time.Second,
		want:   server.Outcome{Drained: 1},
		reason: server.ShuttingDown,
	},
	"lingering": {
		serve:  func(s handler.Session) error { return s.Reply("bye") },
		before: func(_ *testing.T, _ *stage, c *client) { c.wantEnd("bye") },
		during: func(*testing.T, *client) { time.Sleep(time.Minute) },
		within: lingering,
		want:   server.Outcome{Drained: 1},
		reason: server.Done,
	},
	"told, and stays": {
		during: func(_ *testing.T, c *client) {
			c.wantEnd("ERR shutting_down")
			time.Sleep(time.Minute)
		},
		within: settled + lingering,
		want:   server.Outcome{Drained: 1},
		reason: server.ShuttingDown,
	},
	// Once, those who were told late were not lingered for: what they had sent meanwhile cost them the answer.
	"told late, and stays": {
		serve:  takesTime(3 * time.Second),
		before: func(_ *testing.T, _ *stage, c *client) { c.send("a\n") },
		during: func(_ *testing.T, c *client) {
			c.wantEnd("a", "ERR shutting_down")
			time.Sleep(time.Minute)
		},
		within: 3*time.Second + lingering,
		want:   server.Outcome{Drained: 1},
		reason: server.ShuttingDown,
	},
	"half-closed": {
		serve:  takesTime(time.Second),
		before: func(_ *testing.T, _ *stage, c *client) { c.send("a\nb"); c.closeWrite() },
		during: func(_ *testing.T, c *client) { c.wantEnd("a", "b") },
		within: 2 * time.Second,
		want:   server.Outcome{Drained: 1},
		reason: server.ClientClosed,
	},
	"refused": {
		as: []func(*role){limits(server.Limits{MaxConns: 1})},
		before: func(t *testing.T, s *stage, c *client) {
			s.dial().wantEnd("ERR server_full")
			c.send("a\n")
			c.want("a")
			c.Close()
			s.wantEnd(server.ClientClosed)
		},
		within: lingering,
		reason: server.ServerFull,
	},
}

func converse(_ *testing.T, _ *stage, c *client) {
	c.send("a\n")
	c.want("a")
}

// takesTime is an echo that needs d for each message.
func takesTime(d time.Duration) handler.Func {
	return func(s handler.Session) error {
		for msg := range s.Messages() {
			time.Sleep(d)
			if err := s.Echo("", msg); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestShutdown(t *testing.T) {
	for name, state := range drainStates {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := echo("")
				if state.serve != nil {
					h = state.serve
				}
				s := serve(t, overPipe, h, append(state.as, func(r *role) { r.listener.Limits.WriteTimeout = 10 * time.Second })...)
				c := s.dial()
				if state.before != nil {
					state.before(t, s, c)
				}
				synctest.Wait()
				if state.during != nil {
					go func() {
						state.during(t, c)
						c.Close()
					}()
				}
				began := time.Now()
				got := s.stop(drainTimeout)
				if got != state.want {
					t.Errorf("got %+v, want %+v", got, state.want)
				}
				wantAfter(t, began, state.within)
				s.wantEnd(state.reason)
			})
		})
	}
}

// Who was accepted and not yet admitted when the server was shut down is served like those before: nobody else can any more.
func TestShutdown_inHand(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), limits(server.Limits{AcceptRate: 0.001}))
		s.dial().Close()
		s.wantEnd(server.ClientClosed)
		c := s.dial()
		go func() {
			c.send("a\n")
			c.want("a")
			c.wantEnd("ERR shutting_down")
			c.Close()
		}()
		synctest.Wait()
		if got, want := s.stop(drainTimeout), (server.Outcome{Drained: 1}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		s.wantEnd(server.ShuttingDown)
	})
}

// All at once, and it takes no longer than the drain timeout and the second for those who don't return.
func TestShutdown_together(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, handler.Func(func(s handler.Session) error {
			for msg := range s.Messages() {
				if d, err := time.ParseDuration(string(msg)); err == nil {
					time.Sleep(d)
				}
				if err := s.Echo("", msg); err != nil {
					return err
				}
			}
			return nil
		}), limits(server.Limits{WriteTimeout: 10 * time.Second}))
		const each = 50
		for range each {
			for _, first := range []string{"", "a", "a\n", "1s\n", "5s\n", "8500ms\n", "10s\n"} {
				c := s.dial()
				if first != "" {
					c.send(first)
				}
			}
			c := s.dial()
			c.send("a")
			c.closeWrite()
		}
		began := time.Now()
		if got, want := s.stop(drainTimeout), (server.Outcome{Cut: 8 * each}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if took := time.Since(began); took > drainTimeout+time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// When there is little time, what has to be done is done in it: a quarter to wait for input, a quarter to see clients out.
func TestShutdown_littleTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""))
		told := make(chan *client)
		for _, first := range []string{"", "a\nb"} {
			c := s.dial()
			if first != "" {
				c.send(first)
				c.want("a")
			}
			go func() {
				c.wantEnd("ERR shutting_down")
				told <- c
			}()
		}
		began := time.Now()
		go func() {
			<-told
			<-told
		}()
		if got, want := s.stop(200*time.Millisecond), (server.Outcome{Drained: 2}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		wantAfter(t, began, 110*time.Millisecond)
	})
}

// When there is none, all are cut at once.
func TestShutdown_noTime(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			defer func() { <-s.Context().Done() }()
			return echo("")(s)
		}))
		for range 10 {
			converse(t, s, s.dial())
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got, want := s.srv.Shutdown(ctx), (server.Outcome{Cut: 10}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		for range 10 {
			s.wantEnd(server.Cut)
		}
	})
}

// A drain that takes long can be ended at once.
func TestShutdown_canceled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, takesTime(24*time.Hour))
		s.dial().send("a\n")
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		if got, want := s.srv.Shutdown(ctx), (server.Outcome{Cut: 1}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		wantAfter(t, began, 2*time.Second)
	})
}

func TestShutdown_again(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, echo(""))
		c := s.dial()
		converse(t, s, c)
		var done sync.WaitGroup
		done.Go(func() {
			c.wantEnd("ERR shutting_down")
			c.Close()
		})
		if got, want := s.stop(longDrain), (server.Outcome{Drained: 1}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		done.Wait()
		if got := s.srv.Shutdown(t.Context()); got != (server.Outcome{}) {
			t.Errorf("the second call returned %+v", got)
		}
		if _, err := s.socket.dial(netip.Addr{}); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dialing returned %v, want %v", err, syscall.ECONNREFUSED)
		}
		socket := n.listen(t)
		if err := s.listener.Serve(socket); !errors.Is(err, server.ErrServerClosed) {
			t.Errorf("Serve returned %v, want %v", err, server.ErrServerClosed)
		}
		if _, err := socket.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the socket is left open: %v", err)
		}
	})
}

// Shutdown waits for nobody whose replies are stuck, not even behind each other.
func TestShutdown_whileRepliesBlock(t *testing.T) {
	t.Parallel()
	const talkers = 10
	var blocked sync.WaitGroup
	s := serve(t, overTCP, handler.Func(func(s handler.Session) error {
		var done sync.WaitGroup
		for range talkers {
			done.Go(func() { _ = flood(s) })
		}
		defer done.Wait()
		blocked.Done()
		return echo("")(s)
	}))
	const clients = 10
	blocked.Add(clients)
	for range clients {
		s.dial().send("a\n")
	}
	blocked.Wait()
	// Those whose replies the system still took are told, the others cut.
	if got := s.stop(500 * time.Millisecond); got.Drained+got.Cut != clients {
		t.Errorf("got %+v, want %d together", got, clients)
	}
	for range clients {
		<-s.log.ends
	}
}

// A talker is a client that sends numbered lines, some at a time, and reads their answers.
type talker struct {
	*client
	batch int
	sent  atomic.Int64 // lines that a system call has taken
}

// talk converses until the server ends it. It returns how many lines were answered, in order and one by one, and an error
// if anything but ERR shutting_down and the end came behind them. began is called after the first answers.
func (k *talker) talk(began func()) (answered int64, err error) {
	for {
		var lines []byte
		first := k.sent.Load()
		for i := range k.batch {
			lines = append(strconv.AppendInt(lines, first+int64(i), 10), '\n')
		}
		if _, err := k.Write(lines); err != nil {
			return answered, err
		}
		k.sent.Add(int64(k.batch))
		for range k.batch {
			line, err := k.r.ReadString('\n')
			if line == "ERR shutting_down\n" {
				rest, err := io.ReadAll(k.r)
				if err == nil && len(rest) > 0 {
					err = fmt.Errorf("%q came behind the end", rest)
				}
				return answered, err
			}
			if err != nil || line != fmt.Sprintln(answered) {
				return answered, fmt.Errorf("got %q, %w; want %d", line, err, answered)
			}
			answered++
		}
		if first == 0 {
			began()
		}
	}
}

// While 200 clients converse, the server is shut down. Each line that a client's system had taken by then is answered;
// after some more, perhaps, the client is told why that was all.
func TestShutdown_conversing(t *testing.T) {
	t.Parallel()
	const clients = 200
	s := serve(t, overTCP, echo(""))
	talkers := make([]*talker, clients)
	answered := make([]int64, clients)
	var conversing, done sync.WaitGroup
	conversing.Add(clients)
	for i := range talkers {
		// Half of them wait for each answer.
		talkers[i] = &talker{client: s.dial(), batch: 1 + i%2*9}
		done.Go(func() {
			n, err := talkers[i].talk(conversing.Done)
			if err != nil {
				t.Errorf("client %d: %v", i, err)
			}
			answered[i] = n
			talkers[i].Close()
		})
	}
	conversing.Wait()
	var sent [clients]int64
	for i, k := range talkers {
		sent[i] = k.sent.Load()
	}
	if got, want := s.stop(longDrain), (server.Outcome{Drained: clients}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	done.Wait()
	for i, n := range answered {
		if n < sent[i] {
			t.Errorf("client %d had sent %d lines before the shutdown, and %d were answered", i, sent[i], n)
		}
	}
}

// What has come in before the drain is over is answered, also what does not fit into one piece of input. Once, only what had
// been read when the time was up was.
func TestShutdown_backlog(t *testing.T) {
	t.Parallel()
	const lines = 100
	line := strings.Repeat("x", 1000) // 100,000 bytes together
	taken, goOn := make(chan struct{}), make(chan struct{})
	s := serve(t, overTCP, handler.Func(func(s handler.Session) error {
		for msg := range s.Messages() {
			if string(msg) == "first" {
				close(taken)
				<-goOn
			}
			if err := s.Echo("", msg); err != nil {
				return err
			}
		}
		return nil
	}))
	silent, busy := s.dial(), s.dial()
	busy.send("first\n" + strings.Repeat(line+"\n", lines))
	<-taken
	var done sync.WaitGroup
	done.Go(func() {
		silent.wantEnd("ERR shutting_down") // Those who wait for input have been given up.
		silent.Close()
		close(goOn)
		busy.want("first")
		for range lines {
			busy.want(line)
		}
		busy.wantEnd("ERR shutting_down")
		busy.Close()
	})
	if got, want := s.stop(longDrain), (server.Outcome{Drained: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	done.Wait()
}

// Dials race the shutdown. Each either fails, or what it got is ended: nobody is left with a connection that no one serves.
func TestShutdown_racingDials(t *testing.T) {
	t.Parallel()
	const rounds, dials, together = 200, 50, 16
	turns := make(chan struct{}, together)
	var done sync.WaitGroup
	for range rounds {
		turns <- struct{}{}
		done.Go(func() {
			raceDials(t, dials)
			<-turns
		})
	}
	done.Wait()
}

func raceDials(t *testing.T, dials int) {
	s := serve(t, overTCP, echo(""), greeting)
	half := make(chan struct{}, dials)
	var done sync.WaitGroup
	for range dials {
		done.Go(func() {
			nc, err := s.socket.dial(netip.Addr{})
			half <- struct{}{}
			if err != nil {
				return
			}
			defer nc.Close()
			nc.SetDeadline(time.Now().Add(s.patience()))
			// The system may drop a connection that nobody has accepted without a word, until something is sent on it.
			_, _ = io.WriteString(nc, "x\n")
			if _, err := io.Copy(io.Discard, nc); isTimeout(err) {
				t.Error("a connection was left open")
			}
		})
	}
	for range dials / 2 {
		<-half
	}
	if got := s.stop(longDrain); got.Cut != 0 {
		t.Errorf("got %+v, want none cut", got)
	}
	done.Wait()
}
