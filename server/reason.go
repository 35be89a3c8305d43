package server

import (
	"errors"
	"os"
	"slices"

	"parley/protocol"
)

// A Reason is why a connection ended, one out of a closed set. Its word is the field in the log, the label in the metrics
// and, where the peer is told, the word behind ERR.
type Reason uint8

// The reasons, in the order in which a connection can meet them.
const (
	// Denied by an allow or deny list.
	Denied Reason = iota
	// UntrustedProxy says that somebody connected who is not among the proxies that the listener takes headers from.
	UntrustedProxy
	// ServerFull says that as many connections as are allowed were there already.
	ServerFull
	// TooManyFromIP says that as many connections from this address as are allowed were there already.
	TooManyFromIP
	// BadProxyHeader says that a proxy sent no header of the PROXY protocol first, or one that is none.
	BadProxyHeader
	// BadTLS says that the TLS handshake failed, or that what came behind it is no TLS.
	BadTLS
	// HandshakeTimeout says that the header or the TLS handshake did not come in time.
	HandshakeTimeout
	// ClientClosed is the usual end: the client ended its side, and all it had sent was answered.
	ClientClosed
	// Done is the other usual end: the handler had said all it had to say.
	Done
	// LineTooLong says that a message was longer than the limit.
	LineTooLong
	// BadMessage says that what came is no message of the listener's wire, or only half of one.
	BadMessage
	// MessageTimeout says that a message was begun and not ended in time.
	MessageTimeout
	// IdleTimeout says that nothing was said for too long.
	IdleTimeout
	// WriteTimeout says that the client did not take what it was sent.
	WriteTimeout
	// SlowReader says that the handler dropped a client for whom others would have had to wait.
	SlowReader
	// Fault says that the server closed or reset it on request (Faults).
	Fault
	// Reset by the client, or by something between.
	Reset
	// Lost says that the network or the system ended the connection: no answer to keep-alives, no route, no memory.
	Lost
	// Internal says that the handler panicked or returned an error.
	Internal
	// ShuttingDown says that the server drained.
	ShuttingDown
	// Cut says that the connection was still there when the time for draining was up.
	Cut

	numReasons = iota
)

var reasonWords = [numReasons]string{
	Denied:           "denied",
	UntrustedProxy:   "untrusted_proxy",
	ServerFull:       "server_full",
	TooManyFromIP:    "too_many_from_ip",
	BadProxyHeader:   "bad_proxy_header",
	BadTLS:           "bad_tls",
	HandshakeTimeout: "handshake_timeout",
	ClientClosed:     "client_closed",
	Done:             "done",
	LineTooLong:      "line_too_long",
	BadMessage:       "bad_message",
	MessageTimeout:   "message_timeout",
	IdleTimeout:      "idle_timeout",
	WriteTimeout:     "write_timeout",
	SlowReader:       "slow_reader",
	Fault:            "fault",
	Reset:            "reset",
	Lost:             "lost",
	Internal:         "internal",
	ShuttingDown:     "shutting_down",
	Cut:              "cut",
}

// String returns the reason's word.
func (r Reason) String() string { return reasonWords[r] }

// Reasons returns all reasons.
func Reasons() []Reason {
	all := make([]Reason, numReasons)
	for i := range all {
		all[i] = Reason(i)
	}
	return all
}

// told reports whether the client is told before the connection is closed.
func (r Reason) told() bool {
	switch r {
	case ServerFull, TooManyFromIP, LineTooLong, BadMessage, MessageTimeout, IdleTimeout, Internal, ShuttingDown:
		return true
	default:
		return false
	}
}

// broken reports whether nothing more can be sent.
func (r Reason) broken() bool {
	switch r {
	case Denied, UntrustedProxy, HandshakeTimeout, WriteTimeout, SlowReader, Reset, Lost, Cut:
		return true
	default:
		return false
	}
}

// An ending is why a connection ended, and the error behind it where there is one worth logging.
type ending struct {
	reason Reason
	err    error
}

// Error makes an ending what the methods of a session return once it is over.
func (e *ending) Error() string {
	if e.err != nil {
		return "connection ended: " + e.reason.String() + ": " + e.err.Error()
	}
	return "connection ended: " + e.reason.String()
}

// endingOf turns what reading or writing returned into an ending: the one place that knows which errors are the
// network's everyday life.
func endingOf(err error) *ending {
	if e, ok := errors.AsType[*ending](err); ok {
		return e
	}
	if failed, ok := errors.AsType[tlsError](err); ok {
		return &ending{reason: BadTLS, err: failed}
	}
	switch {
	case errors.Is(err, protocol.ErrTooLong):
		return &ending{reason: LineTooLong}
	case errors.Is(err, protocol.ErrMalformed), errors.Is(err, protocol.ErrUnfinished):
		return &ending{reason: BadMessage, err: err}
	case errors.Is(err, errProxyHeader):
		return &ending{reason: BadProxyHeader, err: err}
	case errors.Is(err, errInterrupted):
		return &ending{reason: Cut}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &ending{reason: WriteTimeout}
	case slices.ContainsFunc(resets, func(reset error) bool { return errors.Is(err, reset) }):
		return &ending{reason: Reset}
	}
	return &ending{reason: Lost, err: err}
}
