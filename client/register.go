package client

import (
	"bytes"

	"parley/protocol"
)

// appendRegistration appends the message that says who we are: a record without a word in front.
func appendRegistration(dst []byte, wire protocol.Wire, name, email string) []byte {
	var fields []protocol.Field
	for _, f := range []protocol.Field{{Key: "name", Value: name}, {Key: "email", Value: email}} {
		if f.Value != "" {
			fields = append(fields, f)
		}
	}
	return append(dst, bytes.TrimLeft(wire.AppendRecord(nil, "", fields), " ")...)
}
