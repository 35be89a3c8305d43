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
}

// ErrNoGreeting says that a line is no greeting.
var ErrNoGreeting = errors.New("no greeting")

const helloWord = "HELLO "

// appendLine appends the greeting's line without its newline.
func (g Greeting) appendLine(dst []byte) []byte {
	dst = append(dst, helloWord+"clientid="...)
	dst = strconv.AppendUint(dst, g.ClientID, 10)
	dst = appendWord(dst, "you", g.You)
	dst = appendWord(dst, "me", g.Me)
	dst = appendWord(dst, "name", g.Name)
	return appendWord(dst, "handler", g.Handler)
}

// ParseGreeting reads the line of a greeting, without its newline. Words it does not know are ignored, so that a newer
// server's greeting is understood. It returns an error that wraps ErrNoGreeting when the line is none.
func ParseGreeting(line []byte) (Greeting, error) {
	words, ok := strings.CutPrefix(string(line), helloWord)
	switch {
	case !ok:
		return Greeting{}, fmt.Errorf("%w: it does not begin with %q", ErrNoGreeting, helloWord)
	case !printable(line):
		return Greeting{}, fmt.Errorf("%w: it is not printable ASCII", ErrNoGreeting)
	}
	var g Greeting
	var hasID bool
	for word := range strings.FieldsSeq(words) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "clientid":
			id, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				return Greeting{}, fmt.Errorf("%w: clientid=%.30q is no number", ErrNoGreeting, value)
			}
			g.ClientID, hasID = id, true
		case "you":
			g.You = value
		case "me":
			g.Me = value
		case "name":
			g.Name = value
		case "handler":
			g.Handler = value
		}
	}
	if !hasID {
		return Greeting{}, fmt.Errorf("%w: it names no clientid", ErrNoGreeting)
	}
	return g, nil
}
