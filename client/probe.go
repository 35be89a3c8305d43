package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"parley/protocol"
)

// A Probe checks whether a server answers as it should.
type Probe struct {
	Address Address
	Dialer  Dialer
	// Message is what is sent; {i} in it is the probe's number in its series, from 0. Empty: "parley probe {i}", but nothing to a
	// chat, where others would read it.
	Message string
	// Blank says that an empty Message is what it is: an empty message.
	Blank bool
	// Quiet says that nothing is sent. Where there is no greeting either, our side is ended and the server is to end its own: an
	// open port alone says only that the system takes connections.
	Quiet bool
	// MustGreet says that a server is not well if it does not greet. Else it need not.
	MustGreet bool
	// Barred says why the server does not let us in, if it does not: then nothing is sent, and it is well if it turns us away just so.
	Barred Barrier
	// ConnectOnly says that it is well if it takes the connection: of a server that misbehaves as it is to, nothing else can be told.
	ConnectOnly bool
	// Timeout bounds the whole of a probe; zero: five seconds.
	Timeout time.Duration
}

const (
	defaultMessage      = "parley probe {i}"
	defaultProbeTimeout = 5 * time.Second
	// maxAnswer bounds how much of an answer is looked at, beyond the length of the message.
	maxAnswer = 64 << 10
)

// An expectation is what has to come back for a message.
type expectation uint8

const (
	expectAny    expectation = iota // a message
	expectEcho                      // a message that contains the one that was sent
	expectNobody                    // none
)

// expectations has what a server does that greets with the name of a handler. Of any other name there is to be an answer;
// without one, it is to be an echo.
var expectations = map[string]expectation{
	"":         expectEcho,
	"echo":     expectEcho,
	"counting": expectEcho,
	"discard":  expectNobody,
	"chat":     expectNobody,
}

// Mute reports whether the server greeted with the name of a handler that need not answer a message. Like Greeting, it is for the
// receiver to ask.
func (c *Conn) Mute() bool { return expectations[c.greeting.Handler] == expectNobody }

// Once probes once; i is the probe's number. When ctx is canceled the verdict is Failed.
func (p Probe) Once(ctx context.Context, i int) Verdict {
	timeout := p.Timeout
	if timeout == 0 {
		timeout = defaultProbeTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	// The one timeout is for all phases.
	for _, phase := range []Phase{DNS, Connect, TLS, Greeting} {
		if t := p.Dialer.Timeouts.of(phase); *t == 0 {
			*t = timeout
		}
	}
	if p.MustGreet {
		p.Dialer.Silence = timeout
	}
	v := Verdict{Kind: OK, Address: p.Address, Path: Unknown}
	began := time.Now()
	err := p.converse(ctx, i, &v)
	if late, ok := errors.AsType[lateError](err); ok {
		p.Dialer.Wire, p.Dialer.Silence = string(late), timeout
		err = p.converse(ctx, i, &v)
	}
	v.Total = time.Since(began)
	if err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			e = newError(Answer, p.Address, v.Timings, err)
		}
		v.Err, v.Kind, v.Timings = e, e.Kind, e.Timings
	}
	return v
}

