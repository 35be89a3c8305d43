package server

import (
	"net/netip"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// MaxRefused is how many connections may be on their way out at a time after they were turned away, each with a
// goroutine and a file for up to shortLingerTimeout. Those beyond it are told and closed at once, at the price that one
// who had already sent something may miss what it is told.
const MaxRefused = 512

// MaxHandshakes is how many connections may be in their handshake at a time, over all listeners; those beyond it are
// turned away as ServerFull. One whose client stalls in TLS, after its hello, was measured to hold 30 KB, and 7 KB before that:
// together that is 125 MB.
const MaxHandshakes = 4096

// admit gives a new connection its ID and either lets it in or turns it away. Admission stands under the lock that
// Shutdown takes, so that no connection slips by it. On a listener behind proxies only the proxy is known here;
// introduce judges the client.
func (s *Server) admit(l *Listener, a arrival) {
	c := newConn(l, a)
	ip := c.remote.Addr()
	key := capKey(ip)
	if l.Proxied {
		key, c.nameless = netip.Addr{}, true
	}

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
		if started = c.tells(reason) && s.refused < MaxRefused && !s.closed; started {
			s.refused++
		}
	} else {
		s.quota.take(key)
		l.quota.take(key)
		l.tally.active++
		if l.handshakes {
			s.handshaking++
		}
	}
	if started {
		s.conns[c] = struct{}{}
		s.conversations.Add(1)
	}
	s.mu.Unlock()

	switch {
	case refused:
		s.logRefused(c, reason)
		if !started {
			c.dismiss()
			return
		}
	case l.handshakes:
		go c.approach()
		return
	default:
		c.welcome()
	}
	go c.serve()
}

// refuses returns the reason why a connection from a client, or from a proxy, can't be served. The caller holds mu.
func (s *Server) refuses(l *Listener, ip, key netip.Addr) (Reason, bool) {
	switch {
	case s.closed:
		return ShuttingDown, true
	case l.Proxied && !l.trusts(ip):
		return UntrustedProxy, true
	case !l.Proxied && !l.Limits.allows(ip):
		return Denied, true
	case l.handshakes && s.handshaking >= MaxHandshakes:
		return ServerFull, true
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
	if c.nameless {
		key = netip.Addr{}
	}
	s.quota.release(key)
	c.ln.quota.release(key)
}

// introduce judges a connection again, which was admitted as one of a proxy, by the client that the proxy has named. It
// returns the reason why that can't be served.
func (s *Server) introduce(c *conn) (Reason, bool) {
	l := c.ln
	key := capKey(c.remote.Addr())
	s.mu.Lock()
	defer s.mu.Unlock()
	if !l.Limits.allows(c.remote.Addr()) {
		return Denied, true
	}
	if s.quota.full(key) || l.quota.full(key) {
		return TooManyFromIP, true
	}
	s.quota.takeFor(key)
	l.quota.takeFor(key)
	c.nameless = false
	return 0, false
}

// trusts reports whether addr is that of a proxy whose header is believed. Who has no IP address, as on a unix socket,
// was let in by the file system.
func (l *Listener) trusts(addr netip.Addr) bool {
	return !addr.IsValid() || contains(l.Proxies, addr.WithZone(""))
}

// forget takes a connection that is closed off the books.
func (s *Server) forget(c *conn, leaver member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := c.ln
	delete(s.conns, c)
	s.leavers.add(leaver)
	l.tally.add(leaver.traffic)
	if c.refused {
		s.refused--
		return
	}
	l.tally.active--
	l.tally.closed[leaver.reason]++
}

// logRefused says, at most once a second for each listener and reason, that connections are turned away, and how many it were.
// That a list does what it is for is no warning.
func (s *Server) logRefused(c *conn, reason Reason) {
	level := zapcore.WarnLevel
	switch reason { //nolint:exhaustive // the others are worth a warning
	case ShuttingDown:
		return
	case Denied:
		level = zapcore.InfoLevel
	}
	if !c.ln.warned[reason].allows() {
		return
	}
	s.mu.Lock()
	total := c.ln.tally.closed[reason]
	s.mu.Unlock()
	s.log.Log(level, "turning connections away", zap.String("reason", reason.String()), zap.String("listener", c.ln.Label),
		zap.String("peer", c.peer()), zap.Uint64("so_far", total))
}

// dismiss closes a connection that was turned away, without a goroutine: its socket is new, so that the system takes the
// few bytes at once.
func (c *conn) dismiss() {
	c.tell(c.ending.Load().reason)
	c.t.close()
	leaver := c.leaver()
	c.ln.tally.duration.Observe(float64(leaver.ended-c.began) / 1e9)
	c.ln.srv.mu.Lock()
	c.ln.srv.leavers.add(leaver)
	c.ln.tally.add(leaver.traffic)
	c.ln.srv.mu.Unlock()
	c.logEnd()
}
