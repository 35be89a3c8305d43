package handler

// A Kind is a conversation that can be asked for by its name.
type Kind struct {
	// Summary says in a few words what it does.
	Summary string
	// Options are the keys that a listener may set.
	Options []string
	// Wires are the names of the wire formats on which it makes sense, the usual one first; none: all.
	Wires []string
	// New returns a handler for one listener. It returns an error that names the option, its value and what would be right.
	New func(Options) (Handler, error)
}

// Kinds has every handler by its name, the scheme of a listener's URL.
var Kinds = map[string]Kind{
	"chargen":  chargenKind,
	"chat":     chatKind,
	"counting": countingKind,
	"daytime":  daytimeKind,
	"discard":  discardKind,
	"echo":     echoKind,
	"happy":    happyKind,
	"register": registerKind,
}
