package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"parley/handler"
	"parley/protocol"
	"parley/server"
)

func named(name string) func(*role) {
	return func(r *role) { r.server.Name = name }
}

func TestGreeting(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, echo(""), greeting, named("pod-x"))
		for id := 1; id <= 3; id++ {
			c := s.dial()
			c.want(fmt.Sprintf("HELLO clientid=%d you=%v me=%v name=pod-x handler=test", id, c.LocalAddr(), c.RemoteAddr()) + n.facts)
			c.send("a\n")
			c.want("a")
		}
		if got := s.metrics().of("parley_handshake_duration_seconds"); got != 3 {
			t.Errorf("%v handshakes observed, want 3", got)
		}
	})
}

func TestGreeting_off(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		c := serve(t, n, echo("ECHO: ")).dial()
		c.send("hi\n")
		c.want("ECHO: hi")
	})
}

func TestEcho(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, echo("ECHO: "), greeting)
		c := s.dial()
		c.want(fmt.Sprintf("HELLO clientid=1 you=%v me=%v handler=test", c.LocalAddr(), c.RemoteAddr()) + n.facts)
		for _, line := range []string{"hi\n", "there\r\n", "\n", "\r\n", "  \n", "\n"} {
			c.send(line)
			c.want("ECHO: " + strings.TrimRight(line, "\r\n"))
		}
		c.closeWrite()
		c.wantEnd()
		e := s.wantEnd(server.ClientClosed)
		if got := e.fields["messages_in"]; got != uint64(6) {
			t.Errorf("%v messages in the log, want 6", got)
		}
	})
}

// Replies to messages that came together go out together: one system call, and one segment.
func TestReply_gathered(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		c := serve(t, n, echo("ECHO: ")).dial()
		c.send("a\n\nb\nc\n")
		c.wantPiece("ECHO: a\nECHO: \nECHO: b\nECHO: c\n")
		// What stands unfinished behind them does not hold them back.
		c.send("d\ne\nf")
		c.wantPiece("ECHO: d\nECHO: e\n")
		c.send("\n")
		c.wantPiece("ECHO: f\n")
	})
}

// Once, replies were stuck when the handler had none for the last of several messages.
func TestReply_gatheredWithoutLast(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		c := serve(t, n, handler.Func(func(s handler.Session) error {
			for msg := range s.Messages() {
				if len(msg) > 0 {
					_ = s.Echo("", msg)
				}
			}
			return nil
		})).dial()
		c.send("a\n\n")
		c.wantPiece("a\n")
		c.send("\nb\n\n\n")
		c.wantPiece("b\n")
	})
}

// Replies are gathered up to a bound.
func TestReply_gatheredInPieces(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const replies, size = 300, 100 // 30,000 bytes
		c := serve(t, overPipe, echo(strings.Repeat("x", size-2))).dial()
		c.send(strings.Repeat("y\n", replies))
		pieces, got := 0, 0
		b := make([]byte, 64<<10)
		for got < replies*size {
			n, err := c.r.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			got += n
			pieces++
		}
		if pieces != 2 {
			t.Errorf("%d bytes came in %d pieces, want 2", got, pieces)
		}
	})
}

func TestMessages_split(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		c := serve(t, n, echo("ECHO: "), flush(time.Minute)).dial()
		for _, line := range []string{"hi\r\n", "you\n", "\n"} {
			for _, b := range line {
				c.send(string(b))
			}
			c.want("ECHO: " + strings.TrimRight(line, "\r\n"))
		}
	})
}

// Who has never sent a newline gets an answer after a while of silence. From the first newline on, a pause means nothing.
func TestMessages_flush(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := serve(t, overPipe, echo("ECHO: "), flush(200*time.Millisecond)).dial()
		for range 3 {
			began := time.Now()
			c.send("Te")
			time.Sleep(199 * time.Millisecond)
			c.send("st")
			c.want("ECHO: Test")
			if took := time.Since(began); took != 399*time.Millisecond {
				t.Errorf("answered after %v, want 200ms of silence", took)
			}
		}
		c.send("\n") // Ended the message that was answered, and is no empty one.
		c.send("aga")
		c.wantSilence(time.Hour)
		c.send("in\n")
		c.want("ECHO: again")
	})
}

// wantSilence wants nothing to come for d.
func (c *client) wantSilence(d time.Duration) {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(d))
	defer c.SetReadDeadline(time.Time{})
	if b, err := c.r.ReadByte(); err == nil || !isTimeout(err) {
		c.t.Fatalf("got %q, %v; want nothing for %v", b, err, d)
	}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// A client that ends its side gets all its answers, also for what it has left unfinished.
