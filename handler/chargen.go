package handler

import (
	"strings"

	"parley/protocol"
)

var chargenKind = Kind{
	Summary: "sends lines of characters without end (RFC 864)",
	Wires:   []string{protocol.TextName, protocol.RawName},
	New:     func(Options) (Handler, error) { return chargen{}, nil },
}

// chargen is the service of RFC 864: what comes in is thrown away, and what goes out ends when the client closes the
// connection, not when it only ends its side.
type chargen struct{}

func (chargen) Serve(s Session) error {
	s.Go(func() { sendPattern(s) })
	for range s.Messages() {
	}
	return nil
}

// sendPattern sends until the conversation is over.
func sendPattern(s Session) {
	for {
		if s.Reply(pattern) != nil {
			return
		}
	}
}

// pattern is the one that RFC 864 calls popular: 72 of the 95 printable characters a line, each line beginning one
// further. It is sent as one message, whose own end completes the last line.
var pattern = func() string {
	const first, last, width = ' ', '~', 72
	var b strings.Builder
	for start := first; start <= last; start++ {
		for i := range width {
			b.WriteByte(byte(first + (start-first+rune(i))%(last-first+1)))
		}
		b.WriteString("\r\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}()
