package client

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
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
	// Quiet says that nothing is sent. Where there is no greeting either, our side is ended and the server is to end its own: an
	// open port alone says only that the system takes connections.
	Quiet bool
	// MustGreet says that a server is not well if it does not greet. Else it need not.
	MustGreet bool
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

// Once probes once; i is the probe's number. When ctx is canceled the verdict is Failed.
func (p Probe) Once(ctx context.Context, i int) Verdict {
	timeout := p.Timeout
	if timeout == 0 {
		timeout = defaultProbeTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	// The one timeout is for all phases.
	for _, phase := range []Phase{DNS, Connect, Greeting} {
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
	v.Total = time.Since(began)
	if err != nil {
		v.Err, v.Kind = err, err.Kind
		v.Timings = err.Timings
	}
	return v
}

// converse holds the conversation of a probe.
func (p *Probe) converse(ctx context.Context, i int, v *Verdict) *Error {
	began := time.Now()
	conn, err := p.Dialer.Dial(ctx, p.Address)
	if err != nil {
		e, _ := errors.AsType[*Error](err)
		return e
	}
	defer conn.Close()
	v.Wire, v.Peer, v.Local, v.Timings = conn.Wire(), conn.RemoteAddr().String(), conn.LocalAddr().String(), conn.Timings()
	greeting, err := conn.Greeting()
	switch {
	case err == nil:
		v.Greeting = &greeting
		v.Path = pathOf(p.Address, greeting.You, v.Local)
	case errors.Is(err, ErrSilent) && p.MustGreet:
		v.Timings.Greeting = time.Since(began) - v.Timings.DNS - v.Timings.Connect
		return newError(Greeting, p.Address, v.Timings, err)
	case !errors.Is(err, ErrSilent) && p.Dialer.Wire != protocol.RawName: // who speaks raw need not greet
		return newError(Greeting, p.Address, v.Timings, err)
	}

	message := p.Message
	if message == "" && greeting.Handler != "chat" {
		message = defaultMessage
	}
	expected := expectations[greeting.Handler]
	began = time.Now()
	switch {
	case p.Quiet && v.Greeting != nil, message == "":
		return nil
	case p.Quiet:
		err = conn.ends(ctx)
	default:
		message = strings.ReplaceAll(message, "{i}", strconv.Itoa(i))
		if err = conn.Send(ctx, message); expected == expectNobody && err == nil {
			return nil
		}
		err = conn.answers(ctx, message, expected, err)
	}
	v.Timings.Answer = time.Since(began)
	v.Echoed = err == nil && !p.Quiet && expected == expectEcho
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = newError(Answer, p.Address, v.Timings, err)
	}
	e.Timings = v.Timings
	return e
}

// ends half-closes and waits for the server's end, whatever comes before it.
func (c *Conn) ends(ctx context.Context) error {
	if err := c.CloseWrite(); err != nil {
		return err
	}
	for read := 0; read < maxAnswer; {
		msg, err := c.Receive(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		read += len(msg) + 1
	}
	return nil
}

// answers waits for the answer to message. sendErr is how sending went: the server may have said before why it did not want
// to hear it.
func (c *Conn) answers(ctx context.Context, message string, expected expectation, sendErr error) error {
	var said []byte
	for {
		msg, err := c.Receive(ctx)
		switch {
		case errors.Is(err, io.EOF) && len(said) > 0:
			return notEcho(said)
		case err != nil && len(said) > 0 && classify(Answer, err) == Timeout:
			return notEcho(said)
		case err != nil && classify(Answer, err) == Told:
			return err
		case err != nil && sendErr != nil:
			return sendErr
		case err != nil:
			return err
		case expected == expectAny:
			return nil
		}
		// On the raw wire an answer may come in pieces; on the others a message is whole.
		said = append(said, c.Text(msg)...)
		if strings.Contains(string(said), message) {
			return nil
		}
		if c.wireName != protocol.RawName || slices.Contains(said, '\n') || len(said) > len(message)+maxAnswer {
			return notEcho(said)
		}
	}
}

// notEcho says that an answer does not contain what was sent.
func notEcho(said []byte) error {
	return wrongf("it answered %s, which does not contain what was sent%s", quote(said), guess(said))
}

// Series probes again and again, count times or, if that is zero, until ctx ends. A probe begins at least interval behind the one
// before, and not before that one's end. One that ctx interrupts has no verdict.
func (p Probe) Series(ctx context.Context, count int, interval time.Duration) iter.Seq[Verdict] {
	return func(yield func(Verdict) bool) {
		for i := 0; count == 0 || i < count; i++ {
			next := time.After(interval)
			v := p.Once(ctx, i)
			if ctx.Err() != nil || !yield(v) || i == count-1 {
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
