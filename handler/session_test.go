package handler_test

import (
	"context"
	"errors"
	"iter"
	"net"
	"testing"

	"go.uber.org/zap"

	"parley/handler"
	"parley/protocol"
)

var errGone = errors.New("the client has gone")

// session is a Session whose client has sent messages, and gone. It is for what the real server can't be made to do.
type session struct {
	handler.Session

	id       uint64
	addr     net.Addr
	messages int
	sent     int
	wait     func() // called before the first message, unless nil
}

func (s *session) ID() uint64           { return s.id }
func (s *session) RemoteAddr() net.Addr { return s.addr }
func (s *session) Logger() *zap.Logger  { return zap.NewNop() }

func (s *session) Messages() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if s.wait != nil {
			s.wait()
		}
		for range s.messages {
			if !yield([]byte("hi")) {
				return
			}
		}
	}
}

func (s *session) Reply(string) error {
	s.sent++
	return errGone
}

func (s *session) Gather(text string) error                     { return s.Reply(text) }
func (s *session) Echo(prefix string, _ []byte) error           { return s.Reply(prefix) }
func (s *session) Record(word string, _ []protocol.Field) error { return s.Reply(word) }
func (s *session) Flush() error                                 { return errGone }
func (s *session) Text(msg []byte) string                       { return string(msg) }
func (s *session) Fields([]byte) ([]protocol.Field, bool)       { return nil, false }
func (s *session) Context() context.Context                     { return context.Background() }
func (s *session) Go(f func())                                  { go f() }
func (s *session) End()                                         {}
func (s *session) Drop()                                        {}

// TestHandlers_clientGone: the session's error ends the conversation and is returned as it is, so that the server need not guess
// why it ended.
func TestHandlers_clientGone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"counting", "daytime", "echo", "happy", "register"} {
		s := &session{id: 1, addr: &net.TCPAddr{}, messages: 3}
		h := newHandler(t, name, handler.Options{"once": {"false"}})
		if err := h.Serve(s); !errors.Is(err, errGone) || s.sent != 1 {
			t.Errorf("%s: Serve = %v behind %d replies, want %v behind 1", name, err, s.sent, errGone)
		}
	}
}

// Those who reply from a goroutine of their own end too when the client has gone, and need not say so: the session knows.
func TestHandlers_clientGoneBeside(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"chargen", "chat"} {
		if err := newHandler(t, name, nil).Serve(&session{id: 1, messages: 3}); err != nil {
			t.Errorf("%s: Serve = %v", name, err)
		}
	}
}
