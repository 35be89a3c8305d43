package protocol

import (
	"bytes"
	"strings"
)

// Text is the wire format of lines, the one that a person at nc or telnet speaks.
type Text struct{}

// NewDecoder returns a decoder of lines. See the package comment for what ends one.
func (Text) NewDecoder(limit int) Decoder { return &textDecoder{limit: limit, end: -1} }

// AppendGreeting appends the greeting as one line.
func (Text) AppendGreeting(dst []byte, g Greeting) []byte { return append(g.appendLine(dst), '\n') }

// AppendError appends the error as one line.
func (Text) AppendError(dst []byte, e Error) []byte { return append(e.appendLine(dst), '\n') }

// AppendText appends text and a newline.
func (Text) AppendText(dst []byte, text string) []byte {
	dst = append(dst, text...)
	return append(dst, '\n')
}

// AppendEcho appends prefix, msg and a newline.
func (Text) AppendEcho(dst []byte, prefix string, msg []byte) []byte {
	dst = append(dst, prefix...)
	dst = append(dst, msg...)
	return append(dst, '\n')
}

// Verbatim is false: the newline was cut off.
func (Text) Verbatim() bool { return false }

// AppendRecord appends the word and key=value words, as one line. What would end a word in a value, or be more than text
// on a terminal, is written as an underscore; fields without a value are left out.
func (Text) AppendRecord(dst []byte, word string, fields []Field) []byte {
	dst = append(dst, word...)
	begin := len(dst) - len(word)
	for _, f := range fields {
		if f.Value == "" {
			continue
		}
		if len(dst) > begin {
			dst = append(dst, ' ')
		}
		dst = append(dst, f.Key...)
		dst = append(dst, '=')
		for i := range len(f.Value) {
			b := f.Value[i]
			if b <= ' ' || b == 0x7f || b == telnetIAC {
				b = '_'
			}
			dst = append(dst, b)
		}
	}
	return append(dst, '\n')
}

// Text returns the line.
func (Text) Text(msg []byte) string { return string(msg) }

// Fields returns the words of the form key=value; words of any other form are passed over.
func (Text) Fields(msg []byte) ([]Field, bool) {
	var fields []Field
	// Not strings.Fields: in a name, the spaces of Unicode are letters like any other.
	for word := range strings.FieldsFuncSeq(string(msg), func(r rune) bool { return r == ' ' || r == '\t' }) {
		if key, value, ok := strings.Cut(word, "="); ok && key != "" {
			fields = append(fields, Field{Key: key, Value: value})
		}
	}
	return fields, len(fields) > 0
}

// ParseGreeting is the function of the same name.
func (Text) ParseGreeting(msg []byte) (Greeting, error) { return ParseGreeting(msg) }

// ParseError is the function of the same name.
func (Text) ParseError(msg []byte) (Error, bool) { return ParseError(msg) }

type textDecoder struct {
	limit  int
	chunk  []byte // of the last piece, what Next has not returned yet
	end    int    // where the next newline stands in chunk, or -1
	begun  unfinished
	telnet telnetFilter
	lines  bool // the peer has sent a newline: from now on only newlines end a line
	quiet  bool // the last message was ended by silence: a newline that comes now ended that one, and is no empty line
}

func (d *textDecoder) Feed(p []byte) {
	d.chunk = d.telnet.filter(p)
	d.end = bytes.IndexByte(d.chunk, '\n')
}

func (d *textDecoder) More() bool { return d.end >= 0 }

func (d *textDecoder) Next() ([]byte, bool, error) {
	d.begun.giveBack()
	for d.end >= 0 {
		line := d.chunk[:d.end:d.end] // An append to it must not reach the next line.
		if tooLong(d.begun.bytes(), line, d.limit) {
			return nil, false, ErrTooLong
		}
		d.chunk = d.chunk[d.end+1:]
		d.end = bytes.IndexByte(d.chunk, '\n')
		d.lines = true
		if !d.begun.empty() {
			d.begun.add(line)
			line = d.begun.take()
		}
		line = trimCR(line)
		late := d.quiet && len(line) == 0
		d.quiet = false
		if !late {
			return line, true, nil
		}
		d.begun.giveBack()
	}
	rest := d.chunk
	d.chunk = nil
	if len(rest) == 0 {
		return nil, false, nil
	}
	if tooLong(d.begun.bytes(), rest, d.limit) {
		return nil, false, ErrTooLong
	}
	d.begun.add(rest)
	return nil, false, nil
}

func (d *textDecoder) Hold() { d.chunk = bytes.Clone(d.chunk) }

func (d *textDecoder) Pending() Pending {
	switch {
	case !d.begun.empty() && !d.lines:
		return Quiet
	case !d.begun.empty(), !d.telnet.idle():
		return Unfinished
	}
	return Nothing
}

func (d *textDecoder) Finish() ([]byte, bool, error) {
	d.begun.giveBack()
	if d.begun.empty() {
		return nil, false, nil
	}
	line := trimCR(d.begun.take())
	late := d.quiet && len(line) == 0 // the CR of a newline that ended the message before
	d.quiet = true
	return line, !late, nil
}

// trimCR cuts off every CR at the end. One belongs to CR LF; keeping further ones would make a line that reads
// differently when it is written again.
func trimCR(line []byte) []byte {
	for len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	return line
}
