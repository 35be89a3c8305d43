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

// A conn is one connection, from admission to its log line. It is the handler.Session of its handler. Ten thousand may be
// idle at a time: what few of them need is in extras.
type conn struct {
	// Static once it is admitted.
	ln     *Listener
	t      transport
	remote netip.AddrPort // the zero value: extras has it
	local  net.Addr
	id     uint64
	began  int64 // Server.now

	freed bool // it is closed, or about to be; guarded by Server.mu

	// Written by one goroutine at a time and read by whoever scrapes.
	received, sent      atomic.Uint64 // bytes
	messagesIn, replies atomic.Uint64
	lastActive          atomic.Int64 // Server.now of the last message either way

	ending  atomic.Pointer[ending] // set once, by whoever ends the connection first
	extras  atomic.Pointer[extras] // nil as long as nobody has asked for any
	stage   atomic.Int32           // where the connection's goroutine is with a piece of input
	looping atomic.Bool            // the handler is within Messages
	ended   atomic.Bool            // the handler wants no more messages
	over    atomic.Bool            // the context has ended, made or not yet made

	// Owned by the connection's goroutine.
	refused      bool // it was turned away at the door and is only told so
	nameless     bool // it is counted without an address, as long as the client's is not known
	welcomed     bool // its conversation may begin
	conversing   bool // the handler has not returned
	eof          bool // the client has ended its side
	owing        bool // replies may have been gathered that nothing has sent yet
	looked       bool // the drain has found the time up, and looked once more for input
	dec          protocol.Decoder
	yield        func([]byte) bool
	armed        int64 // when the read deadline is set to, 0: never
	lastInput    int64 // when the last piece came
	messageBegan int64 // when the first byte of the unfinished message came; 0: none is

	mu      sync.Mutex // guards what goes out
	out     *[]byte    // replies gathered, from outputBuffers; nil: none
	sendErr *ending    // why nothing more can be sent; nil: it can
}

// extras are what a connection has only when somebody has asked for it.
type extras struct {
	remote net.Addr // of a client that has no IP address, or of the proxy that is to name it
	facts  *facts   // what the handshake has told; nil: nothing. Static once it is over

	mu         sync.Mutex
	ctx        context.Context
	cancel     context.CancelFunc
	logger     *zap.Logger
	registered *registration // nil until the client says who it is

	said atomic.Pointer[string] // the start of the last message, where messages are logged; nil: none

	started sync.WaitGroup // goroutines of Go
}

// extra returns the extras, which exist from then on.
func (c *conn) extra() *extras {
	if e := c.extras.Load(); e != nil {
		return e
	}
	c.extras.CompareAndSwap(nil, new(extras))
	return c.extras.Load()
}

func newConn(l *Listener, a arrival) *conn {
	c := &conn{
		ln:     l,
		t:      a.t,
		remote: a.from,
		local:  a.local,
		dec:    l.Wire.NewDecoder(l.Limits.MaxMessage),
		began:  l.srv.now(),
	}
	if l.TLS != nil {
		c.t = &secured{transport: a.t, config: l.TLS, turns: l.srv.turns}
	}
	c.t = l.misbehaves(c.t)
	switch {
	case !a.from.IsValid():
		c.extras.Store(&extras{remote: a.remote})
	case l.Proxied:
		c.extras.Store(&extras{remote: net.TCPAddrFromAddrPort(a.from)})
	}
	if l.handshakes {
		c.stage.Store(approaching)
	}
	c.lastActive.Store(c.began)
	return c
}

// The stages of a piece of input.
const (
	waiting     int32 = iota // there is none
	last                     // its last message is with the handler
	more                     // and there are more behind that, so that replies gather
	approaching              // there will be when the handshake is over, and who looks on from outside is not to read what that tells
)

// welcome prepares a conversation, on the goroutine that accepts or the one of the handshake. The connection's own does none
// of this: a goroutine that has once needed more than the smallest stack keeps the larger one for as long as it waits for input.
func (c *conn) welcome() {
	c.welcomed = true
	if f, ok := c.t.(*faulty); ok {
		c.misbehave(f)
	}
	c.logOpen()
	if c.ln.Greeting {
		c.greet()
	}
	c.ln.tally.handshake.Observe(float64(c.ln.srv.now()-c.began) / 1e9)
	if due := c.due(protocol.Nothing); due != 0 {
		c.arm(due)
	}
}

// serve is the life of the connection, on its own goroutine.
func (c *conn) serve() {
	defer c.finish()
	if !c.welcomed {
		return
	}
	if f, ok := c.t.(*faulty); ok {
		c.stalls(f)
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
	c.ln.srv.mu.Lock()
	c.ln.tally.panics++
	c.ln.srv.mu.Unlock()
	if c.ln.srv.panics.allows() {
		c.Logger().Error(panicMessage, zap.String("panic", fmt.Sprint(value)), zap.ByteString("stack", debug.Stack()))
	}
	c.end(&ending{reason: Internal})
}

// conversed notes why the connection ended if nothing has ended it but the handler's return.
//
//go:noinline
func (c *conn) conversed(err error) {
	c.join()
	if finished, ok := errors.AsType[handler.Finished](err); ok {
		select {
		case c.ln.srv.finished <- finished:
		default: // The first report ends the daemon.
		}
		err = nil
	}
	if e := c.ending.Load(); e == nil || !e.reason.broken() { // Otherwise nobody takes what a fault holds back.
		_ = c.Flush()
		c.deliver()
	}
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
	if c.ending.CompareAndSwap(nil, e) && (e.reason.broken() || e.reason == Fault) {
		c.endContext()
	}
}
