package server

// booksAhead is how many connections may have ended and not be entered yet. The goroutine of one beyond that, which is closed
// already, waits until there is room.
const booksAhead = 64

// keepBooks enters connections that have ended, until over is closed. One goroutine does that for all, as its stack is large
// enough for it: those of the connections are as small as they come, and to let each grow for its last line costs more
// than the line.
func (s *Server) keepBooks() {
	for {
		select {
		case c := <-s.ended:
			c.enter()
		case <-s.pulse:
		case <-s.over:
			return
		}
	}
}

// enter takes the connection off the table, counts it and logs it.
func (c *conn) enter() {
	s := c.ln.srv
	leaver := c.leaver()
	c.ln.tally.duration.Observe(float64(leaver.ended-c.began) / 1e9)
	s.forget(c, leaver)
	c.logEnd()
	s.conversations.Done()
}

// Alive returns when the server has shown that it goes on: that the lock was free which every connection needs to come and go,
// and the books were kept. It is for a watchdog: on a server that is stuck it never returns.
func (s *Server) Alive() {
	s.mu.Lock()
	booked := s.booked
	s.mu.Unlock()
	if !booked {
		return
	}
	select {
	case s.pulse <- struct{}{}:
	case <-s.over:
	}
}
