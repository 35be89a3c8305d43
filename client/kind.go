package client

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"syscall"

	"parley/protocol"
)

// A Phase is a part of a conversation's beginning.
type Phase string

// The phases, in the order in which they come.
const (
	DNS      Phase = "dns"      // finding the addresses of the name
	Connect  Phase = "connect"  // until the connection stands
	TLS      Phase = "tls"      // the TLS handshake, if there is one
	Greeting Phase = "greeting" // until the server has said who it is and who we are
	Answer   Phase = "answer"   // everything after that
)

// A Kind is how something went, one out of a closed set. Its word is the first of what `parley probe` prints.
type Kind string

// The kinds.
const (
	OK          Kind = "ok"
	NoName      Kind = "dns"         // the name has no address, or nobody knows
	Refused     Kind = "refused"     // the connection was turned down at once
	Timeout     Kind = "timeout"     // the phase did not end in time
	Unreachable Kind = "unreachable" // no way there, or somebody on the way says so
	Reset       Kind = "reset"       // the connection stood, and was cut off
	BadTLS      Kind = "tls"         // the TLS handshake went wrong, however it did
	Wrong       Kind = "wrong"       // what came is no greeting, no answer to what was sent, or no message of the wire
	Closed      Kind = "closed"      // the server ended the connection in good order, but too early
	Told        Kind = "err"         // the server said ERR and why
	Failed      Kind = "failed"      // it says nothing about the server: interrupted, no free port or file here
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{OK, NoName, Refused, Timeout, Unreachable, Reset, BadTLS, Wrong, Closed, Told, Failed}
}

// errWrong marks what a server said and should not have.
var errWrong = errors.New("not what was expected")

func isTLS(err error) bool {
	_, ok := errors.AsType[*tlsError](err)
	return ok
}

// classify tells how a phase went wrong from what the system or the decoder said: the one place that knows.
func classify(phase Phase, err error) Kind {
	switch _, told := errors.AsType[protocol.Error](err); {
	case errors.Is(err, context.Canceled):
		return Failed
	case told:
		return Told
	case phase == DNS:
		return NoName
	case phase == TLS, isTLS(err):
		return BadTLS
	case errors.Is(err, errWrong):
		return Wrong
	case errors.Is(err, ErrSilent):
		return Timeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Closed
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		for kind, those := range errnos {
			if slices.Contains(those, errno) {
				return kind
			}
		}
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return Timeout // context.DeadlineExceeded and os.ErrDeadlineExceeded are of that kind, too.
	}
	return Failed
}
