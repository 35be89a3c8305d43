package server_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"parley/handler"
	"parley/server"
)

// misbehaving has the listener misbehave.
func misbehaving(f server.Faults) func(*role) {
	return func(r *role) { r.listener.Faults = f }
}

// pattern is n bytes, of which no two neighbours are the same.
func pattern(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + i%23)
	}
	return string(b)
}

// says is a handler that says text, and then reads until the client's end.
func says(text string) handler.Func {
	return func(s handler.Session) error {
		if err := s.Reply(text); err != nil {
			return err
		}
		for range s.Messages() {
		}
		return nil
	}
}

// A client is told its faults, as are the log and the metrics.
func TestFaults_told(t *testing.T) {
	for _, test := range []struct {
		faults server.Faults
		want   string
	}{
		{server.Faults{Delay: 20 * time.Millisecond}, "delay:20ms"},
		{server.Faults{Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond}, "delay:20ms+jitter:10ms"},
		{server.Faults{Rate: 1 << 20}, "rate:1MiB"},
		{server.Faults{Chop: 30}, "chop:30B"},
		{server.Faults{Stall: 10 * time.Millisecond}, "stall:10ms"},
		{server.Faults{Corrupt: 1e-9}, "corrupt:1e-07%"},
		{server.Faults{ResetAfter: 3 << 10}, "reset_after:3KiB"},
		{server.Faults{HalfCloseAfter: 1500}, "half_close_after:1500B"},
		{server.Faults{CloseAfter: time.Hour}, "close_after:1h"},
		{
			server.Faults{Stall: time.Millisecond, CloseAfter: time.Hour, Rate: 1 << 20, Delay: time.Millisecond, Chop: 512},
			"stall:1ms+close_after:1h+rate:1MiB+delay:1ms+chop:512B",
		},
	} {
		t.Run(test.want, func(t *testing.T) {
			everywhere(t, func(t *testing.T, n network) {
				s := serve(t, n, echo("ECHO: "), greeting, misbehaving(test.faults))
				c := s.dial()
				c.want(fmt.Sprintf("HELLO clientid=1 you=%v me=%v handler=test%s fault=%s", c.LocalAddr(), c.RemoteAddr(), n.facts, test.want))
				c.send("a\nb\n")
				c.want("ECHO: a", "ECHO: b")
				c.closeWrite()
				c.wantEnd()
				e := s.wantEnd(server.ClientClosed)
				if got := e.string("fault"); got != test.want {
					t.Errorf("the log has fault=%q, want %q", got, test.want)
				}
				m := s.metrics()
				for _, word := range server.FaultWords() {
					want := 0.0
					if strings.Contains("+"+test.want, "+"+word+":") {
						want = 1
					}
					if got := m.of("parley_faults_total", word); got != want {
						t.Errorf("parley_faults_total{fault=%q} is %v, want %v", word, got, want)
					}
				}
			})
		})
	}
}

// Who is not served is told so as ever, and counts for no fault.
func TestFaults_notWhoIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		if n.secure {
			return // Who is turned away before it is told nothing.
		}
		s := serve(t, n, echo(""), caps(1, 0), misbehaving(server.Faults{Stall: time.Hour, Corrupt: 1}))
		s.dial()
		c := s.dial()
		c.wantEnd("ERR server_full")
		c.Close()
		s.wantEnd(server.ServerFull)
		if got := s.metrics().of("parley_faults_total", "stall"); got != 1 {
			t.Errorf("%v connections stalled, want the first", got)
		}
	})
}

// A clean connection is what it is without faults.
func TestFaults_cleanConnectionIsNotWrapped(t *testing.T) {
	t.Parallel()
	if got := server.Transport(server.Faults{Delay: time.Second, Share: 1e-12, Seed: 1}); got != "<nil>" {
		t.Errorf("it got a %s", got)
	}
	if got := server.Transport(server.Faults{Delay: time.Second}); got != "*server.faulty" {
		t.Errorf("one that misbehaves got a %s", got)
	}
}

// What is sent arrives later by the delay, in order, and however much it is, not later by more.
func TestDelay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), misbehaving(server.Faults{Delay: 200 * time.Millisecond}))
		c := s.dial()
		began := time.Now()
		c.send(text(numbered("first", 100)...))
		time.Sleep(50 * time.Millisecond)
		c.send(text(numbered("second", 100)...))
		c.want(numbered("first", 100)...)
		wantAfter(t, began, 200*time.Millisecond)
		c.want(numbered("second", 100)...)
		wantAfter(t, began, 250*time.Millisecond)
		c.closeWrite()
		c.wantEnd()
		s.wantEnd(server.ClientClosed)
	})
}

