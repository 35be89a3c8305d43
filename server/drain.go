package server

import (
	"context"
	"time"
)

// A drain is what connections need to know of the server's end, in nanoseconds as Server.now has them.
//
// A client who has sent something is to get its answer, also if that is still on its way into the program. So a connection
// waits for input until settled, and one that is then in the middle of a message, or has more at hand, goes on until
// unfinished.
type drain struct {
	began, settled, unfinished int64
	linger                     int64 // how long a closing connection waits for the client to end its side
}

const (
	settleTimeout     = 100 * time.Millisecond // for what has been sent to come in
	lastLook          = 10 * time.Millisecond  // for what came in while the process was not running
	unfinishedTimeout = 2 * time.Second        // for a message that has begun to end
	cutTimeout        = time.Second            // for the goroutines of connections that were cut to end
)

// An Outcome says how the connections ended that were there when the server was shut down.
type Outcome struct {
	Drained int // ended by themselves or were told that the server shuts down
	Cut     int // were still there when the time was up
}

// Shutdown closes the sockets at once, lets each connection finish the message it is in, tells it ERR shutting_down and closes
// it. When ctx ends it cuts off those that are left. It returns when all connections are closed, or a second after
// ctx if a handler does not return. A second call returns an Outcome of zeros at once.
func (s *Server) Shutdown(ctx context.Context) Outcome {
	conns, first := s.close(ctx)
	if !first {
		return Outcome{}
	}
	go func() {
		s.conversations.Wait()
		close(s.over)
	}()
	select {
	case <-s.over:
	case <-ctx.Done():
	}
	out := Outcome{Drained: conns, Cut: s.cutAll()}
	out.Drained -= out.Cut
	timer := time.NewTimer(cutTimeout) // Also where none was cut: one that has just closed may not be in the books yet.
	defer timer.Stop()
	select {
	case <-s.over:
	case <-timer.C:
	}
	s.closeHangups()
	s.flushThrottles()
	return out
}

func (s *Server) closeHangups() {
	s.mu.Lock()
	h := s.hangups
	s.mu.Unlock()
	if h != nil {
		h.close()
	}
}

// close ends accepting and begins the drain. It returns how many conversations there are; false when that was done before.
func (s *Server) close(ctx context.Context) (int, bool) {
	if !s.endAccept(ctx) {
		return 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	now := s.now()
	left := int64(4 * unfinishedTimeout)
	if deadline, ok := ctx.Deadline(); ok {
		left = max(0, int64(time.Until(deadline)))
	}
	// A quarter for each leaves half of the time to handlers.
	d := &drain{
		began:      now,
		settled:    now + min(int64(settleTimeout), left/4),
		unfinished: now + min(int64(unfinishedTimeout), left/4),
		linger:     min(int64(shortLingerTimeout), left/4),
	}
	s.drain.Store(d)
	conversations := 0
	for c := range s.conns {
		if !c.refused {
			conversations++
		}
		c.t.setReadDeadline(s.at(d.settled))
	}
	return conversations, true
}

// endAccept closes the sockets, and waits until each accept loop has admitted the connection that it may have had in hand. That
// one is served like all that came before: it cannot go back to the queue of a socket that was handed over, where those that
// nobody has accepted wait for the next process. It is false when that was done before.
func (s *Server) endAccept(ctx context.Context) bool {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return false
	}
	s.closing = true
	s.stopAccept()
	for socket := range s.sockets {
		_ = socket.Close() // Serve has it in hand, and closes it again.
	}
	s.mu.Unlock()

	ended := make(chan struct{})
	go func() {
		s.loops.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	return true
}

// cutAll cuts what is left and returns how many conversations that were. One that is closed and not yet in the
// books is none.
func (s *Server) cutAll() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	conversations := 0
	for c := range s.conns {
		if !c.refused && !c.freed {
			conversations++
		}
		c.cut()
	}
	return conversations
}

// cut ends the connection from outside.
func (c *conn) cut() {
	c.end(&ending{reason: Cut})
	c.endContext()
	c.t.interrupt()
}

// drainBy is when the drain ends the loop over the messages, 0 for never.
func (c *conn) drainBy() int64 {
	d := c.ln.srv.drain.Load()
	switch {
	case d == nil:
		return 0
	case c.messageBegan != 0:
		return d.unfinished
	}
	return d.settled
}

// takesMore reports whether a connection that has just taken input goes on. While the server drains, what is at hand is
// still answered, but it waits for more only as long as drainBy allows.
func (c *conn) takesMore(now int64) bool {
	d := c.ln.srv.drain.Load()
	if d == nil {
		return true
	}
	if now >= d.unfinished {
		c.end(&ending{reason: ShuttingDown})
		return false
	}
	if by := c.drainBy(); c.armed == 0 || by < c.armed {
		c.arm(by)
	}
	return true
}

// looksAgain ends a connection that the drain gives no more time, but lets it look for input once more: the time may
// have passed while the process was not running, as in a container that has used up its share of the CPU, and timers
// are then served before what has come in. It reports whether to wait again.
func (c *conn) looksAgain(now int64) bool {
	if c.looked {
		c.end(&ending{reason: ShuttingDown})
		return false
	}
	c.looked = true
	c.armed = now + int64(lastLook)
	c.t.setReadDeadline(c.ln.srv.at(c.armed))
	return true
}