func TestMessages_halfClosed(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, echo("ECHO: "), flush(time.Minute))
		for _, input := range []string{"bye", "hi\nbye", "hi\nbye\n", ""} {
			c := s.dial()
			if input != "" { // A pipe has pieces of nothing.
				c.send(input)
			}
			for line := range strings.SplitSeq(strings.TrimSuffix(input, "\n"), "\n") {
				if input != "" && (line != "bye" || strings.HasSuffix(input, "\n")) {
					c.want("ECHO: " + line)
				}
			}
			c.closeWrite()
			if strings.HasSuffix(input, "bye") {
				c.want("ECHO: bye")
			}
			c.wantEnd()
			s.wantEnd(server.ClientClosed)
		}
	})
}

func TestRaw(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, echo(""), raw)
		c := s.dial()
		for _, piece := range []string{"\x00\x01\x02\n\n", "\xff\xf4\xff\xfd\x06", "no newline", "\n"} {
			c.send(piece)
			c.wantPiece(piece)
		}
		c.closeWrite()
		c.wantEnd()
		s.wantEnd(server.ClientClosed)
	})
}

func TestRaw_greeting(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		c := serve(t, n, echo("> "), raw, greeting).dial()
		c.want(fmt.Sprintf("HELLO clientid=1 you=%v me=%v handler=test", c.LocalAddr(), c.RemoteAddr()) + n.facts)
		c.send("\x00")
		c.wantPiece("> \x00")
	})
}

// Nothing to say is nothing sent. Over a pipe an empty write waits for a reader.
func TestRaw_emptyReply(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		c := serve(t, n, handler.Func(func(s handler.Session) error {
			if err := s.Echo("", nil); err != nil {
				return err
			}
			return s.Echo("text", nil)
		}), raw).dial()
		c.wantPiece("text")
	})
}

// A handler may leave the loop and take it up again, in the middle of a piece or between two.
func TestMessages_takenUpAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			for number := 1; ; number++ {
				more := false
				for msg := range s.Messages() {
					if err := s.Echo(fmt.Sprint(number, " "), msg); err != nil {
						return err
					}
					if more = string(msg) != "stay"; more {
						break
					}
				}
				if !more {
					return nil
				}
			}
		}))
		c := s.dial()
		c.send("a\nb\nstay\nc\nd")
		c.want("1 a", "2 b", "3 stay", "3 c")
		c.send("\n")
		c.want("4 d")
		c.send("e\nf")
		c.want("5 e")
		c.closeWrite()
		c.wantEnd("6 f")
		s.wantEnd(server.ClientClosed)
	})
}

// What came behind the message at which the handler left for good is not answered, nor is it the client's fault.
func TestMessages_leftForGood(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			for range s.Messages() {
				return s.Reply("done")
			}
			return nil
		}))
		c := s.dial()
		c.send("a\nb\nc\n")
		c.wantEnd("done")
		c.Close()
		s.wantEnd(server.Done)
	})
}

func TestReply_fromElsewhere(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		const lines = 100
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			said := make(chan error)
			go func() {
				for i := range lines {
					if err := s.Reply(fmt.Sprint("tick ", i)); err != nil {
						said <- err
						return
					}
				}
				said <- nil
			}()
			err := echo("ECHO: ")(s)
			return errors.Join(err, <-said)
		}))
		c := s.dial()
		go func() {
			for range lines {
				_, _ = io.WriteString(c.Conn, "a\nb\n")
			}
			_ = c.Conn.(interface{ CloseWrite() error }).CloseWrite()
		}()
		got := map[string]int{}
		for {
			line, err := c.r.ReadString('\n')
			if err != nil {
				break
			}
			word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			got[word]++
			if word == "tick" && rest != fmt.Sprint(got[word]-1) {
				t.Fatalf("got %q as tick %d", line, got[word]-1)
			}
		}
		if got["tick"] != lines || got["ECHO:"] != 2*lines {
			t.Errorf("got %v, want %d ticks and %d echoes", got, lines, 2*lines)
		}
		s.wantEnd(server.ClientClosed)
	})
}

// A handler may speak without listening.
func TestReply_outsideMessages(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			return errors.Join(s.Reply("one"), s.Reply("two"))
		}))
		c := s.dial()
		c.wantEnd("one", "two")
		c.Close()
		s.wantEnd(server.Done)
	})
}

// Flush sends what is gathered while the handler still has something to do.
func TestFlush(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		read := make(chan struct{})
		c := serve(t, n, handler.Func(func(s handler.Session) error {
			for msg := range s.Messages() {
				if err := s.Echo("working on ", msg); err != nil {
					return err
				}
				if err := s.Flush(); err != nil {
					return err
				}
				<-read
			}
			return nil
		})).dial()
		c.send("a\nb\n")
		c.want("working on a")
		read <- struct{}{}
		c.want("working on b")
		close(read)
	})
}

