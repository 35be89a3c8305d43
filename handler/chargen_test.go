package handler_test

import (
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"parley/handler"
	"parley/handler/handlertest"
	"parley/protocol"
	"parley/server"
)

// generated returns the n-th line of the pattern in RFC 864, from 0.
func generated(n int) string {
	var printing strings.Builder
	for c := byte(' '); c < 0x7f; c++ {
		printing.WriteByte(c)
	}
	start := n % printing.Len()
	return (printing.String() + printing.String())[start:start+72] + "\r\n"
}

func TestGenerated(t *testing.T) {
	t.Parallel()
	// As the RFC has them.
	for n, want := range map[int]string{
		0:  ` !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_` + "`abcdefg\r\n",
		1:  `!"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_` + "`abcdefgh\r\n",
		24: "89:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~ \r\n"[:72] + "\r\n",
	} {
		if got := generated(n); got != want || len(got) != 74 {
			t.Errorf("line %d is %q, want %q", n, got, want)
		}
	}
}

// The pattern goes round, and on when the client has ended its side.
func TestChargen(t *testing.T) {
	onWires(t, "chargen", func(t *testing.T, w protocol.Wire) {
		c := handlertest.Dial(t, newHandler(t, "chargen", nil), handlertest.Wire(w))
		for n := range 300 {
			c.Expect(generated(n))
		}
		c.CloseWrite()
		for n := 300; n < 3000; n++ {
			c.Expect(generated(n))
		}
	})
}

// What the client sends is thrown away, however much it is.
func TestChargen_input(t *testing.T) {
	onWires(t, "chargen", func(t *testing.T, w protocol.Wire) {
		s := serveTCP(t, newHandler(t, "chargen", nil), w)
		c := s.dial()
		const size = 10_000_000
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			c.send(t, strings.Repeat(strings.Repeat("x", 999)+"\n", size/1000))
			c.CloseWrite()
		}()
		for n, left := 0, 300; left > 0; n++ {
			c.want(t, strings.TrimSuffix(generated(n), "\n"))
			select {
			case <-sent:
				left--
			default:
			}
		}
		c.reset()
		s.wantEnded("reset")
		// The reset has overtaken what the systems still held.
		if got := s.lines("connection closed")[0]["bytes_in"].(uint64); got < 1<<20 {
			t.Errorf("only %d bytes of %d came in", got, size)
		}
	})
}

func TestChargen_reset(t *testing.T) {
	onWires(t, "chargen", func(t *testing.T, w protocol.Wire) {
		s := serveTCP(t, newHandler(t, "chargen", nil), w)
		for range 20 {
			c := s.dial()
			c.want(t, strings.TrimSuffix(generated(0), "\n"))
			c.reset()
			s.wantEnded("reset")
		}
	})
}

// A drain ends what has no end: the client gets whole messages, and is told.
func TestChargen_drain(t *testing.T) {
	onWires(t, "chargen", func(t *testing.T, w protocol.Wire) {
		for _, halfCloses := range []bool{false, true} {
			s := serveTCP(t, newHandler(t, "chargen", nil), w)
			c := s.dial()
			c.want(t, strings.TrimSuffix(generated(0), "\n"))
			if halfCloses {
				c.CloseWrite()
			}
			var reading sync.WaitGroup
			reading.Go(func() {
				last, n := "", 1
				for ; ; n++ {
					line, err := c.line()
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						t.Error(err)
						return
					}
					if last = line + "\n"; last != generated(n) {
						break
					}
				}
				_, _ = io.Copy(io.Discard, c.in)
				c.CloseWrite()
				if n%95 != 0 {
					t.Errorf("%d lines, which is no whole number of patterns", n)
				}
				if want := string(w.AppendError(nil, protocol.Error{Reason: "shutting_down"})); want != "" && last != want {
					t.Errorf("the last line is %q, want %q", last, want)
				}
			})
			s.drain()
			reading.Wait()
			s.wantEnded("shutting_down")
		}
	})
}

// One who does not read is no burden for longer than the write timeout, whether or not it says something, and whether or
// not it has ended its side. Once, one who was silent stayed for as long as it may be idle.
func TestChargen_notRead(t *testing.T) {
	onWires(t, "chargen", func(t *testing.T, w protocol.Wire) {
		for _, halfCloses := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				watch := newWatch(t)
				c := handlertest.Dial(t, newHandler(t, "chargen", nil), handlertest.Wire(w), handlertest.Log(watch.logger()),
					handlertest.Limits(server.Limits{WriteTimeout: 10 * time.Second, IdleTimeout: time.Hour}))
				began := time.Now()
				if halfCloses {
					c.CloseWrite()
				}
				watch.wantEnded("write_timeout")
				if took := time.Since(began); took < 10*time.Second || took > 12500*time.Millisecond {
					t.Errorf("it took %v, want 10 s or up to a quarter more", took)
				}
			})
		}
	})
}

// The system takes some MB before the timeout begins. The connection is then reset, so that the system does not keep them.
func TestChargen_notReadTCP(t *testing.T) {
	onWires(t, "chargen", func(t *testing.T, w protocol.Wire) {
		limits := defaultLimits
		limits.WriteTimeout = 200 * time.Millisecond
		s := serveWith(t, newHandler(t, "chargen", nil), w, limits, 0)
		c := s.dial()
		s.wantEnded("write_timeout")
		if _, err := io.Copy(io.Discard, c.in); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the client's end is %v, want %v", err, syscall.ECONNRESET)
		}
	})
}

// A panic while it sends ends one client's conversation. Once, it ended the process.
func TestChargen_panic(t *testing.T) {
	t.Parallel()
	watch := newWatch(t)
	chargen := newHandler(t, "chargen", nil)
	s := handlertest.NewServer(t, handler.Func(func(s handler.Session) error {
		if s.ID() == 2 {
			s = panicsReplying{s}
		}
		return chargen.Serve(s)
	}), handlertest.Log(watch.logger()))
	other, c := s.Dial(), s.Dial()
	c.Expect("ERR internal\n")
	c.CloseWrite()
	c.ExpectEnd()
	watch.wantEnded("internal")
	for n := range 3000 {
		other.Expect(generated(n))
	}
}

type panicsReplying struct{ handler.Session }

func (panicsReplying) Reply(string) error { panic("while replying") }
