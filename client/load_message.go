package client

import (
	"bytes"
	"fmt"

	"parley/protocol"
)

// A loadMessage is what one connection of a Load sends, and the form of the answer. Each message of a run differs from all
// others in its stamp, if it is long enough, so that an answer to another message is noticed:
//
//	before   [        stamp        |       filling        ] after
//	ECHO:    [ 0000010000000000002a|0123456789abcdefghijkl] LF
type loadMessage struct {
	out    []byte // what is sent
	text   []byte // the part of out, from textAt on, that says something; it begins with the stamp
	textAt int
	before []byte // what the answer has in front of text, shared by all connections
	after  []byte // and behind it
}

const (
	// stampDigits are the hexadecimal digits of a stamp: six of the connection's number and ten of the message's. In a
	// shorter text the last ones stand.
	stampDigits = 16
	stampShift  = 40
	hexDigits   = "0123456789abcdef"
	// filling is repeated behind the stamp.
	filling = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-."
)

// newLoadMessage returns a message of size bytes on the wire. The form of the answer is still open.
func newLoadMessage(wire protocol.Wire, size int) (*loadMessage, error) {
	// What a wire puts around a text may depend on its length: start with as long a text, and take off what is too much.
	length := size
	for length > 0 {
		text := make([]byte, length)
		for i := range text {
			text[i] = filling[i%len(filling)]
		}
		out := wire.AppendText(nil, string(text))
		if over := len(out) - size; over > 0 {
			length -= over
			continue
		}
		at := bytes.Index(out, text)
		m := &loadMessage{out: out, textAt: at, text: out[at : at+length]}
		m.stamp(0)
		return m, nil
	}
	return nil, fmt.Errorf("no message of this wire has %d bytes: the shortest has %d", size, len(wire.AppendText(nil, "x")))
}

// stamp makes it the message of this stamp.
func (m *loadMessage) stamp(n uint64) {
	for i := min(stampDigits, len(m.text)) - 1; i >= 0; i-- {
		m.text[i] = hexDigits[n&15]
		n >>= 4
	}
}

// next makes it the message with the following stamp.
func (m *loadMessage) next() {
	for i := min(stampDigits, len(m.text)) - 1; i >= 0; i-- {
		switch m.text[i] {
		case '9':
			m.text[i] = 'a'
			return
		case 'f':
			m.text[i] = '0'
			continue
		}
		m.text[i]++
		return
	}
}

// on returns the first message of a connection.
func (m *loadMessage) on(number int) *loadMessage {
	c := &loadMessage{out: bytes.Clone(m.out), textAt: m.textAt, before: m.before, after: m.after}
	c.text = c.out[m.textAt : m.textAt+len(m.text)]
	c.stamp(uint64(number) << stampShift)
	return c
}

// answered is how many bytes the answer has.
func (m *loadMessage) answered() int { return len(m.before) + len(m.text) + len(m.after) }

// match returns how many bytes of p are as the answer is from its byte at on; p does not reach beyond the answer's end.
func (m *loadMessage) match(p []byte, at int) int {
	same := 0
	for _, part := range [...][]byte{m.before, m.text, m.after} {
		if at >= len(part) {
			at -= len(part)
			continue
		}
		part = part[at:]
		at = 0
		n := min(len(part), len(p))
		if !bytes.Equal(p[:n], part[:n]) {
			for p[0] == part[0] {
				same++
				p, part = p[1:], part[1:]
			}
			return same
		}
		same += n
		if p = p[n:]; len(p) == 0 {
			break
		}
	}
	return same
}

// expected returns up to n bytes of the answer from its byte at on.
func (m *loadMessage) expected(at, n int) []byte {
	whole := bytes.Join([][]byte{m.before, m.text, m.after}, nil)
	return whole[at:min(at+n, len(whole))]
}

// learn takes the answer's form from the answer to this message.
func (m *loadMessage) learn(answer []byte) bool {
	at := bytes.LastIndex(answer, m.text)
	if at < 0 {
		return false
	}
	m.before = bytes.Clone(answer[:at])
	m.after = bytes.Clone(answer[at+len(m.text):])
	return true
}
