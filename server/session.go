package server

import (
	"context"
	"net"
	"strings"

	"go.uber.org/zap"

	"parley/protocol"
)

// ID is the number that the client was told.
func (c *conn) ID() uint64 { return c.id }

// RemoteAddr is the client's address.
func (c *conn) RemoteAddr() net.Addr {
	if c.remote.IsValid() {
		return net.TCPAddrFromAddrPort(c.remote)
	}
	return c.extra().remote
}

// peer is the client's address as greeting and log have it; a proxy's, as long as only that is known.
func (c *conn) peer() string {
	if c.remote.IsValid() {
		return c.remote.String()
	}
	return addrString(c.extra().remote)
}

// LocalAddr is the address that the client reached.
func (c *conn) LocalAddr() net.Addr { return c.local }

// Context ends when the handler has returned or the connection is being cut off; see handler.Session.
func (c *conn) Context() context.Context {
	e := c.extra()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ctx == nil {
		e.ctx, e.cancel = context.WithCancel(context.Background())
		if c.over.Load() {
			e.cancel()
		}
	}
	return e.ctx
}

// endContext ends the session's context, made or not yet made.
func (c *conn) endContext() {
	c.over.Store(true)
	e := c.extras.Load()
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cancel != nil {
		e.cancel()
	}
}

// Logger writes log lines that carry the client's ID and address.
func (c *conn) Logger() *zap.Logger {
	e := c.extra()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.logger == nil {
		e.logger = c.ln.srv.log.With(zap.Uint64("clientid", c.id), zap.String("peer", c.peer()))
	}
	return e.logger
}

// End ends Messages.
func (c *conn) End() {
	c.ended.Store(true)
	c.t.setReadDeadline(longAgo)
}

// Drop ends the connection of a client who does not take what it is sent.
func (c *conn) Drop() {
	c.end(&ending{reason: SlowReader})
	c.t.interrupt()
}

// Go runs f on another goroutine; see handler.Session.
func (c *conn) Go(f func()) {
	c.extra().started.Go(func() {
		returned := false
		defer func() {
			if !returned {
				c.panicked(recover())
				c.endContext()
				c.End()
			}
		}()
		f()
		returned = true
	})
}

// join waits for the goroutines of Go, who may wait for the end of the context.
func (c *conn) join() {
	c.endContext()
	if e := c.extras.Load(); e != nil {
		e.started.Wait()
	}
}

// Text returns what a message says to a person.
func (c *conn) Text(msg []byte) string { return c.ln.Wire.Text(msg) }

// Fields returns the fields of a message that has some.
func (c *conn) Fields(msg []byte) ([]protocol.Field, bool) { return c.ln.Wire.Fields(msg) }

// Register notes who the client says it is, and logs it.
func (c *conn) Register(name, email string) {
	r := &registration{name: start(name), email: start(email)}
	e := c.extra()
	e.mu.Lock()
	before := e.registered
	if before != nil {
		if before.name == r.name && before.email == r.email {
			e.mu.Unlock()
			return
		}
		r.changes = before.changes + 1
	}
	e.registered = r
	e.mu.Unlock()
	c.ln.srv.registrations.Add(1)
	if r.changes <= loggedChanges {
		c.Logger().Info("client registered", r.fields()...)
	}
}

// loggedChanges is how often the log says that a client now says it is somebody else. One who goes on and on does not
// fill it; the line of the connection's end has the last.
const loggedChanges = 10

// A registration is who a client says it is.
type registration struct {
	name, email string
	changes     int // how often it has said something else before
}

func (r *registration) fields() []zap.Field {
	return []zap.Field{zap.String("name", printable([]byte(r.name))), zap.String("email", printable([]byte(r.email)))}
}

// start returns a copy of the start of text: what the log shows, and a byte more, so that it says that there was more. A
// client may say much.
func start(text string) string {
	return strings.Clone(text[:min(len(text), loggedBytes+1)])
}

// registration returns who the client said it is; nil when it did not.
func (c *conn) registration() *registration {
	if e := c.extras.Load(); e != nil {
		return e.registration()
	}
	return nil
}

func (e *extras) registration() *registration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.registered
}

// addrString writes an address as greeting and log have it. A unix socket's client usually has none, and nor has a
// socket whose address the system could not tell.
func addrString(addr net.Addr) string {
	if addr == nil {
		return ""
	}
	s := addr.String()
	if addr.Network() == "unix" && (s == "" || s == "@") {
		return "unix"
	}
	return s
}
