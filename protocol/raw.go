package protocol

import "bytes"

// Raw is the wire format without one: a message is whatever one read returns, and what is sent is sent as it is. It has
// no room for errors.
type Raw struct{}

// NewDecoder returns a decoder that returns each piece as it came. It knows no limit.
func (Raw) NewDecoder(int) Decoder { return &rawDecoder{} }

// AppendGreeting appends the line of the text wire; on a raw listener it comes only when asked for.
func (Raw) AppendGreeting(dst []byte, g Greeting) []byte { return Text{}.AppendGreeting(dst, g) }

// AppendError appends nothing.
func (Raw) AppendError(dst []byte, _ Error) []byte { return dst }

// AppendText appends text and a newline: what the server says, unlike what it gives back, is for a person to read.
func (Raw) AppendText(dst []byte, text string) []byte { return Text{}.AppendText(dst, text) }

// AppendEcho appends prefix and msg.
func (Raw) AppendEcho(dst []byte, prefix string, msg []byte) []byte {
	dst = append(dst, prefix...)
	return append(dst, msg...)
}

// Verbatim is true.
func (Raw) Verbatim() bool { return true }

// AppendRecord appends the line of the text wire.
func (Raw) AppendRecord(dst []byte, word string, fields []Field) []byte {
	return Text{}.AppendRecord(dst, word, fields)
}

// Text returns the bytes.
func (Raw) Text(msg []byte) string { return string(msg) }

// Fields is false: bytes have none.
func (Raw) Fields([]byte) ([]Field, bool) { return nil, false }

// ParseGreeting is that of the text wire.
func (Raw) ParseGreeting(msg []byte) (Greeting, error) { return ParseGreeting(msg) }

// ParseError is false: there are no errors on this wire.
func (Raw) ParseError([]byte) (Error, bool) { return Error{}, false }

type rawDecoder struct{ chunk []byte }

func (d *rawDecoder) Feed(p []byte) { d.chunk = p }
func (d *rawDecoder) More() bool    { return len(d.chunk) > 0 }

func (d *rawDecoder) Next() ([]byte, bool, error) {
	msg := d.chunk
	d.chunk = nil
	return msg, len(msg) > 0, nil
}

func (d *rawDecoder) Hold()                         { d.chunk = bytes.Clone(d.chunk) }
func (d *rawDecoder) Pending() Pending              { return Nothing }
func (d *rawDecoder) Finish() ([]byte, bool, error) { return nil, false, nil }
