package server

import (
	"net/netip"

	"go.uber.org/zap"
)

// MaxRefused is how many connections may be on their way out at a time after they were turned away, each with a goroutine and a file for
// up to shortLingerTimeout. Those beyond it are told and closed at once, at the price that one who had already sent
// something may miss what it is told.
const MaxRefused = 512

// admit gives a new connection its ID and either starts its conversation or turns it away. Admission stands under the lock
// that Shutdown takes, so that no connection slips by it.
func (s *Server) admit(l *Listener, a arrival) {
	c := newConn(l, a)
	ip := c.remote.Addr()
	key := capKey(ip)

	s.mu.Lock()
	s.lastID++
	c.id = s.lastID
	l.tally.accepted++
	reason, refused := s.refuses(l, ip, key)
	started := true
	if refused {
		l.tally.closed[reason]++
		c.refused = true
		c.end(&ending{reason: reason})
		if started = reason != Denied && s.refused < MaxRefused && !s.closed; started {
			s.refused++
		}
	} else {
		s.quota.take(key)
		l.quota.take(key)
		l.tally.active++
	}
	if started {
		s.conns[c] = struct{}{}
		s.conversations.Add(1)
	}
	s.mu.Unlock()

	if refused {
		s.logRefused(c, reason)
	} else {
		c.welcome()
	}
	if started {
		go c.serve()
	} else {
		c.dismiss()
	}
}

// refuses returns the reason why a connection can't be served. The caller holds mu.
func (s *Server) refuses(l *Listener, ip, key netip.Addr) (Reason, bool) {
	switch {
	case s.closed:
		return ShuttingDown, true
	case !l.Limits.allows(ip):
		return Denied, true
	}
	if reason, refused := s.quota.refuses(key); refused {
		return reason, true
	}
	return l.quota.refuses(key)
}

// release takes a connection off the caps, which is about to be closed.
func (s *Server) release(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.freed = true
	if c.refused {
		return
	}
	key := capKey(c.remote.Addr())
	s.quota.release(key)
	c.ln.quota.release(key)
}

// forget takes a connection that is closed off the books.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := c.ln
	delete(s.conns, c)
	l.tally.add(c.traffic())
	if c.refused {
		s.refused--
		return
	}
	l.tally.active--
	l.tally.closed[c.ending.Load().reason]++
}

// logRefused says at most once a second that connections are turned away; how many it is, the metrics say.
func (s *Server) logRefused(c *conn, reason Reason) {
	if reason == Denied || reason == ShuttingDown {
		return
	}
	if !s.refusals.allows() {
		return
	}
	s.mu.Lock()
	total := c.ln.tally.closed[reason]
	s.mu.Unlock()
	s.log.Warn("turning connections away", zap.String("reason", reason.String()), zap.String("listener", c.ln.Label),
		zap.String("peer", c.peer()), zap.Uint64("so_far", total))
}

// dismiss closes a connection that was turned away, without a goroutine: its socket is new, so that the system takes the
// few bytes at once.
func (c *conn) dismiss() {
	c.tell(c.ending.Load().reason)
	c.t.close()
	c.ln.tally.duration.Observe(float64(c.ln.srv.now()-c.began) / 1e9)
	c.ln.srv.mu.Lock()
	c.ln.tally.add(c.traffic())
	c.ln.srv.mu.Unlock()
	c.logEnd()
}