// Jitter is around the delay, and reorders nothing.
func TestDelay_jitter(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const delay, jitter = 200 * time.Millisecond, 50 * time.Millisecond
		s := serve(t, overPipe, echo(""), misbehaving(server.Faults{Delay: delay, Jitter: jitter, Seed: 7}))
		c := s.dial()
		var took []time.Duration
		for i := range 200 {
			began := time.Now()
			line := fmt.Sprint(i)
			c.send(line + "\n")
			c.want(line)
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		if took[0] < delay-jitter || took[0] > delay-jitter/2 || took[len(took)-1] > delay+jitter || took[len(took)-1] < delay+jitter/2 {
			t.Errorf("it took from %v to %v, want %v more or less %v", took[0], took[len(took)-1], delay, jitter)
		}
		c.send(text(numbered("x", 5000)...))
		c.want(numbered("x", 5000)...)
	})
}

// A client that does not read holds no more on the line than elsewhere: who answers it has to wait.
func TestDelay_backPressure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const size = 4 << 10
		replies := 0
		s := serve(t, overPipe, handler.Func(func(s handler.Session) error {
			for s.Reply(pattern(size-1)) == nil {
				replies++
			}
			return nil
		}), misbehaving(server.Faults{Delay: time.Second}))
		c := s.dial()
		time.Sleep(time.Minute)
		synctest.Wait()
		if most := 64 << 10 / size; replies > most || replies < most-1 {
			t.Errorf("%d replies were taken, want %d", replies, most)
		}
		c.Close()
		s.wantEnd(server.Reset)
	})
}

// The rate is what was asked for to the piece, whatever the replies are like.
func TestRate(t *testing.T) {
	for rate, replies := range map[int64][]int{1: {1, 100}, 10: {1, 100}, 1 << 10: {1, 100, 40_000}, 100_000: {1000, 40_000}, 10 << 20: {40_000}} {
		for _, reply := range replies {
			t.Run(fmt.Sprintf("%d a second, replies of %d", rate, reply), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					const during = 10 * time.Second
					s := serve(t, overPipe, handler.Func(func(s handler.Session) (err error) {
						for err == nil {
							err = s.Reply(pattern(reply))
						}
						return err
					}), raw, misbehaving(server.Faults{Rate: rate}))
					c := s.dial()
					c.SetReadDeadline(time.Now().Add(during))
					n, err := io.Copy(io.Discard, c.r)
					if !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Fatal(err)
					}
					got, want := float64(n), float64(rate)*during.Seconds()
					if math.Abs(got-want) > max(want*0.005, 1) {
						t.Errorf("%v bytes in %v, want %v", got, during, want)
					}
					c.Close()
					s.wantEnd(server.Reset)
				})
			})
		}
	}
}

// Each piece is a write of its own, which a client that waits for it reads alone.
func TestChop(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), misbehaving(server.Faults{Chop: 3}))
		c := s.dial()
		c.send("abcdefgh\nij\n")
		for _, piece := range []string{"abc", "def", "gh\n", "ij\n"} {
			c.wantPiece(piece)
		}
	})
}

// A stall says and reads nothing; then the conversation is as ever, and the stall was no silence of the client.
func TestStall(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), greeting, misbehaving(server.Faults{Stall: 10 * time.Minute}), limits(server.Limits{IdleTimeout: time.Minute}))
		began := time.Now()
		c := s.dial()
		sent := make(chan time.Duration, 1)
		go func() {
			c.send("hello\n")
			sent <- time.Since(began)
		}()
		c.want(fmt.Sprintf("HELLO clientid=1 you=%v me=%v handler=test fault=stall:10m", c.LocalAddr(), c.RemoteAddr()), "hello")
		wantAfter(t, began, 10*time.Minute)
		if got := <-sent; got != 10*time.Minute {
			t.Errorf("what the client sent was taken after %v", got)
		}
		c.wantEnd("ERR idle_timeout")
		wantAfter(t, began, 11*time.Minute)
		s.wantEnd(server.IdleTimeout)
	})
}

// The n-th connection gets the same wrong bytes from the same seed, however they are sent, and others from another.
func TestCorrupt(t *testing.T) {
	const size, share = 200_000, 0.01
	text := pattern(size)
	get := func(t *testing.T, seed uint64, also server.Faults) []string {
		t.Helper()
		also.Corrupt, also.Seed = share, seed
		s := serve(t, overPipe, says(text), raw, misbehaving(also))
		var got []string
		for range 3 {
			c := s.dial()
			b := make([]byte, size)
			if _, err := io.ReadFull(c.r, b); err != nil {
				t.Fatal(err)
			}
			c.Close()
			got = append(got, string(b))
		}
		return got
	}
	inBubble(t, func(t *testing.T) {
		first, again, other := get(t, 1, server.Faults{}), get(t, 1, server.Faults{Delay: time.Second, Chop: 999, Rate: 1e6}), get(t, 2, server.Faults{})
		for i, got := range first {
			wrong := 0
			for at := range got {
				if got[at] != text[at] {
					wrong++
				}
			}
			if float64(wrong) < 0.9*share*size || float64(wrong) > 1.1*share*size {
				t.Errorf("connection %d: %d of %d bytes are wrong, want %v", i+1, wrong, size, share*size)
			}
			if got != again[i] {
				t.Errorf("connection %d: the same seed made other bytes wrong", i+1)
			}
			if got == other[i] {
				t.Errorf("connection %d: another seed made the same bytes wrong", i+1)
			}
			if i > 0 && got == first[0] {
				t.Errorf("connection %d has the wrong bytes of the first one", i+1)
			}
		}
	})
}

