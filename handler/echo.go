package handler

import "errors"

// echoPrefix stands in front of what is given back, so that a person sees what was typed and what was answered.
const echoPrefix = "ECHO: "

var echoKind = Kind{
	Summary: "answers each message with the message",
	Options: []string{"prefix", "once"},
	New: func(o Options) (Handler, error) {
		e, err := newEcho(o)
		if err != nil {
			return nil, err
		}
		return e, nil
	},
}

// echo answers each message with a prefix and the message. Without a prefix, on the raw wire, it is the service of
// RFC 862.
type echo struct {
	prefix string
	once   bool // end after the first message
}

func newEcho(o Options) (*echo, error) {
	prefix, prefixErr := o.Line("prefix", echoPrefix)
	once, onceErr := o.Bool("once", false)
	if err := errors.Join(prefixErr, onceErr); err != nil {
		return nil, err
	}
	return &echo{prefix: prefix, once: once}, nil
}

func (e *echo) Serve(s Session) error {
	for msg := range s.Messages() {
		if err := s.Echo(e.prefix, msg); err != nil {
			return err
		}
		if e.once {
			break
		}
	}
	return nil
}