// converse holds the conversation of a probe.
func (p *Probe) converse(ctx context.Context, i int, v *Verdict) error {
	if p.Barred != NoBarrier {
		return p.knock(ctx, v)
	}
	if p.ConnectOnly {
		return p.connect(ctx, v)
	}
	conn, err := p.Dialer.Dial(ctx, p.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	v.Peer, v.Local = conn.RemoteAddr().String(), conn.LocalAddr().String()
	v.greeted(conn)
	switch {
	case conn.noGreeting == nil:
	case errors.Is(conn.noGreeting, ErrSilent) && p.MustGreet:
		return conn.badGreeting(conn.noGreeting)
	case !errors.Is(conn.noGreeting, ErrSilent) && p.Dialer.Wire != protocol.RawName: // who speaks raw need not greet
		return conn.badGreeting(conn.noGreeting)
	}
	asked := time.Now()
	answered, err := p.ask(ctx, conn, i, v)
	if answered {
		v.Timings.Answer = time.Since(asked)
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Phase == Answer {
		e.Timings.Answer = time.Since(asked)
	}
	return err
}

// connect connects and ends the connection before there is anything that the server would have to complain of.
func (p *Probe) connect(ctx context.Context, v *Verdict) error {
	d := p.Dialer
	d.TLS, d.NoGreeting = nil, true
	conn, err := d.Dial(ctx, p.Address)
	if e, failed := errors.AsType[*Error](err); failed && e.Kind == Reset { // It has taken the connection, and reset it already.
		v.Timings = e.Timings
		return nil
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	v.Peer, v.Local, v.Timings = conn.RemoteAddr().String(), conn.LocalAddr().String(), conn.timings
	_ = conn.CloseWrite() // It may have been reset meanwhile.
	return nil
}

// greeted notes the greeting, or that there is none.
func (v *Verdict) greeted(conn *Conn) {
	v.Wire, v.TLS, v.Timings = conn.wireName, conn.TLS(), conn.timings
	if conn.noGreeting == nil {
		v.Greeting = &conn.greeting
		v.Path = pathOf(v.Address, conn.greeting, v.Local)
	}
}

// ask sends the message and waits for what has to come back. It is false when nothing has.
func (p *Probe) ask(ctx context.Context, conn *Conn, i int, v *Verdict) (answered bool, err error) {
	message := p.Message
	unsaid := message == "" && !p.Blank
	switch {
	case p.Quiet && v.Greeting == nil:
		return conn.ends(ctx)
	case p.Quiet, unsaid && conn.greeting.Handler == "chat":
		return false, nil
	case unsaid:
		message = defaultMessage
	}
	message = strings.ReplaceAll(message, "{i}", strconv.Itoa(i))
	sendErr := conn.Send(ctx, message)
	if v.Greeting == nil && p.Dialer.Wire == "" && !p.Dialer.NoGreeting {
		if err := conn.lateGreeting(ctx, &p.Dialer); err != nil {
			return false, unlessTold(err, sendErr)
		}
		v.greeted(conn)
	}
	expected := expectations[conn.greeting.Handler]
	if expected == expectNobody && sendErr == nil {
		return false, nil
	}
	err = conn.answers(ctx, message, expected, sendErr)
	v.Echoed = err == nil && expected == expectEcho
	return err == nil, err
}

// ends half-closes and waits for the server's end, whatever comes before it, and reports whether something has.
func (c *Conn) ends(ctx context.Context) (said bool, err error) {
	if err := c.CloseWrite(); err != nil {
		return false, err
	}
	for read := 0; read < maxAnswer; {
		msg, err := c.Receive(ctx)
		if errors.Is(err, io.EOF) {
			return read > 0, nil
		}
		if err != nil {
			return false, err
		}
		read += len(msg) + 1
	}
	return true, nil
}

// unlessTold returns how sending went wrong, if it did. But what the server said before, which is why it did not want to hear it,
// says more.
func unlessTold(err, sendErr error) error {
	if sendErr == nil {
		return err
	}
	if e, ok := errors.AsType[*Error](err); ok && (e.Kind == Told || e.Kind == BadTLS) {
		return err
	}
	return sendErr
}

// answers waits for the answer to message; sendErr is how sending that went.
func (c *Conn) answers(ctx context.Context, message string, expected expectation, sendErr error) error {
	wanted := newFinder(message)
	var said []byte
	for {
		msg, err := c.Receive(ctx)
		if errors.Is(err, io.EOF) {
			err = newError(Answer, c.address, c.timings, err)
		}
		e, failed := errors.AsType[*Error](err)
		switch {
		case failed && len(said) > 0 && (e.Kind == Timeout || e.Kind == Closed):
			return c.notEcho(said)
		case failed:
			return unlessTold(err, sendErr)
		case expected == expectAny:
			return nil
		}
		// On the raw wire an answer may come in pieces; on the others a message is whole.
		text := c.Text(msg)
		if wanted.find(text) {
			return nil
		}
		said = append(said, text...)
		if c.wireName != protocol.RawName || strings.Contains(text, "\n") || len(said) > len(message)+maxAnswer {
			return c.notEcho(said)
		}
	}
}

// notEcho says that an answer does not contain what was sent. A server that names no handler need not be one that echoes.
func (c *Conn) notEcho(said []byte) error {
	hint := proxyHint(c.proxied)
	if hint == "" && c.greeting.Handler == "" {
		hint = " (if it is not to echo, probe it with -q)"
	}
	return newError(Answer, c.address, c.timings, notEcho(said, hint))
}

// proxyHint is for notEcho: of a PROXY header that came in front, a server may have made messages.
func proxyHint(proxied bool) string {
	if proxied {
		return " (does it take a PROXY header?)"
	}
	return ""
}

// notEcho says that an answer does not contain what was sent, and what the server may be; else hint.
func notEcho(said []byte, hint string) error {
	if other := guess(said); other != "" {
		hint = other
	}
	return wrongf("it answered %s, which does not contain what was sent%s", quote(said), hint)
}

// Series probes again and again, count times or, if that is zero, until ctx ends. A probe begins at least interval behind the one
// before, and not before that one's end. One that ctx interrupts is the last, with the verdict Failed.
func (p Probe) Series(ctx context.Context, count int, interval time.Duration) iter.Seq[Verdict] {
	return func(yield func(Verdict) bool) {
		for i := 0; count == 0 || i < count; i++ {
			next := time.After(interval)
			v := p.Once(ctx, i)
			if !yield(v) || ctx.Err() != nil || i == count-1 {
				return
			}
			select {
			case <-next:
			case <-ctx.Done():
				return
			}
		}
	}
}
