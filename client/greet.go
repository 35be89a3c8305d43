package client

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"parley/protocol"
)

// ErrSilent says that a server said nothing where a greeting might have been.
var ErrSilent = errors.New("no greeting came")

// Greeting is how the server greeted. The error is ErrSilent if it did not, and wraps protocol.ErrNoGreeting if it said something
// else, which is then what Receive returns first.
func (c *Conn) Greeting() (protocol.Greeting, error) { return c.greeting, c.noGreeting }

// converse makes a Conn of a connection.
func (d *Dialer) converse(ctx context.Context, nc net.Conn, a Address, t Timings) (*Conn, error) {
	if d.Wire != "" && protocol.Wires[d.Wire] == nil {
		nc.Close()
		return nil, newError(Greeting, a, t, fmt.Errorf("there is no wire %q", d.Wire))
	}
	if err := d.present(ctx, nc); err != nil {
		nc.Close()
		return nil, atPeer(newError(Connect, a, t, fmt.Errorf("sending the PROXY header: %w", err)), nc)
	}
	plain := nc
	nc, secure, err := d.secure(ctx, plain, a, &t)
	if err != nil {
		return nil, atPeer(newError(TLS, a, t, err), plain)
	}
	c := &Conn{
		nc: nc, secure: secure, address: a, stands: time.Now(), timings: t, buf: make([]byte, readBytes), noGreeting: ErrSilent,
		proxied: d.Proxy != 0,
	}
	if d.NoGreeting {
		c.speak(d, cmp.Or(d.Wire, protocol.RawName))
		return c, nil
	}
	if err := c.greet(ctx, d); err != nil {
		nc.Close()
		return nil, c.badGreeting(err)
	}
	if !errors.Is(c.noGreeting, ErrSilent) {
		c.timings.Greeting = time.Since(c.stands)
	}
	return c, nil
}

// atPeer notes which of the addresses of a name it was.
func atPeer(e *Error, nc net.Conn) *Error {
	if _, isName := e.Address.literal(); isName {
		e.Peer = nc.RemoteAddr().String()
	}
	return e
}

// badGreeting returns the error for a greeting that went wrong.
func (c *Conn) badGreeting(err error) *Error {
	c.timings.Greeting = time.Since(c.stands)
	return newError(Greeting, c.address, c.timings, err)
}

// speak sets the wire.
func (c *Conn) speak(d *Dialer, name string) {
	c.hear(name, d.maxMessage(name))
	c.sends = c.wire
}

// hear makes the wire the one of what is received.
func (c *Conn) hear(name string, maxMessage int) {
	c.wireName, c.wire = name, protocol.Wires[name]
	c.dec = c.wire.NewDecoder(maxMessage)
}

// greet reads the greeting, and recognises the wire by it.
func (c *Conn) greet(ctx context.Context, d *Dialer) error {
	ctx, cancel := context.WithTimeout(ctx, d.timeout(Greeting))
	defer cancel()
	// The greeting comes a round trip after the connection, and that took one, too.
	silence, stop := context.WithTimeout(ctx, cmp.Or(d.Silence, defaultSilence)+c.timings.Connect)
	defer stop()
	first, err := c.firstBytes(ctx, silence)
	if errors.Is(err, ErrSilent) {
		c.speak(d, cmp.Or(d.Wire, protocol.RawName))
		c.late = &lateness{recognise: d.Wire == "", maxText: d.maxMessage(protocol.TextName)}
		return nil
	}
	if err != nil {
		return err
	}
	found := recognise(first)
	name := cmp.Or(d.Wire, found, protocol.RawName)
	if name != found && name != protocol.RawName && found != protocol.RawName {
		return wrongf("it speaks the %s wire, not %s", found, name)
	}
	c.speak(d, name)
	switch {
	case found == name && name != protocol.RawName, name == protocol.JSONName, name == protocol.PickleName:
		// Who asks for one of these gets greetings that begin otherwise, too: with a space, or as pickles of protocol 1 do.
		c.dec.Feed(first)
		return c.firstMessage(ctx)
	case found == protocol.TextName:
		return c.rawGreeting(ctx, len(first))
	}
	c.noGreeting = notGreeting(first)
	c.dec.Feed(first)
	return nil
}