// resetAfter are ways to get to the reset: with what other faults, and how the replies are sent.
var resetAfter = map[string]struct {
	faults server.Faults
	handle func(string) handler.Func
}{
	"at once":  {handle: says},
	"by lines": {handle: func(text string) handler.Func { return repeating(text, 100) }},
	"delayed":  {faults: server.Faults{Delay: 20 * time.Millisecond}, handle: says},
	"chopped":  {faults: server.Faults{Chop: 100}, handle: says},
	"rated":    {faults: server.Faults{Rate: 100 << 10}, handle: says},
	"elsewhere": {handle: func(text string) handler.Func { // than where it is received
		return func(s handler.Session) error {
			s.Go(func() { _ = repeating(text, 100)(s) })
			for range s.Messages() {
			}
			return nil
		}
	}},
	"delayed, and the handler has returned": {faults: server.Faults{Delay: 20 * time.Millisecond}, handle: func(text string) handler.Func {
		return func(s handler.Session) error { return s.Reply(text) }
	}},
}

// repeating says text a part at a time, and then reads until the end.
func repeating(text string, part int) handler.Func {
	return func(s handler.Session) error {
		for part := range slices.Chunk([]byte(text), part) {
			if err := s.Echo("", part); err != nil {
				return err
			}
		}
		return discards(s)
	}
}

// asked waits for the first message.
func asked(h handler.Func) handler.Func {
	return func(s handler.Session) error {
		for range s.Messages() {
			break
		}
		return h(s)
	}
}

// resets reports whether a server can reset the connections of n.
func resets(n network) bool {
	return !n.bubble && reflect.ValueOf(n.listen).Pointer() != reflect.ValueOf(listenHeld).Pointer()
}

// The client gets as many bytes as were asked for, not one more or less, and then a reset.
func TestResetAfter(t *testing.T) {
	for name, test := range resetAfter {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, n network) {
				for _, after := range []int64{1, 20_000} {
					text := pattern(30_000)
					faults := test.faults
					faults.ResetAfter = after
					s := serve(t, n, asked(test.handle(text)), raw, misbehaving(faults))
					c := s.dial()
					c.send("go on") // So that it has connected.
					got, err := io.ReadAll(c.r)
					if string(got) != text[:after] {
						t.Fatalf("reset after %d: got %d bytes (%v)", after, len(got), err)
					}
					if resets(n) && !errors.Is(err, syscall.ECONNRESET) {
						t.Errorf("reset after %d: the client sees %v, want %v", after, err, syscall.ECONNRESET)
					}
					if e := s.wantEnd(server.Fault); e.fields["bytes_out"] != uint64(after) && test.faults.Delay == 0 {
						t.Errorf("reset after %d: the log has bytes_out=%v", after, e.fields["bytes_out"])
					}
				}
			})
		})
	}
}

// A client that reads slowly gets all of them too.
func TestResetAfter_slowReader(t *testing.T) {
	t.Parallel()
	const after = 1 << 20
	s := serve(t, overTCP, says(pattern(2*after)), raw, misbehaving(server.Faults{ResetAfter: after}))
	c := s.dial()
	b := make([]byte, 4<<10)
	got := 0
	for {
		n, err := c.Read(b)
		got += n
		if err != nil {
			if got != after || !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("got %d bytes and %v, want %d and %v", got, err, after, syscall.ECONNRESET)
			}
			break
		}
		if got%(64<<10) == 0 {
			time.Sleep(time.Millisecond) // What makes it slow.
		}
	}
	s.wantEnd(server.Fault)
}

// Our side ends at that byte, and the client's is read as before.
func TestHalfCloseAfter(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		heard := make(chan string, 3)
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			for msg := range s.Messages() {
				heard <- string(msg)
				if err := s.Echo("", msg); err != nil {
					return err
				}
			}
			return nil
		}), misbehaving(server.Faults{HalfCloseAfter: 7}))
		c := s.dial()
		c.send("one\n")
		c.want("one")
		c.send("two and more\n")
		if got, err := io.ReadAll(c.r); string(got) != "two" || err != nil {
			t.Fatalf("got %q, %v; want %q and the end", got, err, "two")
		}
		c.send("three\n")
		for _, want := range []string{"one", "two and more", "three"} {
			if got := <-heard; got != want {
				t.Errorf("the handler got %q, want %q", got, want)
			}
		}
		c.closeWrite()
		if e := s.wantEnd(server.ClientClosed); e.fields["bytes_out"] != uint64(7) {
			t.Errorf("the log has bytes_out=%v, want 7", e.fields["bytes_out"])
		}
	})
}

