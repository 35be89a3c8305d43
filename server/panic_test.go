package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap/zapcore"

	"parley/handler"
	"parley/protocol"
	"parley/server"
)

// panics are the ways in which a handler can fail to return.
var panics = map[string]func(){
	"string":  func() { panic("oh") },
	"error":   func() { panic(errors.New("oh")) },
	"nil":     func() { panic(nil) },
	"runtime": func() { nowhere["oh"]++ },
	"index":   func() { nothing[len(nothing)]++ }, //nolint:gocritic // That is the point.
	"abort":   func() { panic(http.ErrAbortHandler) },
	"goexit":  runtime.Goexit,
	"stringer": func() {
		panic(badStringer{})
	},
}

var (
	nowhere map[string]int
	nothing []int
)

// A badStringer panics while it is being logged.
type badStringer struct{}

func (badStringer) String() string { panic("oh again") }

// panicky echoes, and panics in the way that a message names.
func panicky(s handler.Session) error {
	for msg := range s.Messages() {
		if oh := panics[string(msg)]; oh != nil {
			oh()
		}
		if err := s.Echo("", msg); err != nil {
			return err
		}
	}
	return nil
}

func TestPanic(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(panicky))
		other := s.dial()
		for name := range panics {
			other.send("before\n")
			other.want("before")
			c := s.dial()
			c.send("fine\n" + name + "\nnever\n")
			c.wantEnd("fine", "ERR internal") // What was gathered for the message before is not lost.
			c.Close()
			e := s.wantEnd(server.Internal)
			if e.Level != zapcore.WarnLevel {
				t.Errorf("the line of the connection is at %v", e.Level)
			}
			other.send("after\n")
			other.want("after")
		}
		if got := s.metrics().of("parley_handler_panics_total"); got != float64(len(panics)) {
			t.Errorf("%v panics counted, want %d", got, len(panics))
		}
		lines := s.log.lines("handler panicked")
		if len(lines) != len(panics) {
			t.Errorf("%v panics logged, want %d", len(lines), len(panics))
		}
		for _, e := range lines {
			if stack := e.string("stack"); !strings.Contains(stack, "panicky") || e.fields["clientid"] == nil {
				t.Errorf("a panic's line has no more than %v", e.fields)
			}
		}
	})
}

// A handler that panics before or after it listens is no different.
func TestPanic_outsideMessages(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			if err := s.Reply("hello"); err != nil {
				return err
			}
			panic("oh")
		}))
		c := s.dial()
		c.wantEnd("hello", "ERR internal")
		c.Close()
		s.wantEnd(server.Internal)
	})
}

// A handler may recover by itself and go on.
func TestPanic_recovered(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		c := serve(t, n, handler.Func(func(s handler.Session) error {
			careful := func() {
				defer func() { _ = recover() }()
				_ = panicky(s)
			}
			careful()
			return panicky(s)
		})).dial()
		c.send("a\nstring\nb\nc\nd")
		c.want("a", "b", "c")
		c.send("e\n")
		c.want("de")
	})
}

// Of a thousand clients a hundred make their handler panic. The others see nothing of it.
func TestPanic_many(t *testing.T) {
	t.Parallel()
	const clients, bad, rounds = 1000, 100, 3
	s := serve(t, overTCP, handler.Func(panicky))
	all := make([]*client, clients)
	for i := range all {
		all[i] = s.dial()
	}
	var done sync.WaitGroup
	for i, c := range all {
		done.Go(func() {
			if i%(clients/bad) == 0 {
				fmt.Fprint(c, "runtime\n")
				if got, err := c.r.ReadString('\n'); got != "ERR internal\n" {
					t.Errorf("client %d got %q, %v", i, got, err)
				}
				return
			}
			for range rounds {
				fmt.Fprint(c, "a\n")
				if got, err := c.r.ReadString('\n'); got != "a\n" {
					t.Errorf("client %d got %q, %v", i, got, err)
				}
			}
		})
	}
	done.Wait()
	m := s.metrics()
	if got := m.of("parley_handler_panics_total"); got != bad {
		t.Errorf("%v panics counted, want %d", got, bad)
	}
	if got := m.of("parley_messages_total"); got != bad+rounds*(clients-bad) {
		t.Errorf("%v messages counted, want %d", got, bad+rounds*(clients-bad))
	}
}

// A wireThatPanics is a wire with a fault.
type wireThatPanics struct{ protocol.Wire }

func (wireThatPanics) AppendEcho([]byte, string, []byte) []byte { panic("oh") }
func (wireThatPanics) Verbatim() bool                           { return false }

// A panic below a reply leaves nothing locked that the end of the connection needs.
func TestPanic_inWire(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, echo(""), func(r *role) { r.listener.Wire = wireThatPanics{protocol.Text{}} })
		c := s.dial()
		c.send("x\n")
		c.wantEnd("ERR internal")
		c.Close()
		s.wantEnd(server.Internal)
	})
}