// firstBytes reads until it can be told what wire they are of. Who has not begun when silence ends is silent.
func (c *Conn) firstBytes(ctx, silence context.Context) ([]byte, error) {
	n, err := c.read(silence, c.buf)
	if err != nil && n == 0 {
		if classify(Greeting, err) == Timeout {
			return nil, ErrSilent
		}
		return nil, err
	}
	for recognise(c.buf[:n]) == "" {
		more, err := c.read(ctx, c.buf[n:])
		n += more
		if errors.Is(err, io.EOF) {
			c.readErr = err
			break
		}
		if err != nil && more == 0 {
			return nil, err
		}
	}
	return c.buf[:n], nil
}

// A lateness is what there is to know of a greeting that may yet come.
type lateness struct {
	recognise bool // it may be of the text wire, where no wire is asked for; what is sent is the same on that and the raw one
	maxText   int  // bytes of a message of the text wire
	n         int  // bytes in buf, too few to tell
}

// receiveLate receives the first message of a server that was silent.
func (c *Conn) receiveLate(ctx context.Context) ([]byte, error) {
	late := c.late
	for late.recognise && (late.n == 0 || recognise(c.buf[:late.n]) == "") {
		n, err := c.read(ctx, c.buf[late.n:])
		late.n += n
		if errors.Is(err, io.EOF) {
			c.readErr = io.EOF
			break
		}
		if err != nil && n == 0 {
			return nil, err
		}
	}
	first := c.buf[:late.n]
	late.n = 0
	if late.recognise {
		late.recognise = false
		if recognise(first) == protocol.TextName {
			c.hear(protocol.TextName, late.maxText)
		}
		c.dec.Feed(first)
	}
	msg, whole, err := c.next(ctx)
	if err != nil {
		return nil, err
	}
	c.late = nil
	if c.wireName == protocol.RawName || !whole {
		return msg, nil
	}
	if greeting, noGreeting := c.wire.ParseGreeting(msg); noGreeting == nil {
		c.greeting, c.noGreeting = greeting, nil
	}
	return msg, nil
}

// lateGreeting waits for what a server says that was silent, and takes it for a greeting after all if it is one: a server, or its
// network, may be slow. Of other wires than text it is too late for that.
func (c *Conn) lateGreeting(ctx context.Context, d *Dialer) error {
	c.late = nil
	first, err := c.firstBytes(ctx, ctx)
	if err != nil {
		if errors.Is(err, ErrSilent) {
			err = context.DeadlineExceeded
		}
		return newError(Answer, c.address, c.timings, err)
	}
	found := recognise(first)
	if found == protocol.JSONName || found == protocol.PickleName {
		return lateError(found)
	}
	c.speak(d, cmp.Or(found, protocol.RawName))
	c.dec.Feed(first)
	if found != protocol.TextName {
		return nil
	}
	if err := c.firstMessage(ctx); err != nil {
		return c.badGreeting(err)
	}
	c.timings.Greeting = time.Since(c.stands)
	return nil
}

// A lateError is the wire of a greeting that came when something else had been sent already.
type lateError string

func (e lateError) Error() string {
	return "the greeting was late, and is of the " + string(e) + " wire"
}

// firstMessage reads the rest of a message that begins as a greeting does.
func (c *Conn) firstMessage(ctx context.Context) error {
	msg, whole, err := c.next(ctx)
	if err != nil {
		return err
	}
	if !whole { // Half a number would be another number.
		return errMidMessage
	}
	greeting, noGreeting := c.wire.ParseGreeting(msg)
	if noGreeting == nil {
		c.greeting, c.noGreeting = greeting, nil
		return nil
	}
	if told, ok := c.wire.ParseError(msg); ok {
		return told
	}
	c.noGreeting = notGreeting([]byte(c.wire.Text(msg)))
	c.first = bytes.Clone(msg)
	return nil
}

// rawGreeting reads the line of a greeting, of which n bytes are in buf. What stands behind it is raw.
func (c *Conn) rawGreeting(ctx context.Context, n int) error {
	for {
		if line, _, ok := bytes.Cut(c.buf[:n], []byte{'\n'}); ok {
			greeting, err := protocol.ParseGreeting(bytes.TrimRight(line, "\r"))
			if err == nil {
				c.greeting, c.noGreeting = greeting, nil
				c.dec.Feed(c.buf[len(line)+1 : n])
				return nil
			}
			break
		}
		if n == len(c.buf) {
			break
		}
		more, err := c.read(ctx, c.buf[n:])
		n += more
		if errors.Is(err, io.EOF) {
			c.readErr = err
			break
		}
		if err != nil && more == 0 {
			return err
		}
	}
	c.noGreeting = notGreeting(c.buf[:n])
	c.dec.Feed(c.buf[:n])
	return nil
}
