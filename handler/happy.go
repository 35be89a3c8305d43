package handler

import "errors"

var happyKind = Kind{
	Summary: "answers the first message with a friendly line and closes",
	Options: []string{"message", "once"},
	New: func(o Options) (Handler, error) {
		message, messageErr := o.Line("message", "HELLO. I am the Happy Server :-)")
		once, onceErr := o.Bool("once", true)
		if err := errors.Join(messageErr, onceErr); err != nil {
			return nil, err
		}
		return &happy{message: message, once: once}, nil
	},
}

// happy answers whatever is said with the same message.
type happy struct {
	message string
	once    bool // end after the first message
}

func (h *happy) Serve(s Session) error {
	for range s.Messages() {
		if err := s.Reply(h.message); err != nil {
			return err
		}
		if h.once {
			break
		}
	}
	return nil
}
