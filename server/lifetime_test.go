package server_test

import (
	"testing"
	"time"

	"parley/protocol"
	"parley/server"
)

// Who speaks is told as punctually as who is silent, and for this reason where both are due.
func TestMaxLifetime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), limits(server.Limits{MaxLifetime: time.Minute, IdleTimeout: time.Minute}))
		began := time.Now()
		silent, speaks := s.dial(), s.dial()
		for range 59 {
			time.Sleep(time.Second)
			speaks.send("a\n")
			speaks.want("a")
		}
		speaks.wantEnd("ERR lifetime")
		silent.wantEnd("ERR lifetime")
		wantAfter(t, began, time.Minute)
		speaks.Close()
		silent.Close()
		s.wantEnd(server.Lifetime)
		s.wantEnd(server.Lifetime)
	})
}

// A message that is unfinished then has 2 s to end, and is answered first.
func TestMaxLifetime_inMessage(t *testing.T) {
	for name, test := range map[string]struct {
		end   string
		wants []string
		after time.Duration
	}{
		"ends":    {"b\n", []string{"ab", "ERR lifetime"}, 61 * time.Second},
		"doesn't": {"b", []string{"ERR lifetime"}, 62 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, overPipe, echo(""), limits(server.Limits{MaxLifetime: time.Minute}))
				c := s.dial()
				began := time.Now()
				time.Sleep(59 * time.Second)
				c.send("a")
				time.Sleep(2 * time.Second)
				c.send(test.end)
				c.wantEnd(test.wants...)
				wantAfter(t, began, test.after)
				c.Close()
				s.wantEnd(server.Lifetime)
			})
		})
	}
}

// Who sends without a pause doesn't outlive it either; on the raw wire nobody is told.
func TestMaxLifetime_busy(t *testing.T) {
	t.Parallel()
	busy := func(n network) func(*testing.T) {
		return func(t *testing.T) { t.Parallel(); isBusyForLife(t, n) }
	}
	t.Run("tcp", busy(overTCP))
	t.Run("held", busy(overHeld))
	t.Run("tls", busy(overTLS))
}

func isBusyForLife(t *testing.T, n network) {
	t.Helper()
	const lifetime = 300 * time.Millisecond
	s := serve(t, n, echo(""), limits(server.Limits{MaxLifetime: lifetime}), func(r *role) { r.listener.Wire = protocol.Raw{} })
	began := time.Now()
	c := s.dial()
	for answer := make([]byte, 2); ; {
		if _, err := c.Write([]byte("ab")); err != nil {
			break
		}
		if _, err := c.Read(answer); err != nil {
			break
		}
	}
	if took := time.Since(began); took < lifetime {
		t.Errorf("it ended after %v, want at least %v", took, lifetime)
	}
	c.Close()
	s.wantEnd(server.Lifetime)
}
