package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"parley/protocol"
)

// An Error says which phase of a conversation went wrong, and how.
type Error struct {
	Phase   Phase
	Kind    Kind
	Address Address
	// Peer is the address that was tried, where Address is a name; else empty.
	Peer string
	// Timings are those of the phases before, and how long this one took.
	Timings Timings
	Err     error
}

// Timings are how long the phases took. One that did not take place has none.
type Timings struct {
	DNS, Connect, TLS, Greeting, Answer time.Duration
}

// of returns that of a phase.
func (t *Timings) of(p Phase) *time.Duration {
	switch p {
	case DNS:
		return &t.DNS
	case Connect:
		return &t.Connect
	case TLS:
		return &t.TLS
	case Greeting:
		return &t.Greeting
	default:
		return &t.Answer
	}
}

// newError makes an Error of a phase that went wrong. Where that was the TLS handshake, which may show later, it is that phase.
func newError(p Phase, a Address, t Timings, err error) *Error {
	kind := classify(p, err)
	if kind == BadTLS {
		p = TLS
	}
	return &Error{Phase: p, Kind: kind, Address: a, Timings: t, Err: err}
}

// Error returns one line of printable ASCII, as in
//
//	refused 10.0.0.5:12000: nothing listens there, or a firewall rejects (connect, 0.3ms)
func (e *Error) Error() string {
	where := string(e.Phase)
	if e.Peer != "" {
		where += " to " + e.Peer
	}
	if took := *e.Timings.of(e.Phase); took > 0 {
		where += ", " + formatDuration(took)
	}
	return protocol.Printable(fmt.Sprintf("%s %v: %s (%s)", e.Kind, e.Address, e.Why(), where), false)
}

// Unwrap returns what the system or the decoder said.
func (e *Error) Unwrap() error { return e.Err }

// Why says what went wrong in words that a person understands.
func (e *Error) Why() string {
	if w, ok := errors.AsType[*wrongError](e.Err); ok {
		return w.Error()
	}
	if w, ok := errors.AsType[*tlsError](e.Err); ok {
		return w.Error()
	}
	switch e.Kind {
	case NoName:
		return e.whyNoName()
	case Refused:
		return e.whyRefused()
	case Unreachable:
		return e.whyUnreachable()
	case Told:
		return whyTold(e.Err)
	case Timeout, Reset, Closed:
		switch {
		case errors.Is(e.Err, errMidMessage):
			return "it closed the connection in the middle of " + map[Phase]string{Greeting: "its greeting", Answer: "a message"}[e.Phase]
		case errors.Is(e.Err, ErrSilent):
			return "it took the connection and did not greet"
		case e.Kind == Timeout && errors.Is(e.Err, errSending):
			return "it does not take what it is sent"
		}
		if why, ok := whyCut[e.Kind][e.Phase]; ok {
			return why
		}
	case Failed:
		if errors.Is(e.Err, context.Canceled) {
			return "interrupted"
		}
		if errno, ok := errors.AsType[syscall.Errno](e.Err); ok {
			return "not the server's fault: " + errno.Error()
		}
	}
	return e.Err.Error()
}

// whyCut says why a conversation ended too early.
var whyCut = map[Kind]map[Phase]string{
	Timeout: {
		Connect:  "no answer at all: a firewall drops what is sent there, or the host is down",
		Greeting: "it began a greeting and did not end it",
		Answer:   "it took the connection and did not answer in time",
	},
	Reset: {
		Connect:  "it took the connection and cut it off at once",
		Greeting: "it took the connection and then cut it off",
		Answer:   "the connection was cut off",
	},
	Closed: {
		Greeting: "it took the connection and closed it without a word",
		Answer:   "it closed the connection without an answer",
	},
}

func (e *Error) whyNoName() string {
	dns, ok := errors.AsType[*net.DNSError](e.Err)
	switch {
	case !ok:
		return e.Err.Error()
	case dns.IsNotFound:
		return "there is no such name, or it has no address"
	case dns.IsTimeout:
		return "the name server does not answer"
	}
	return "the name cannot be looked up: " + dns.Err
}

func (e *Error) whyRefused() string {
	switch {
	case e.Address.network != "unix":
		return "nothing listens there, or a firewall rejects"
	case errors.Is(e.Err, errNoFile):
		return "there is no such socket"
	case errors.Is(e.Err, errQueueFull):
		return "nobody takes the connections that wait there already"
	}
	return "nothing listens there"
}

func (e *Error) whyUnreachable() string {
	errno, _ := errors.AsType[syscall.Errno](e.Err)
	switch {
	case slices.Contains(errForbidden, errno) && e.Address.network == "unix":
		return "this user may not use that socket"
	case slices.Contains(errForbidden, errno):
		return "this machine's own routes or firewall forbid it"
	case slices.Contains(errNoRoute, errno):
		return "there is no route to that network, or a router or firewall says so"
	}
	return "the host does not answer on its network, or a router or firewall forbids it"
}

// whyTold says what the words of a server's ERR mean. Those of a server that is none of ours stand for themselves.
func whyTold(err error) string {
	told, _ := errors.AsType[protocol.Error](err)
	if meaning := reasons[told.Reason]; meaning != "" {
		return fmt.Sprintf("%v: %s", told, meaning)
	}
	return told.Error()
}

var reasons = map[string]string{
	"server_full":      "as many clients as it takes are there already",
	"too_many_from_ip": "as many clients from this address as it takes are there already",
	"line_too_long":    "it takes no message of that length",
	"bad_message":      "what it was sent is no message of its wire format",
	"message_timeout":  "a message was begun and not ended in time",
	"idle_timeout":     "nothing was said for too long",
	"lifetime":         "it lets no connection last longer",
	"shutting_down":    "it is being stopped",
	"internal":         "something is wrong with it, which its log tells",
}

// A wrongError says what a server said, and what it should have.
type wrongError struct {
	why string
	err error // what it wraps, or nil
}

func (e *wrongError) Error() string        { return e.why }
func (e *wrongError) Is(target error) bool { return target == errWrong }
func (e *wrongError) Unwrap() error        { return e.err }

func wrongf(format string, args ...any) error { return &wrongError{why: fmt.Sprintf(format, args...)} }

// notGreeting says that something came where a greeting was expected.
func notGreeting(said []byte) error {
	why := fmt.Sprintf("it said %s where a greeting was expected%s", quote(said), guess(said))
	return &wrongError{why, protocol.ErrNoGreeting}
}

// quoted is how much of what a server said is quoted.
const quoted = 60

func quote(said []byte) string {
	said, more := said[:min(len(said), quoted)], len(said) > quoted
	q := strconv.QuoteToASCII(strings.TrimRight(string(said), "\r\n"))
	if more {
		q += "..."
	}
	return q
}

// guess says what a server might be that speaks something else.
func guess(said []byte) string {
	for _, other := range []struct{ begins, name string }{
		{"SSH-", "an SSH server"},
		{"HTTP/", "a web server"},
		{"\x15\x03", "a server that wants TLS"},
		{"220 ", "a mail or FTP server"},
		{"220-", "a mail or FTP server"},
		{"+OK", "a POP3 server"},
		{"* OK", "an IMAP server"},
		{"RFB ", "a VNC server"},
		{"-ERR", "a Redis server"},
	} {
		if strings.HasPrefix(string(said), other.begins) {
			return " (is it " + other.name + "?)"
		}
	}
	return ""
}

// formatDuration writes a duration as ping does: milliseconds, from a second on seconds.
func formatDuration(d time.Duration) string {
	if d >= time.Second {
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	}
	return formatMillis(d)
}

func formatMillis(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64) + "ms"
}
