package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"parley/handler"
	"parley/protocol"
)

// A conn is one connection, from admission to its log line. It is the handler.Session of its handler.
type conn struct {
	// Static once it is admitted.
	srv     *Server
	ln      *Listener
	t       transport
	remote  net.Addr
	local   net.Addr
	capKey  netip.Addr // what caps count it by
	id      uint64
	began   int64 // Server.now
	refused bool  // it was turned away and is only told so

	// Written by one goroutine at a time and read by whoever scrapes.
	received, sent      atomic.Uint64 // bytes
	messagesIn, replies atomic.Uint64
	lastActive          atomic.Int64 // Server.now of the last message either way

	// ending is set once, by whoever ends the connection first.
	ending atomic.Pointer[ending]
	// stage is where the connection's goroutine is with a piece of input.
	stage atomic.Int32
	// looping says that the handler is within Messages.
	looping atomic.Bool

	// ended says that the handler wants no more messages.
	ended atomic.Bool

	// Owned by the connection's goroutine.
	conversing   bool // the handler has not returned
	dec          protocol.Decoder
	yield        func([]byte) bool
	armed        int64 // when the read deadline is set to, 0: never
	lastInput    int64 // when the last piece came
	messageBegan int64 // when the first byte of the unfinished message came; 0: none is
	eof          bool  // the client has ended its side
	owing        bool  // replies may have been gathered that nothing has sent yet
	looked       bool  // the drain has found the time up, and looked once more for input

	mu      sync.Mutex // guards what goes out
	out     *[]byte    // replies gathered, from outputBuffers; nil: none
	sendErr error      // nothing more can be sent

	life   sync.Mutex // guards what is made only when asked for
	over   bool
	ctx    context.Context
	cancel context.CancelFunc
	logger *zap.Logger
	// registered is nil until the client says who it is.
	registered *registration
}

func newConn(l *Listener, a arrival) *conn {
	c := &conn{
		srv:    l.srv,
		ln:     l,
		t:      a.t,
		remote: a.remote,
		local:  a.local,
		dec:    l.Wire.NewDecoder(l.Limits.MaxMessage),
		began:  l.srv.now(),
	}
	c.lastActive.Store(c.began)
	return c
}

// The stages of a piece of input.
const (
	waiting int32 = iota // there is none
	last                 // its last message is with the handler
	more                 // and there are more behind that, so that replies gather
)

// welcome prepares a conversation, on the goroutine that accepts. The connection's own does none of this: a goroutine that
// has once needed more than the smallest stack keeps the larger one for as long as it waits for input.
func (c *conn) welcome() {
	c.logOpen()
	if c.ln.Greeting {
		c.greet()
	}
	c.ln.tally.handshake.Observe(float64(c.srv.now()-c.began) / 1e9)
	if due := c.due(protocol.Nothing); due != 0 {
		c.arm(due)
	}
}

// serve is the life of the connection, on its own goroutine.
func (c *conn) serve() {
	defer c.finish()
	if c.refused {
		return
	}
	if c.out != nil {
		_ = c.Flush() // What the system has not taken of the greeting. An error shows in the ending.
	}
	c.conversing = true
	err := c.ln.Handler.Serve(c)
	c.conversing = false
	c.conversed(err)
}

// panicked ends the connection after a panic of its handler, and no other.
//
//go:noinline
func (c *conn) panicked(value any) {
	c.srv.mu.Lock()
	c.ln.tally.panics++
	c.srv.mu.Unlock()
	c.Logger().Error("handler panicked", zap.String("panic", fmt.Sprint(value)), zap.ByteString("stack", debug.Stack()))
	c.end(&ending{reason: Internal})
}

// conversed notes why the connection ended if nothing has ended it but the handler's return.
//
//go:noinline
func (c *conn) conversed(err error) {
	if finished, ok := errors.AsType[handler.Finished](err); ok {
		select {
		case c.srv.finished <- finished:
		default: // The first report ends the daemon.
		}
		err = nil
	}
	_ = c.Flush()
	switch {
	case c.ending.Load() != nil:
	case errors.Is(err, handler.ErrFull):
		c.end(&ending{reason: ServerFull})
	case err != nil:
		c.end(&ending{reason: Internal, err: err})
	case c.eof:
		c.end(&ending{reason: ClientClosed})
	default:
		c.end(&ending{reason: Done})
	}
}

// end notes why the connection ends, unless it is known already.
func (c *conn) end(e *ending) {
	if c.ending.CompareAndSwap(nil, e) && e.reason.broken() {
		c.endContext()
	}
}
