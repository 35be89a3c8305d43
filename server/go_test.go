package server_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"parley/handler"
	"parley/server"
)

// A panic on a goroutine that the handler has started ends the handler's loop and its context, this connection and no other.
func TestGo_panic(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			for msg := range s.Messages() {
				if oh := panics[string(msg)]; oh != nil {
					s.Go(oh)
				}
				if err := s.Echo("", msg); err != nil {
					<-s.Context().Done()
					return err
				}
			}
			return nil
		}))
		other := s.dial()
		for name := range panics {
			other.send("before\n")
			other.want("before")
			c := s.dial()
			c.send(name + "\n")
			if line, err := c.r.ReadString('\n'); err != nil || line != name+"\n" && line != "ERR internal\n" {
				t.Errorf("%s: got %q, %v", name, line, err) // The panic may be first.
			} else if line == name+"\n" {
				c.want("ERR internal")
			}
			c.wantEnd()
			c.Close()
			s.wantEnd(server.Internal)
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
			if !strings.Contains(e.string("stack"), "Go") || e.fields["clientid"] == nil {
				t.Errorf("a panic's line has no more than %v", e.fields)
			}
		}
	})
}

// The connection waits for what the handler has started: it may still reply when Serve has returned, well or with a panic,
// and learns of that by its context.
func TestGo_outlivesServe(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		for name, leave := range map[string]func(){"return": func() {}, "panic": func() { panic("oh") }} {
			returned := make(chan error, 1)
			s := serve(t, n, handler.Func(func(s handler.Session) error {
				s.Go(func() {
					s.Go(func() {
						<-s.Context().Done()
						returned <- s.Reply("last words")
					})
				})
				for range s.Messages() {
				}
				leave()
				return nil
			}))
			c := s.dial()
			c.closeWrite()
			if name == "panic" {
				c.wantEnd("ERR internal")
				s.wantEnd(server.Internal)
				if err := s.await(returned); err == nil {
					t.Error("a reply behind a panic returned no error")
				}
				continue
			}
			c.wantEnd("last words")
			s.wantEnd(server.ClientClosed)
			if err := s.await(returned); err != nil {
				t.Error(err)
			}
		}
	})
}

// What was gathered is sent as one piece, by Flush, by another reply, or at the end of the conversation. Over a pipe, to send is
// to wait for the reader: gathering does not.
func TestGather(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		gathered := make(chan error)
		next := make(chan struct{})
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			s.Go(func() {
				gather := func() error {
					for _, line := range []string{"a", "b", "c"} {
						if err := s.Gather(line); err != nil {
							return err
						}
					}
					return nil
				}
				gathered <- gather()
				<-next
				_ = s.Flush()
				gathered <- gather()
				<-next
				_ = s.Reply("d")
				gathered <- gather()
			})
			for range s.Messages() {
			}
			return nil
		}))
		c := s.dial()
		for _, want := range []string{"a\nb\nc\n", "a\nb\nc\nd\n"} {
			if err := s.await(gathered); err != nil {
				t.Fatal(err)
			}
			next <- struct{}{}
			c.wantPiece(want)
		}
		if err := s.await(gathered); err != nil {
			t.Fatal(err)
		}
		c.closeWrite()
		c.wantPiece("a\nb\nc\n")
		c.wantEnd()
		e := s.wantEnd(server.ClientClosed)
		if got := e.fields["messages_out"]; got != uint64(10) {
			t.Errorf("%v messages went out, want 10", got)
		}
	})
}

// What is gathered is bounded: for one who does not read it waits as a reply does.
func TestGather_bounded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const size = 1000
		gathered := 0
		s := serve(t, overPipe, handler.Func(func(s handler.Session) error {
			for s.Gather(strings.Repeat("x", size-1)) == nil {
				gathered++
			}
			return nil
		}))
		c := s.dial()
		synctest.Wait()
		if gathered*size > 16<<10 || (gathered+2)*size < 16<<10 {
			t.Errorf("%d messages of %d bytes were gathered, want 16 KiB", gathered, size)
		}
		c.Close()
		s.wantEnd(server.Reset)
	})
}
