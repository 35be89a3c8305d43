package server

import (
	"errors"
	"os"
	"time"

	"go.uber.org/zap"
)

// facts are what a handshake tells of a connection; empty where it does not apply. They are static once it is over.
type facts struct {
	via      string // the proxy that named the client
	tls      string // the version, such as 1.3
	sni      string // the name that the client asked for
	alpn     string // the protocol that was agreed upon
	clientCN string // the common name of the client's certificate, which was verified
}

// facts returns what is known of the connection.
func (c *conn) facts() facts {
	if e := c.extras.Load(); e != nil && e.facts != nil {
		return *e.facts
	}
	return facts{}
}

// learn returns the facts, to be added to by the handshake.
func (c *conn) learn() *facts {
	e := c.extra()
	if e.facts == nil {
		e.facts = new(facts)
	}
	return e.facts
}

// fields are the facts as log lines have them.
func (f facts) fields() []zap.Field {
	var fields []zap.Field
	for _, field := range []struct{ key, value string }{
		{"via", f.via}, {"tls", f.tls}, {"sni", f.sni}, {"alpn", f.alpn}, {"client_cn", f.clientCN},
	} {
		if field.value != "" {
			fields = append(fields, zap.String(field.key, printable([]byte(field.value))))
		}
	}
	return fields
}

// approach is the way of a connection to its conversation where there is something to do first: the header of a proxy,
// the handshake of TLS. It has a goroutine of its own, which ends there: whoever stalls holds up nobody, and the one
// that then waits for messages begins with the smallest stack.
func (c *conn) approach() {
	returned := false
	defer func() {
		if !returned {
			c.panicked(recover())
		}
		c.approached()
		go c.serve()
	}()
	err := c.shakeHands()
	if err != nil {
		c.end(endingOf(err))
	}
	if e := c.ending.Load(); e != nil {
		c.logFailed(e)
	} else {
		c.lastActive.Store(c.ln.srv.now())
		c.welcome()
	}
	returned = true
}

// approached notes that the handshake is over, well or not.
func (c *conn) approached() {
	c.stage.Store(waiting)
	s := c.ln.srv
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handshaking--
	s.handshaken++
}

// shakeHands does what comes before the conversation, within the handshake timeout.
func (c *conn) shakeHands() error {
	if timeout := c.ln.Limits.HandshakeTimeout; timeout > 0 {
		late := func() {
			c.end(&ending{reason: HandshakeTimeout})
			c.t.interrupt() // Whatever it is doing then, also sending.
		}
		timer := time.AfterFunc(timeout-time.Duration(c.ln.srv.now()-c.began), late)
		defer func() {
			if !timer.Stop() {
				c.end(&ending{reason: HandshakeTimeout}) // late may only be about to.
			}
		}()
	}
	c.arm(0)
	if c.ln.Proxied {
		if err := c.readHeader(); err != nil {
			return err
		}
	}
	if s := securedOf(c.t); s != nil {
		return c.secure(s)
	}
	return nil
}

// securedOf returns the transport of TLS; nil where there is none.
func securedOf(t transport) *secured {
	if f, ok := t.(*faulty); ok {
		t = f.transport
	}
	s, _ := t.(*secured)
	return s
}

// receives gives r what the client sends until r has enough. It returns ShuttingDown as an error when the drain does
// not let it wait for that.
func (c *conn) receives(r receiver) error {
	for {
		err := c.t.receive(r)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if by := c.drainBy(); by != 0 && c.ln.srv.now() >= by {
			return &ending{reason: ShuttingDown}
		}
		c.arm(0) // It came too early, or the drain has just begun.
	}
}

// logFailed says, at most once a second for each listener and reason, that handshakes fail, and why this one has; how many it
// were, the metrics say.
// Without it, who has misconfigured a proxy would see nothing: a line for each is at level debug, as anybody can bring
// them about.
//
//go:noinline
func (c *conn) logFailed(e *ending) {
	switch e.reason { //nolint:exhaustive // the other reasons are the client's or ours, and no mistake
	case Denied, TooManyFromIP:
		c.ln.srv.logRefused(c, e.reason)
	case BadProxyHeader, BadTLS, HandshakeTimeout:
		if c.ln.warned[e.reason].allows() {
			c.ln.srv.log.Warn("handshakes fail", zap.String("reason", e.reason.String()), zap.String("listener", c.ln.Label),
				zap.String("peer", c.peer()), zap.Error(e.err))
		}
	}
}
