package admin

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
)

// MaxConns is how many connections the admin side holds at once, for whoever
// reckons with file descriptors.
//
// One more than that closes the one that has been still the longest. A
// limit that keeps newcomers waiting, or turns them away, is what an attacker
// wants: 256 connections that send their header a byte at a time would hold it,
// and Prometheus would stand outside. This way the newcomer is always let in,
// and has until 256 others came after it to send a request and to read the
// answer, a quarter of a second against 1,000 connects a second. Those that no
// one attacks are far from the limit, also with as many viewers of /events as may
// be, whose browsers have two or three connections each; an idle one that falls
// victim is replaced by its client at the next request.
const MaxConns = 256

// crowd keeps the connections of a Server to MaxConns. Its zero value is ready.
type crowd struct {
	mu        sync.Mutex
	visitors  []visitor // the one that has been still the longest first; few enough to search
	dismissed bool      // no connection without a request is let in any more
}

type visitor struct {
	conn   net.Conn
	silent bool // has not sent a request yet
}

// track is the server's ConnState hook.
func (c *crowd) track(conn net.Conn, state http.ConnState) {
	if victim := c.update(conn, state); victim != nil {
		victim.Close()
	}
}

// update moves conn to the end of the row, or out of it, and returns the
// connection to close for it, if any.
func (c *crowd) update(conn net.Conn, state http.ConnState) (victim net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.visitors, func(v visitor) bool { return v.conn == conn })
	if i >= 0 {
		c.visitors = slices.Delete(c.visitors, i, i+1)
	}
	isNew := state == http.StateNew
	switch {
	case state == http.StateClosed || state == http.StateHijacked:
		return nil
	case isNew && c.dismissed:
		return conn
	case !isNew && i < 0: // a victim whose goroutine has not noticed yet
		return nil
	}
	c.visitors = append(c.visitors, visitor{conn, isNew})
	if len(c.visitors) > MaxConns {
		victim = c.visitors[0].conn
		c.visitors = slices.Delete(c.visitors, 0, 1)
	}
	return victim
}

// introduce is the server's ConnContext hook: requests come to know their connection.
func (c *crowd) introduce(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, visitorKey{}, func() { c.track(conn, http.StateActive) })
}

type visitorKey struct{}

// stirs returns what is to be called when the visitor who sent r has taken a piece of an answer that goes on and on: a connection
// over which that comes is not still.
func stirs(r *http.Request) func() {
	return r.Context().Value(visitorKey{}).(func())
}

// dismiss closes the connections that have not sent a request, and those yet to
// come. http.Server.Shutdown would wait five seconds for one, which is any that
// a browser opened just in case.
func (c *crowd) dismiss() {
	c.mu.Lock()
	c.dismissed = true
	visitors := slices.Clone(c.visitors)
	c.mu.Unlock()
	for _, v := range visitors {
		if v.silent {
			v.conn.Close()
		}
	}
}