// Once a session is over, whatever is said in it fails in the same way.
func TestSession_over(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		sessions := make(chan handler.Session, 1)
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			sessions <- s
			return nil
		}))
		c := s.dial()
		c.wantEnd()
		c.Close()
		s.wantEnd(server.Done)
		over := <-sessions
		err := over.Reply("too late")
		if err == nil || !errors.Is(over.Echo("", []byte("too late")), err) {
			t.Errorf("Reply returned %v, Echo %v", err, over.Echo("", nil))
		}
		if err := over.Context().Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("the context says %v", err)
		}
		for range over.Messages() {
			t.Error("a message after the end")
		}
		if err := over.Flush(); err != nil {
			t.Errorf("Flush of nothing returned %v", err)
		}
	})
}

// The context ends with the connection, whether it was asked for before or after.
func TestSession_context(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		over := make(chan error, 1)
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			ctx := s.Context()
			context.AfterFunc(ctx, func() { over <- ctx.Err() })
			return echo("")(s)
		}))
		c := s.dial()
		c.send("a\n")
		c.want("a")
		c.Close()
		if err := s.await(over); !errors.Is(err, context.Canceled) {
			t.Errorf("the context ended with %v", err)
		}
	})
}

func TestSession_who(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			s.Logger().Info("hello")
			s.Logger().Info("hello")
			return s.Reply(fmt.Sprint(s.ID(), " ", s.RemoteAddr(), " ", s.LocalAddr()))
		}))
		c := s.dial()
		c.wantEnd(fmt.Sprint("1 ", c.LocalAddr(), " ", c.RemoteAddr()))
		for _, e := range s.log.lines("hello") {
			if e.fields["clientid"] != uint64(1) || e.fields["peer"] != c.LocalAddr().String() {
				t.Errorf("the handler's line has %v", e.fields)
			}
		}
	})
}

// End ends the loop that waits, and there is no other.
func TestSession_end(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		stop := make(chan struct{})
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			go func() {
				<-stop
				s.End()
			}()
			for range 2 {
				if err := echo("")(s); err != nil {
					return err
				}
			}
			return s.Reply("bye")
		}), limits(defaultLimits))
		c := s.dial()
		c.send("a\nunfinished")
		c.want("a")
		close(stop)
		c.wantEnd("bye")
		c.Close()
		s.wantEnd(server.Done)
	})
}

// Drop ends a connection whose client takes nothing, although a reply to it is under way.
func TestSession_drop(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		drop := make(chan struct{})
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			go func() {
				<-drop
				s.Drop()
			}()
			return flood(s)
		}))
		c := s.dial()
		if _, err := io.CopyN(io.Discard, c.r, 1000); err != nil {
			t.Fatal(err)
		}
		close(drop)
		s.wantEnd(server.SlowReader)
	})
}

// What is no message of the wire, or only half of one when the client ends its side, is said so once, and nothing is made
// of it.
func TestBadMessage(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, echo(""), func(r *role) { r.listener.Wire = protocol.Wires[protocol.JSONName] })
		for _, bad := range []string{"{\"a\":}\n", "{\"a\":1", "[1,2"} {
			c := s.dial()
			c.send("[1]\n" + bad)
			c.want("[1]")
			if !strings.HasSuffix(bad, "\n") {
				c.closeWrite()
			}
			line, err := c.r.ReadString('\n')
			if err != nil || !strings.HasPrefix(line, `{"error":"bad_message"`) {
				t.Errorf("%q: got %q, %v", bad, line, err)
			}
			c.wantEnd()
			c.Close()
			s.wantEnd(server.BadMessage)
		}
	})
}

// Who a client says it is stands in the log, escaped like everything it says.
func TestSession_register(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			for msg := range s.Messages() {
				fields, _ := s.Fields(msg)
				if len(fields) != 2 {
					return s.Reply("what is " + s.Text(msg) + "?")
				}
				s.Register(fields[0].Value, fields[1].Value)
				if err := s.Record("ACK", fields); err != nil {
					return err
				}
			}
			return nil
		}))
		c := s.dial()
		c.send("name=Ann email=a@example.org\nname=B\xc3\xb6b email=b\x1b@example.org\nnothing\n")
		c.want("ACK name=Ann email=a@example.org")
		if _, err := c.r.ReadString('\n'); err != nil {
			t.Error(err)
		}
		c.wantEnd("what is nothing?")
		c.Close()
		e := s.wantEnd(server.Done)
		if name, email := e.string("name"), e.string("email"); name != "B\u00f6b" || email != "b\x1b@example.org" {
			t.Errorf("the log line has %s and %s", name, email)
		}
	})
}

// The wire is text unless it is said otherwise.
func TestNewListener_wire(t *testing.T) {
	t.Parallel()
	l := server.New(server.Config{}).NewListener(server.ListenerConfig{Handler: echo("")})
	if _, ok := l.Wire.(protocol.Text); !ok {
		t.Errorf("the wire is %T", l.Wire)
	}
}
