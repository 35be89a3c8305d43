package handlertest_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"parley/handler"
	"parley/handler/handlertest"
	"parley/protocol"
	"parley/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shout is a handler as one would write it.
type shout struct{}

func (shout) Serve(s handler.Session) error {
	for msg := range s.Messages() {
		if err := s.Reply(string(bytes.ToUpper(msg))); err != nil {
			return err
		}
	}
	return nil
}

// TestShout is the test of a handler, as the package comment has it.
func TestShout(t *testing.T) {
	t.Parallel()
	c := handlertest.Dial(t, shout{})
	c.Send("hi\n")
	c.Expect("HI\n")
	c.CloseWrite()
	c.ExpectEnd()
}

func TestClient_pieces(t *testing.T) {
	t.Parallel()
	c := handlertest.Dial(t, shout{})
	c.Send("one\nt")
	c.Send("wo\nthree\nfour")
	c.Expect("ON")
	c.Expect("E\nTWO\nTHREE\n")
	c.CloseWrite()
	c.Expect("FOUR\n")
	c.ExpectEnd()
}

// TestClient_ahead sends a lot before it expects the first answer. Over a pipe alone, client and handler would wait for each other.
func TestClient_ahead(t *testing.T) {
	t.Parallel()
	c := handlertest.Dial(t, shout{})
	for range 100 {
		c.Send(strings.Repeat("x", 1000) + "\n")
	}
	for range 100 {
		c.Expect(strings.Repeat("X", 1000) + "\n")
	}
}

func TestServer_clients(t *testing.T) {
	t.Parallel()
	s := handlertest.NewServer(t, shout{})
	a, b := s.Dial(), s.Dial()
	b.Send("b\n")
	a.Send("a\n")
	a.Expect("A\n")
	b.Expect("B\n")
	want := []protocol.Greeting{
		{ClientID: 1, You: "198.51.100.7:50001", Me: "192.0.2.1:12000", Handler: "test"},
		{ClientID: 2, You: "198.51.100.7:50002", Me: "192.0.2.1:12000", Handler: "test"},
	}
	if diff := cmp.Diff(want, []protocol.Greeting{a.Greeting(), b.Greeting()}); diff != "" {
		t.Errorf("greetings (-want +got):\n%s", diff)
	}
}

func TestServer_Finished(t *testing.T) {
	t.Parallel()
	want := []string{"that's", "all"}
	s := handlertest.NewServer(t, handler.Func(func(handler.Session) error { return handler.Finished{Report: want} }))
	s.Dial().ExpectEnd()
	if diff := cmp.Diff(want, s.Finished()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestWire(t *testing.T) {
	t.Parallel()
	c := handlertest.Dial(t, shout{}, handlertest.Wire(protocol.Raw{}))
	c.Send("a\r\n\x00")
	c.Expect("A\r\n\x00")
	if got := c.Greeting(); got != (protocol.Greeting{}) {
		t.Errorf("greeting %+v on the raw wire", got)
	}
}

// TestWire_greeting: the client reads the greeting of every wire that has one, and nothing that follows it.
func TestWire_greeting(t *testing.T) {
	t.Parallel()
	for name, w := range protocol.Wires {
		if name == protocol.RawName {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := handlertest.Dial(t, handler.Func(func(s handler.Session) error {
				for msg := range s.Messages() {
					if err := s.Echo("and ", msg); err != nil {
						return err
					}
				}
				return nil
			}), handlertest.Wire(w))
			want := protocol.Greeting{ClientID: 1, You: "198.51.100.7:50001", Me: "192.0.2.1:12000", Handler: "test"}
			if diff := cmp.Diff(want, c.Greeting()); diff != "" {
				t.Errorf("greeting (-want +got):\n%s", diff)
			}
			for range 2 {
				c.Send(string(w.AppendText(nil, "hi")))
				if got := c.Message(); got != "and hi" {
					t.Errorf("got %q", got)
				}
			}
			c.Send(string(w.AppendText(nil, "hi")))
			c.Expect(string(w.AppendText(nil, "and hi")))
			c.CloseWrite()
			c.ExpectEnd()
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	c := handlertest.Dial(t, shout{}, handlertest.Limits(server.Limits{MaxMessage: 2}))
	c.Send("hi\nyou\n")
	c.Expect("HI\nERR line_too_long limit=2\n")
	c.ExpectEnd()
}

func TestServer_Drain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := handlertest.NewServer(t, shout{})
		c := s.Dial()
		c.Send("hi\n")
		s.Drain()
		c.Expect("HI\nERR shutting_down\n")
		c.ExpectEnd()
	})
}

func TestLog(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	c := handlertest.Dial(t, handler.Func(func(s handler.Session) error {
		s.Logger().Info("hello")
		return nil
	}), handlertest.Log(zap.New(core)))
	c.ExpectEnd()
	if n := logs.FilterMessage("hello").Len(); n != 1 {
		t.Errorf("%d lines logged, want 1", n)
	}
}

// TestClient_leaves: a handler that never stops talking waits for the test, and ends with it.
func TestClient_leaves(t *testing.T) {
	t.Parallel()
	c := handlertest.Dial(t, handler.Func(func(s handler.Session) error {
		for {
			if err := s.Reply("on and on"); err != nil {
				return err
			}
		}
	}))
	c.Expect("on and on\non and on\n")
}

// TestBubble: time passes at once, for the handler's clock and for the server's.
func TestBubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := handlertest.Dial(t, handler.Func(func(s handler.Session) error {
			for msg := range s.Messages() {
				time.Sleep(time.Hour)
				_ = s.Echo("late: ", msg)
			}
			return nil
		}))
		c.Send("no newline")
		time.Sleep(time.Hour)
		c.Expect("late: no newline\n")
		c.CloseWrite()
		c.ExpectEnd()
		if got, want := time.Since(began), time.Hour+200*time.Millisecond; got != want {
			t.Errorf("took %v, want %v", got, want)
		}
	})
}

