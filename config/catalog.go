package config

// Catalog says which names a listener may use. Cmd fills it in from the handler
// and protocol packages, which this one must not know.
type Catalog struct {
	Handlers map[string]Handler
	Wires    map[string]Wire

	// Check returns what else is wrong with a listener, a line each; nil: nothing
	// else is looked at.
	Check func(Listener) error

	// Variables are those that others read: Load does not warn of them.
	Variables []string
}

// Handler says what a handler takes from the query of a listener.
type Handler struct {
	// Options are the keys of its own that it knows. A key that every listener
	// has (wire, greeting, flush, the limits, the handshake) does not reach the handler.
	Options []string

	// Wires are the wire formats it speaks, the one it speaks by default first;
	// none: every one, and text by default.
	Wires []string

	// Check returns what is wrong with the values of the options, a line each;
	// nil: every value will do. A key that was written more than once has more
	// than one value, and only the handler knows whether it may.
	Check func(options map[string][]string) error
}

// Wire says what a listener needs to know about a wire format.
type Wire struct {
	// GreetingDefault is whether there is a greeting when the listener does not
	// say.
	GreetingDefault bool
}
