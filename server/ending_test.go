package server_test

import (
	"errors"
	"fmt"
	"testing"

	"go.uber.org/zap/zapcore"

	"parley/handler"
	"parley/server"
)

func TestHandlerError(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			for range s.Messages() {
				return errors.Join(s.Reply("hello"), errors.New("the database is gone"))
			}
			return nil
		}))
		c := s.dial()
		c.send("a\n")
		c.wantEnd("hello", "ERR internal")
		c.Close()
		e := s.wantEnd(server.Internal)
		if e.Level != zapcore.WarnLevel || e.string("error") != "the database is gone" {
			t.Errorf("got %v %v", e.Level, e.fields)
		}
		s.log.mu.Lock()
		defer s.log.mu.Unlock()
		lines := 0
		for _, e := range s.log.all {
			if e.Level > zapcore.DebugLevel {
				lines++
			}
		}
		if lines != 1 {
			t.Errorf("%d log lines, want one", lines)
		}
	})
}

// What a session returned says nothing new, however the handler wraps it.
func TestHandlerError_ofSession(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			for {
				if err := s.Reply("hello"); err != nil {
					return fmt.Errorf("saying hello: %w", err)
				}
			}
		}))
		c := s.dial()
		c.want("hello")
		c.Close()
		s.wantEnd(server.Reset)
	})
}

func TestErrFull(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(handler.Session) error {
			return fmt.Errorf("a table for two: %w", handler.ErrFull)
		}))
		c := s.dial()
		c.wantEnd("ERR server_full")
		c.Close()
		e := s.wantEnd(server.ServerFull)
		if e.string("error") != "" {
			t.Errorf("the log line has the error %q", e.string("error"))
		}
	})
}

// The first report is the one that counts, and nobody waits for it to be read.
func TestFinished(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			return fmt.Errorf("the end: %w", handler.Finished{Report: []string{fmt.Sprint("client ", s.ID())}})
		}))
		for range 3 {
			c := s.dial()
			c.wantEnd()
			c.Close()
			s.wantEnd(server.Done)
		}
		select {
		case f := <-s.srv.Finished():
			if got := fmt.Sprint(f.Report); got != "[client 1]" {
				t.Errorf("the report is %v", got)
			}
		default:
			t.Error("no report")
		}
	})
}

func TestReasons(t *testing.T) {
	t.Parallel()
	words := map[string]bool{}
	for _, r := range server.Reasons() {
		word := r.String()
		if word == "" || words[word] {
			t.Errorf("the word of reason %d is %q, which is empty or another's", r, word)
		}
		words[word] = true
	}
}
