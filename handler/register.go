package handler

import (
	"strconv"

	"parley/protocol"
)

var registerKind = Kind{
	Summary: "notes the name and email that a client sends, and acknowledges each message",
	Wires:   []string{protocol.TextName, protocol.JSONName, protocol.PickleName},
	New:     func(Options) (Handler, error) { return register{}, nil },
}

// register is the server of the labs: a client sends a record with its name and email, and each message, whatever it says, is
// acknowledged.
//
// Of a record, which is a dict, an object or words of the form key=value, two keys are taken, written just so: name and email.
// They may come in one message or in several, a later one replaces what an earlier one said, and an empty one says nothing;
// other keys are ignored. The server shows and logs 256 bytes of each, and "..." where there are more.
//
// The acknowledgement says the client's ID, which message of the client's it is, from 1, and how many bytes that has, without
// what ends it on the wire.
type register struct{}

func (register) Serve(s Session) error {
	var who person
	ack := []protocol.Field{
		{Key: "clientid", Value: strconv.FormatUint(s.ID(), 10), Number: true},
		{Key: "message", Number: true},
		{Key: "bytes", Number: true},
	}
	number := 0
	for msg := range s.Messages() {
		number++
		if who.introduce(s.Fields(msg)) {
			s.Register(who.name, who.email)
		}
		ack[1].Value = strconv.Itoa(number)
		ack[2].Value = strconv.Itoa(len(msg))
		if err := s.Record("ACK", ack); err != nil {
			return err
		}
	}
	return nil
}

// A person is who a client says it is. Name and email may come in one message or in two.
type person struct{ name, email string }

// introduce takes what a message says of the person; it is false for a message that says nothing of it.
func (p *person) introduce(fields []protocol.Field, _ bool) bool {
	introduced := false
	for _, f := range fields {
		switch {
		case f.Value == "":
		case f.Key == "name":
			p.name, introduced = f.Value, true
		case f.Key == "email":
			p.email, introduced = f.Value, true
		}
	}
	return introduced
}
