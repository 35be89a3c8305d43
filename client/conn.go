package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"parley/protocol"
)

// A Conn is a conversation with a server. One goroutine may receive while another one sends.
type Conn struct {
	// Static once it is made.
	nc      net.Conn
	secure  *handshake // of TLS; nil: there was none
	proxied bool       // a PROXY header came first
	address Address
	stands  time.Time // when the connection did
	timings Timings

	// Owned by the receiver.
	greeting   protocol.Greeting
	noGreeting error // why there is none
	wireName   string
	wire       protocol.Wire
	dec        protocol.Decoder
	late       *lateness // a greeting may yet come; nil: no more
	buf        []byte
	first      []byte // what came in place of a greeting; nil: nothing, or Receive has returned it
	readErr    error  // nothing more can be read
	ended      bool   // what stood unfinished at the end has been looked at

	// Owned by the sender.
	sends protocol.Wire
	out   []byte
}

const (
	// readBytes is how much is read at a time. What the wire is recognised by has to fit in, and on the raw wire the whole
	// greeting.
	readBytes = 4 << 10
	// maxKeptOutput is the largest buffer that is kept for the next message.
	maxKeptOutput = 64 << 10
)

// Wire is the name of the wire format. Like Greeting, it is for the receiver to ask: a late greeting may tell it.
func (c *Conn) Wire() string { return c.wireName }

// Timings are those of the phases up to the greeting.
func (c *Conn) Timings() Timings { return c.timings }

// TLS is what was agreed upon in the TLS handshake; nil: there was none.
func (c *Conn) TLS() *tls.ConnectionState {
	if c.secure == nil {
		return nil
	}
	return c.secure.state
}

// LocalAddr is our own address.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// RemoteAddr is the address that was reached.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// Text returns what a message of Receive says to a person. It is as the server sent it; protocol.Printable makes it fit for a terminal.
func (c *Conn) Text(msg []byte) string { return c.wire.Text(msg) }

// Fields returns the fields of a message of Receive that has some.
func (c *Conn) Fields(msg []byte) ([]protocol.Field, bool) { return c.wire.Fields(msg) }

// Receive waits for the next message, which is valid until the next call. It returns io.EOF when the server has ended its side
// in good order; any other error is an *Error. One of kind Told comes with its message, and says that the server has said ERR.
// Most often the end follows, but an echo may have said it.
//
// The greeting of a server that was silent when we dialled is a message, if it is the first one, and from then on Greeting has it.
//
// When it was ctx that ended, Receive may be called again, and nothing is lost.
func (c *Conn) Receive(ctx context.Context) ([]byte, error) {
	msg, err := c.receive(ctx)
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, newError(Answer, c.address, c.timings, err)
	}
	if told, ok := c.wire.ParseError(msg); ok {
		return msg, newError(Answer, c.address, c.timings, told)
	}
	return msg, nil
}

func (c *Conn) receive(ctx context.Context) ([]byte, error) {
	if msg := c.first; msg != nil {
		c.first = nil
		return msg, nil
	}
	if c.late != nil {
		return c.receiveLate(ctx)
	}
	msg, _, err := c.next(ctx)
	return msg, err
}

// next returns the next message, and whether it has an end of its own rather than the end of the server's side.
func (c *Conn) next(ctx context.Context) (msg []byte, whole bool, err error) {
	for {
		msg, ok, err := c.dec.Next()
		switch {
		case err != nil:
			return nil, false, c.notTheWire(err)
		case ok:
			return msg, true, nil
		case errors.Is(c.readErr, io.EOF):
			return c.finish()
		case c.readErr != nil:
			return nil, false, c.readErr
		}
		n, err := c.read(ctx, c.buf)
		c.dec.Feed(c.buf[:n])
		if err != nil && n == 0 {
			return c.finishAfter(err)
		}
	}
}

// finishAfter returns what stands unfinished when nothing more has come.
func (c *Conn) finishAfter(err error) (msg []byte, whole bool, _ error) {
	if !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	c.readErr = io.EOF
	return c.finish()
}

// finish returns what stands unfinished at the end of the server's side.
func (c *Conn) finish() (msg []byte, whole bool, err error) {
	if c.ended {
		return nil, false, io.EOF
	}
	c.ended = true
	msg, ok, err := c.dec.Finish()
	switch {
	case err != nil:
		return nil, false, errMidMessage
	case !ok:
		return nil, false, io.EOF
	}
	return msg, false, nil
}

// errMidMessage says that the server has ended its side within a message.
var errMidMessage = fmt.Errorf("%w in the middle of a message", io.ErrUnexpectedEOF)

// notTheWire says that what came is no message.
func (c *Conn) notTheWire(err error) error {
	return &wrongError{err: err, why: fmt.Sprintf("what it said is no message of the %s wire: %v", c.wireName, err)}
}

// Send sends text as one message. That the raw wire puts a newline behind it is what netcat would do, too.
func (c *Conn) Send(ctx context.Context, text string) error {
	c.out = c.sends.AppendText(c.out[:0], text)
	return c.write(ctx)
}

// Register tells the server who we are, as clients of a register listener do: a dict with name and email on the wires that know
// such a thing, on the others a line of words, in which no value has a space. What is empty is left out.
func (c *Conn) Register(ctx context.Context, name, email string) error {
	c.out = appendRegistration(c.out[:0], c.sends, name, email)
	return c.write(ctx)
}

// write sends what is in out.
func (c *Conn) write(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return newError(Answer, c.address, c.timings, context.DeadlineExceeded)
	}
	release := within(ctx, c.nc.SetWriteDeadline)
	_, err := c.nc.Write(c.out)
	release()
	if cap(c.out) > maxKeptOutput {
		c.out = nil
	}
	if err != nil {
		return newError(Answer, c.address, c.timings, fmt.Errorf("%w: %w", errSending, interrupted(ctx, err)))
	}
	return nil
}

// errSending marks what went wrong while sending.
var errSending = errors.New("sending")

// CloseWrite ends our side. The server's answers can still be received.
func (c *Conn) CloseWrite() error {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok {
		return newError(Answer, c.address, c.timings, errors.ErrUnsupported)
	}
	if err := half.CloseWrite(); err != nil {
		return newError(Answer, c.address, c.timings, fmt.Errorf("%w: %w", errSending, err))
	}
	return nil
}

// Close closes the connection. It makes a Receive or Send that is under way return.
func (c *Conn) Close() { c.nc.Close() }

// read reads from the connection until ctx ends.
func (c *Conn) read(ctx context.Context, p []byte) (int, error) {
	release := within(ctx, c.nc.SetReadDeadline)
	defer release()
	n, err := c.nc.Read(p)
	return n, interrupted(ctx, err)
}

// within makes the reading or writing that the deadline is for end when ctx does. It goes on to hold until release.
func within(ctx context.Context, setDeadline func(time.Time) error) (release func()) {
	deadline, _ := ctx.Deadline()
	_ = setDeadline(deadline) // A closed connection says so when it is used.
	if ctx.Done() == nil {
		return func() {}
	}
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = setDeadline(time.Unix(1, 0))
		close(fired)
	})
	return func() {
		if !stop() {
			<-fired // Else it would interrupt the next one.
		}
	}
}

// interrupted puts what ended ctx in the place of the deadline that it made pass.
func interrupted(ctx context.Context, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	return err
}
