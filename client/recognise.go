package client

import (
	"bytes"

	"parley/protocol"
)

// greetings has the bytes with which the first message of each wire begins, be it a greeting or an error. A raw listener's
// greeting is that of the text wire.
var greetings = []struct {
	begins []byte
	wire   string
}{
	{[]byte("HELLO "), protocol.TextName},
	{[]byte("ERR "), protocol.TextName},
	{[]byte("{"), protocol.JSONName},
	{[]byte{0x80}, protocol.PickleName},  // PROTO, which protocol 2 and later begin with
	{[]byte("(dp"), protocol.PickleName}, // a dict of protocol 0, which is what Python 2 writes if not told otherwise
}

// recognise returns the wire by the first bytes that a server sends. It is raw where they are the beginning of no greeting,
// and empty where there are too few to tell.
func recognise(first []byte) string {
	open := false
	for _, g := range greetings {
		switch {
		case bytes.HasPrefix(first, g.begins):
			if _, ok := protocol.Wires[g.wire]; ok {
				return g.wire
			}
		case bytes.HasPrefix(g.begins, first):
			open = true
		}
	}
	if open {
		return ""
	}
	return protocol.RawName
}
