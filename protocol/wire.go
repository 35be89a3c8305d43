package protocol

import "errors"

// ErrTooLong says that a message is longer than the decoder's limit. What follows it cannot be read: the place where
// the next message begins is unknown.
var ErrTooLong = errors.New("message too long")

// ErrMalformed says that what came is no message of this wire. The text of the error that wraps it gives the reason.
var ErrMalformed = errors.New("malformed message")

// ErrUnfinished says that the peer ended its side in the middle of a message.
var ErrUnfinished = errors.New("unfinished message")

// A Wire is one wire format: how a listener's greeting, messages and errors are written, and how they are read back.
// A Wire has no state and is shared by all connections.
//
// The Append methods append to dst and return it, as the append function does.
type Wire interface {
	// NewDecoder returns the decoder of one direction of one connection. A message may be limit bytes long, not counting
	// what ends it; zero means no limit.
	NewDecoder(limit int) Decoder
	// AppendGreeting appends the first message of a connection.
	AppendGreeting(dst []byte, g Greeting) []byte
	// AppendError appends what a peer is told before it is closed; nothing where the wire has no room for it.
	AppendError(dst []byte, e Error) []byte
	// AppendText appends one message that says text.
	AppendText(dst []byte, text string) []byte
	// AppendEcho appends one message that gives msg back, a message as this wire's decoder returned it, behind prefix.
	AppendEcho(dst []byte, prefix string, msg []byte) []byte
	// AppendRecord appends one message that says fields under a word: on the text wire ACK clientid=17 bytes=42. Without a
	// word, what is said is the fields alone.
	AppendRecord(dst []byte, word string, fields []Field) []byte
	// Verbatim reports whether AppendEcho without a prefix appends exactly msg, so that msg can be sent as it is.
	Verbatim() bool

	// Text returns what msg, a message as this wire's decoder returned it, says to a person.
	Text(msg []byte) string
	// Fields returns the fields of a message that has some: an object, a dict, words of the form key=value. It is false
	// for any other message.
	Fields(msg []byte) ([]Field, bool)
	// ParseGreeting reads what AppendGreeting wrote. The error wraps ErrNoGreeting when msg is no greeting.
	ParseGreeting(msg []byte) (Greeting, error)
	// ParseError reads what AppendError wrote; it is false when msg is no error.
	ParseError(msg []byte) (Error, bool)
}

// A Field is one key and value of a record.
type Field struct {
	Key    string
	Value  string
	Number bool // Value is a decimal number, and is written as one where the wire tells numbers from text
}

// Names of the wires, as the key wire= of a listener has them.
const (
	TextName   = "text"
	JSONName   = "json"
	PickleName = "pickle"
	RawName    = "raw"
)

// Wires has every wire format by its name.
var Wires = map[string]Wire{
	TextName:   Text{},
	JSONName:   JSON{},
	PickleName: Pickle{},
	RawName:    Raw{},
}

// A Decoder cuts the bytes of one direction of a connection into messages. It is fed with pieces of any size and gives
// the same messages however the bytes were cut. It is not safe for concurrent use.
//
//	d.Feed(p)
//	for {
//		msg, ok, err := d.Next()
//		...
//	}
type Decoder interface {
	// Feed gives the decoder the next piece. It keeps p, and may change the bytes in it, until Next has returned false.
	Feed(p []byte)
	// Next returns the next whole message. It is false when there is none: what stands unfinished has then been copied, and
	// the last piece is no longer referred to. The message is valid, and the caller may change it, until the next call of
	// Next, Feed or Finish. After an error, which wraps ErrTooLong or ErrMalformed, the decoder is of no more use.
	Next() (msg []byte, ok bool, err error)
	// More reports whether another message stands whole in the last piece, so that a reply to the one before may wait for its
	// reply. Next may yet drop that one as the late end of a message that silence ended; and without one, Next may still
	// return the error of what stands unfinished.
	More() bool
	// Hold copies what Next has not returned yet, for a reader who stops midway and has to give back the last piece.
	Hold()
	// Pending tells what stands unfinished after Next has returned false.
	Pending() Pending
	// Finish returns what stands unfinished as a message; it is called when the peer has ended its side, and when it has
	// been quiet while Pending was Quiet. An error, which wraps ErrUnfinished or ErrMalformed, says that nothing can be made
	// of it.
	Finish() (msg []byte, ok bool, err error)
}

// Pending is what a decoder has in hand between two messages.
type Pending uint8

const (
	// Nothing stands unfinished.
	Nothing Pending = iota
	// Unfinished says that a message has begun, and only its end ends it.
	Unfinished
	// Quiet says that a message has begun, and that it also ends when the peer stays quiet.
	Quiet
)