// It closes at that time whatever goes on, and loses nothing that was answered before.
func TestCloseAfter(t *testing.T) {
	if portable {
		return // Faults are above the transport, and were tested.
	}
	const after = 50 * time.Millisecond
	for name, test := range map[string]struct {
		serve  handler.Handler
		faults server.Faults
		during func(*client)
		busy   bool // somebody always has something to do, so that a bubble's clock stands still
	}{
		"silent": {serve: echo(""), during: func(*client) {}},
		"in conversation": {serve: echo(""), during: func(c *client) {
			c.send("a\n")
			c.want("a")
		}},
		"in a message":           {serve: echo(""), during: func(c *client) { c.send("hal") }},
		"while it is answered":   {busy: true, serve: chargen(), during: func(c *client) {}},
		"while it talks":         {busy: true, serve: handler.Func(discards), during: func(c *client) { go talk(c) }},
		"while it is slowed":     {serve: chargen(), faults: server.Faults{Rate: 10}, during: func(c *client) {}},
		"while it is delayed":    {serve: echo(""), faults: server.Faults{Delay: time.Hour}, during: func(c *client) { c.send("a\n"); c.want("a") }},
		"while it is stalled":    {serve: echo(""), faults: server.Faults{Stall: time.Hour}, during: func(c *client) {}},
		"while it is chopped":    {serve: says(pattern(9999)), faults: server.Faults{Chop: 1}, during: func(c *client) { c.want(pattern(9999)) }},
		"and unread input":       {serve: says("x"), during: func(c *client) { c.want("x"); c.send("unread\nunread\n") }},
		"before it would reset":  {serve: says(pattern(99)), faults: server.Faults{ResetAfter: 1 << 20}, during: func(c *client) {}},
		"and the share is large": {serve: echo(""), faults: server.Faults{Share: 1}, during: func(c *client) {}},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, n network) {
				if n.bubble && test.busy {
					return
				}
				faults := test.faults
				faults.CloseAfter = after
				s := serve(t, n, test.serve, misbehaving(faults))
				began := time.Now()
				c := s.dial()
				test.during(c)
				if _, err := io.Copy(io.Discard, c.r); err != nil {
					t.Fatalf("the client sees %v, want the end", err)
				}
				if took := time.Since(began); took < after || n.bubble && took > after {
					t.Errorf("closed after %v, want %v", took, after)
				}
				c.Close()
				s.wantEnd(server.Fault)
			})
		})
	}
}

// chargen sends without a pause.
func chargen() handler.Handler {
	h, err := handler.Kinds["chargen"].New(nil)
	if err != nil {
		panic(err)
	}
	return h
}

// discards reads and says nothing.
func discards(s handler.Session) error {
	for range s.Messages() {
	}
	return nil
}

// talk sends without a pause, until nobody takes it.
func talk(c *client) {
	for {
		if _, err := io.WriteString(c.Conn, strings.Repeat("x\n", 1000)); err != nil {
			return
		}
	}
}

// A proxy's header and the client's first record come in one segment, also where the connection is to misbehave.
func TestFaults_behindProxyInTLS(t *testing.T) {
	header := header1("203.0.113.5:51000", "192.0.2.99:443")
	inTheClear(t, func(t *testing.T, n network) {
		s := serve(t, n, echo(""), greeting, secured(serverTLS), everyone, misbehaving(server.Faults{Delay: time.Millisecond}))
		c := s.dial()
		c.Conn = &prefixed{Conn: c.Conn, prefix: []byte(header)}
		c.speaks(clientTLS)
		c.want("HELLO clientid=1 you=203.0.113.5:51000 me=192.0.2.99:443 handler=test via=" + c.LocalAddr().String() +
			" tls=1.3 sni=parley.test fault=delay:1ms")
	})
}

// One who resets the connection does not keep its place for as long as what it has asked for is delayed.
func TestFaults_resetWhileDelayed(t *testing.T) {
	answered := make(chan error, 1)
	s := serve(t, overTCP, handler.Func(func(s handler.Session) error {
		for msg := range s.Messages() {
			answered <- s.Echo("", msg)
		}
		return nil
	}), misbehaving(server.Faults{Delay: time.Hour}))
	c := s.dial()
	c.send("hi\n")
	if err := s.await(answered); err != nil {
		t.Fatal(err)
	}
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
	c.Close()
	s.wantEnd(server.Reset)
}
