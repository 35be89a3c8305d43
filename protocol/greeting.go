package protocol

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Greeting is the first message of a connection: the handshake, by which a client learns the ID it was given.
//
// Empty fields are left out when it is written; what is no printable ASCII in the others, or a space, is written as an
// underscore.
type Greeting struct {
	ClientID uint64 // unique for the life of the server's process, in order of arrival
	You      string // the client's address as the server sees it
	Me       string // the address that the client reached
	Name     string // the host or pod that answers
	Handler  string // the name of the conversation
	Via      string // the proxy's address, ADDR:PORT, where a PROXY header told the client's
	TLS      string // the version of TLS, as in "1.3"
	SNI      string // the name that the client asked for (RFC 6066, 3)
	ALPN     string // the protocol that both sides agreed upon (RFC 7301)
	ClientCN string // the common name of the client's certificate, which was verified
	Fault    string // how the server misbehaves towards this client on request, as in "delay:200ms+reset_after:1KiB"
}

// ErrNoGreeting says that a message is no greeting.
var ErrNoGreeting = errors.New("no greeting")

var errNoClientID = fmt.Errorf("%w: it names no clientid", ErrNoGreeting)

const helloWord = "HELLO "

// appendLine appends the greeting's line without its newline.
func (g Greeting) appendLine(dst []byte) []byte {
	dst = append(dst, helloWord+"clientid="...)
	dst = strconv.AppendUint(dst, g.ClientID, 10)
	for _, w := range g.words() {
		dst = appendWord(dst, w.key, w.value)
	}
	return dst
}

// A greetingWord is a key of a greeting and its value.
type greetingWord struct{ key, value string }

// words returns all but the client ID, in the order in which they are written.
func (g *Greeting) words() [10]greetingWord {
	return [...]greetingWord{
		{"you", g.You},
		{"me", g.Me},
		{"name", g.Name},
		{"handler", g.Handler},
		{"via", g.Via},
		{"tls", g.TLS},
		{"sni", g.SNI},
		{"alpn", g.ALPN},
		{"client_cn", g.ClientCN},
		{"fault", g.Fault},
	}
}

// set sets what key stands for; a key it does not know is ignored.
func (g *Greeting) set(key, value string) error {
	switch key {
	case "clientid":
		id, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return fmt.Errorf("%w: clientid=%.30q is no number", ErrNoGreeting, value)
		}
		g.ClientID = id
	case "you":
		g.You = value
	case "me":
		g.Me = value
	case "name":
		g.Name = value
	case "handler":
		g.Handler = value
	case "via":
		g.Via = value
	case "tls":
		g.TLS = value
	case "sni":
		g.SNI = value
	case "alpn":
		g.ALPN = value
	case "client_cn":
		g.ClientCN = value
	case "fault":
		g.Fault = value
	}
	return nil
}

// ParseGreeting reads the line of a greeting, without its newline. Words it does not know are ignored, so that a newer
// server's greeting is understood. It returns an error that wraps ErrNoGreeting when the line is none.
func ParseGreeting(line []byte) (Greeting, error) {
	words, ok := strings.CutPrefix(string(line), helloWord)
	switch {
	case !ok:
		return Greeting{}, fmt.Errorf("%w: it does not begin with %q", ErrNoGreeting, helloWord)
	case !isPrintable(line):
		return Greeting{}, fmt.Errorf("%w: it is not printable ASCII", ErrNoGreeting)
	}
	var g Greeting
	var hasID bool
	for word := range strings.FieldsSeq(words) {
		key, value, _ := strings.Cut(word, "=")
		if err := g.set(key, value); err != nil {
			return Greeting{}, err
		}
		hasID = hasID || key == "clientid"
	}
	if !hasID {
		return Greeting{}, errNoClientID
	}
	return g, nil
}

// greetingOf makes a greeting of the fields of a message, as the JSON and pickle wires write one.
func greetingOf(fields []Field, ok bool) (Greeting, error) {
	if !ok {
		return Greeting{}, fmt.Errorf("%w: it has no keys", ErrNoGreeting)
	}
	var g Greeting
	var hasID bool
	for _, f := range fields {
		if f.Key == "clientid" {
			if !f.Number {
				return Greeting{}, fmt.Errorf("%w: clientid=%.30q is no number", ErrNoGreeting, f.Value)
			}
			hasID = true
		}
		if err := g.set(f.Key, f.Value); err != nil {
			return Greeting{}, err
		}
	}
	if !hasID {
		return Greeting{}, errNoClientID
	}
	for _, w := range g.words() {
		if !isPrintable(w.value) {
			return Greeting{}, fmt.Errorf("%w: its %s is not printable ASCII", ErrNoGreeting, w.key)
		}
	}
	return g, nil
}
