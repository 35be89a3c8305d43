package server

import (
	"errors"
	"os"
	"time"
)

// How long and for how much a closing connection waits for the client to end its side. Closing while input stands unread
// makes the system drop answers that are still on their way, so what the client still sends is read and thrown away.
const (
	lingerTimeout      = 5 * time.Second // as nginx's lingering_timeout
	shortLingerTimeout = time.Second     // for one with whom there was no conversation, and while the server drains
	lingerBytes        = 16 << 20
)

// finish is the one way in which every connection ends, also one whose handler panics or calls runtime.Goexit: what was
// gathered is sent, the client is told why, our side is ended, the client's side is read to its end, the connection is
// closed, counted and logged.
//
//go:noinline
func (c *conn) finish() {
	if c.conversing {
		c.panicked(recover())
		c.join()
	}
	reason := c.ending.Load().reason
	if !reason.broken() {
		c.tell(reason)
		c.deliver() // So that nothing has to be waited for below.
	}
	switch {
	case reason == Denied: // As at the door.
		c.free(c.t.close)
	case reason.broken(), c.failed():
		c.free(c.t.reset)
	case c.eof:
		c.free(c.t.close)
	default:
		c.t.closeWrite()
		c.linger()
		c.free(c.t.close)
	}
	c.endContext()
	c.ln.srv.ended <- c
}

// free gives the connection back to the system while nobody sends, and throws away what was gathered and cannot be sent any
// more: the system may give the descriptor to another connection. Nothing is gathered later, as the connection has
// ended. It is off the caps before the client can see the end, and come again.
func (c *conn) free(how func()) {
	c.ln.srv.release(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out != nil {
		c.release()
	}
	how()
}

// linger reads and throws away what the client still sends, until it ends its side or enough was waited for it.
func (c *conn) linger() {
	rest := &discarder{c: c, left: lingerBytes, timeout: lingerTimeout, began: c.ln.srv.now()}
	if !c.welcomed {
		rest.timeout = shortLingerTimeout
	}
	for {
		by := rest.by()
		c.t.setReadDeadline(c.ln.srv.at(by))
		// The drain is looked at after that, because Shutdown sets the deadline too, after it has published the drain.
		if rest.by() < by {
			continue
		}
		err := c.t.receive(rest)
		if !errors.Is(err, os.ErrDeadlineExceeded) || c.ln.srv.now() >= rest.by() {
			return
		}
	}
}

// A discarder throws away what comes in, as long as it is not too much and not too late: from a client who sends without a pause the
// transport takes one piece after the other, and looks at no deadline.
type discarder struct {
	c       *conn
	left    int // bytes
	timeout time.Duration
	began   int64
}

// by is when it is too late. The drain allows less.
func (d *discarder) by() int64 {
	by := d.began + int64(d.timeout)
	if drain := d.c.ln.srv.drain.Load(); drain != nil {
		by = min(by, max(drain.began, d.began)+drain.linger)
	}
	return by
}

func (d *discarder) take(piece []byte) bool {
	if d.c.ln.TLS == nil { // In TLS these are records, of which nobody knows how much is in them.
		d.c.received.Store(d.c.received.Load() + uint64(len(piece)))
	}
	d.left -= len(piece)
	return d.left > 0 && d.c.ln.srv.now() < d.by()
}
