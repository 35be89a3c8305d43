package handler

var discardKind = Kind{
	Summary: "takes everything and answers nothing (RFC 863)",
	New:     func(Options) (Handler, error) { return discard{}, nil },
}

// discard is the service of RFC 863.
type discard struct{}

func (discard) Serve(s Session) error {
	for range s.Messages() {
	}
	return nil
}
