package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A loadConn is one connection of a Load.
//
// It costs a system call to send and one to receive per message, and allocates nothing: no deadline is set (see watch), and
// where there are sockets as on Unix, it waits for input as the server does, within one call that lasts as long as the
// connection.
type loadConn struct {
	// Static once it is made.
	r      *loadRun
	number int // from 0
	nc     net.Conn
	want   int // bytes of an answer
	system loadSystem

	// Read by others at any time.
	loadCount
	sentAt atomic.Int64 // when the message under way was sent; zero: there is none. In bulk, when something last moved.

	// Owned by its goroutine, in turn with the pacer where messages are due at fixed times.
	msg     loadMessage
	sending sync.WaitGroup // for the rest of msg, which the system did not take at once

	// Owned by its goroutine.
	at       int // how much of the answer has come
	err      error
	survived bool

	// Of messages that are due at fixed times; mu guards all that is sent then.
	schedule  *schedule
	place     uint64 // in the schedule
	mu        sync.Mutex
	due, done uint64 // how many of this connection's messages
	ended     bool
	sendErr   error
}

// maxLoadRead is the most that is read at a time, and loadSpare what there is room for beyond an answer: who sends too much
// is to be noticed.
const (
	maxLoadRead = 64 << 10
	loadSpare   = 64
)

// readSize is how much is read at a time.
func (r *loadRun) readSize() int { return min(r.message.answered()+loadSpare, maxLoadRead) }

func (r *loadRun) newConn(number int, nc net.Conn) *loadConn {
	nc.SetDeadline(time.Time{}) // That of the greeting still holds.
	c := &loadConn{r: r, number: number, nc: nc}
	c.system.init(c)
	return c
}

// speak gives it the message whose answer is known by now.
func (c *loadConn) speak() {
	c.msg = *c.r.message.on(c.number)
	c.want = c.msg.answered()
}

func (c *loadConn) close() {
	c.mu.Lock()
	c.ended = true
	c.sentAt.Store(0)
	c.nc.Close()
	c.mu.Unlock()
	c.sending.Wait()
}

// begin has it be busy, unless the run has stopped before it could.
func (c *loadConn) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.r.stopping.Load() {
		return false
	}
	c.sentAt.Store(c.r.now())
	return true
}

// converse sends and receives until the run stops.
func (c *loadConn) converse() error {
	if !c.begin() {
		return nil
	}
	if !c.send() {
		return c.ending(c.err)
	}
	return c.listen()
}

// listen receives answers, and sends what answered says, until the run stops.
func (c *loadConn) listen() error {
	c.receive()
	return c.ending(c.err)
}

// take takes a piece of input. It is false when there is none to wait for any more.
func (c *loadConn) take(p []byte) bool {
	n := min(len(p), c.want-c.at)
	if c.sentAt.Load() == 0 {
		n = 0
	}
	if same := c.msg.match(p[:n], c.at); same < len(p) {
		c.err = c.mismatch(p, same)
		return false
	}
	if c.at += n; c.at < c.want {
		return true
	}
	c.at = 0
	return c.answered()
}

// answered notes an answer and sends the next message, or says that there is none.
func (c *loadConn) answered() bool {
	now := c.r.now()
	c.sending.Wait() // It has nothing to do any more.
	c.messages.Add(1)
	c.received.Add(uint64(c.want))
	if c.r.Rate > 0 {
		return c.answeredInTurn(now)
	}
	c.r.answer.add(c.number, time.Duration(now-c.sentAt.Load()))
	if c.r.stopping.Load() {
		c.sentAt.Store(0)
		return false
	}
	c.msg.next()
	c.sentAt.Store(now)
	return c.send()
}

// send sends the message.
func (c *loadConn) send() bool {
	n, err := c.sendSome(c.msg.out)
	if err != nil {
		c.err = fmt.Errorf("%w: %w", errSending, err)
		return false
	}
	c.sent.Add(uint64(len(c.msg.out)))
	c.sendRest(c.msg.out[n:])
	return true
}

// sendRest sends what the system did not take of a message at once, while the answer is received: a server may not take the
// end before we have taken the beginning. Where it fails, receiving does.
func (c *loadConn) sendRest(rest []byte) {
	if len(rest) > 0 {
		c.sending.Go(func() { _, _ = c.nc.Write(rest) })
	}
}

// mismatch says what is wrong with p, of which so much was as it should be.
func (c *loadConn) mismatch(p []byte, same int) error {
	said := append(c.msg.expected(0, c.at), p...)
	if c.sentAt.Load() == 0 {
		said = p
	} else if c.at+same == c.want {
		said = p[same:] // It came behind the whole answer, and in one piece with it.
	}
	dec := c.r.wire.NewDecoder(defaultMaxMessage)
	dec.Feed(bytes.Clone(said))
	msg, ok, err := dec.Next()
	if !ok && err == nil {
		msg, ok, _ = dec.Finish()
	}
	if ok {
		if told, ok := c.r.wire.ParseError(msg); ok {
			return told
		}
	}
	if c.sentAt.Load() == 0 {
		return wrongf("connection %d: it said %s without being asked", c.number, quote(p))
	}
	at := c.at + same
	got := p[same:]
	expected := "the end of the answer"
	if at < c.want {
		expected = quote(c.msg.expected(at, quoted/2))
	}
	return wrongf("connection %d, message %d, byte %d of the answer: it said %s, expected was %s",
		c.number, c.messages.Load(), at, quote(got[:min(len(got), quoted/2)]), expected)
}

// ending tells what made the conversation end; nil where it was the run.
func (c *loadConn) ending(err error) error {
	late := errors.Is(err, os.ErrDeadlineExceeded)
	if late && (c.r.interrupted.Load() || c.sentAt.Load() == 0) {
		return nil
	}
	if late && !errors.Is(err, errSending) {
		// The end of the server's side may have come together with the last answer, and then nobody has seen it.
		c.nc.SetReadDeadline(time.Now().Add(lastLook))
		c.mu.Lock()
		sendErr := c.sendErr
		c.mu.Unlock()
		var one [1]byte
		switch _, again := c.nc.Read(one[:]); {
		case again != nil && !errors.Is(again, os.ErrDeadlineExceeded):
			err = again
		case sendErr != nil:
			err = sendErr
		}
	}
	if errors.Is(err, io.EOF) && c.at > 0 {
		return errMidMessage
	}
	return err
}

// lastLook is how long a look at a connection takes on which nothing is to be expected.
const lastLook = time.Millisecond

// receiveHolding is receive for what is no socket.
func (c *loadConn) receiveHolding() {
	buf := make([]byte, c.r.readSize())
	for {
		n, err := c.nc.Read(buf)
		if n > 0 && !c.take(buf[:n]) {
			return
		}
		if err != nil {
			c.err = err
			return
		}
	}
}
