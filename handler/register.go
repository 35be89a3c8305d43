package handler

import (
	"strconv"

	"go.uber.org/zap"

	"parley/protocol"
)

var registerKind = Kind{
	Summary: "notes the name and email that a client sends, and acknowledges each message",
	Wires:   []string{protocol.TextName, protocol.JSONName, protocol.PickleName},
	New:     func(Options) (Handler, error) { return register{}, nil },
}

// register is the server of the labs: a client sends a record with its name and email, and each message is
// acknowledged by its number and size.
type register struct{}

func (register) Serve(s Session) error {
	ack := []protocol.Field{
		{Key: "clientid", Value: strconv.FormatUint(s.ID(), 10), Number: true},
		{Key: "message", Number: true},
		{Key: "bytes", Number: true},
	}
	number := 0
	for msg := range s.Messages() {
		number++
		note(s, msg)
		ack[1].Value = strconv.Itoa(number)
		ack[2].Value = strconv.Itoa(len(msg))
		if err := s.Record("ACK", ack); err != nil {
			return err
		}
	}
	return nil
}

// note registers the client if msg says who it is.
func note(s Session, msg []byte) {
	fields, ok := s.Fields(msg)
	if !ok {
		return
	}
	var name, email string
	for _, f := range fields {
		switch f.Key {
		case "name":
			name = f.Value
		case "email":
			email = f.Value
		}
	}
	if name == "" && email == "" {
		return
	}
	s.Register(name, email)
	s.Logger().Info("client registered", zap.String("name", printable(name)), zap.String("email", printable(email)))
}