// failing stands in for the test of a handler that fails.
type failing struct {
	testing.TB

	failure  string
	cleanups []func()
}

func (f *failing) Helper()                {}
func (f *failing) Log(...any)             {}
func (f *failing) Logf(string, ...any)    {}
func (f *failing) Cleanup(cleanup func()) { f.cleanups = append(f.cleanups, cleanup) }

func (f *failing) Errorf(format string, args ...any) {
	f.failure += fmt.Sprintf(format, args...) + "\n"
}

func (f *failing) Fatal(args ...any) {
	f.failure += fmt.Sprintln(args...)
	runtime.Goexit()
}

func (f *failing) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

// run runs test and returns how it failed.
func (f *failing) run(test func(t testing.TB)) string {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, cleanup := range slices.Backward(f.cleanups) {
				cleanup()
			}
		}()
		test(f)
	}()
	<-done
	return f.failure
}

func TestFailures(t *testing.T) {
	t.Parallel()
	say := func(text string) handler.Handler {
		return handler.Func(func(s handler.Session) error { return s.Reply(text) })
	}
	silent := handler.Func(func(s handler.Session) error {
		for range s.Messages() {
		}
		return nil
	})
	deaf := handler.Func(func(s handler.Session) error {
		<-s.Context().Done()
		return nil
	})
	tests := []struct {
		name string
		test func(t testing.TB)
		want string
	}{
		{
			"as expected",
			func(t testing.TB) {
				c := handlertest.Dial(t, say("hi"))
				c.Expect("hi\n")
				c.ExpectEnd()
			},
			"",
		},
		{"another answer", func(t testing.TB) { handlertest.Dial(t, say("hi")).Expect("ho\n") }, "got \"hi\\n\"; want \"ho\\n\"\n"},
		{
			"too little", func(t testing.TB) { handlertest.Dial(t, say("hi")).Expect("hi\nho\n") },
			"got \"hi\\n\", then the end; want \"hi\\nho\\n\"\n",
		},
		{"no answer", func(t testing.TB) { handlertest.Dial(t, silent).Expect("hi\n") }, "got \"\", then nothing; want \"hi\\n\"\n"},
		{
			"no message",
			func(t testing.TB) {
				handlertest.Dial(t, say("hi"), handlertest.Wire(protocol.Raw{})).Message()
				handlertest.Dial(t, silent).Message()
			},
			"got \"\", then nothing; want a message\n",
		},
		{"no end", func(t testing.TB) { handlertest.Dial(t, silent).ExpectEnd() }, "got \"\", then nothing; want the end\n"},
		{"more before the end", func(t testing.TB) { handlertest.Dial(t, say("hi")).ExpectEnd() }, "got \"hi\\n\"; want the end\n"},
		{
			"not drained",
			func(t testing.TB) {
				s := handlertest.NewServer(t, deaf)
				s.Dial()
				s.Drain()
			},
			"1 conversation(s) went on although the server drained\n",
		},
		{
			"no greeting",
			func(t testing.TB) {
				handlertest.Dial(t, say("hi"), func(_ *server.Config, l *server.ListenerConfig) {
					l.Limits.Deny = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
				})
			},
			"got \"\", then the end: no greeting: it does not begin with \"HELLO \"\n",
		},
		{"not finished", func(t testing.TB) { handlertest.NewServer(t, silent).Finished() }, "the handler has not finished\n"},
		{
			"input not taken", func(t testing.TB) { handlertest.Dial(t, deaf).Send("hi") },
			"sending \"hi\": write pipe: i/o timeout\n1 conversation(s) went on although the client had left\n",
		},
		{
			"sending behind the end",
			func(t testing.TB) {
				c := handlertest.Dial(t, silent)
				c.CloseWrite()
				c.Send("hi")
			},
			"sending \"hi\": io: read/write on closed pipe\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &failing{TB: t}
				if got := f.run(tt.test); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		})
	}
}
