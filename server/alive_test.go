package server_test

import (
	"testing"
	"time"
)

// A server that is stuck gives no sign of life; one that serves, drains or is over does.
func TestAlive(t *testing.T) {
	t.Parallel()
	s := serve(t, overTCP, echo(""))
	c := s.dial()
	converse(t, s, c)
	c.Close()
	s.srv.Alive()

	release := s.srv.Hold()
	alive := make(chan struct{})
	go func() {
		s.srv.Alive()
		close(alive)
	}()
	select {
	case <-alive:
		t.Error("a sign of life while nobody can come or go")
	case <-time.After(100 * time.Millisecond):
	}
	release()
	<-alive

	s.stop(longDrain)
	s.srv.Alive()
}
