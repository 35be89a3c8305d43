package protocol

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// JSON is the wire format of JSON values (RFC 8259). What is written is one value a line.
type JSON struct{}

// NewDecoder returns a decoder of JSON values. See the package comment for what ends one.
func (JSON) NewDecoder(limit int) Decoder {
	return &valueDecoder{scanner: new(jsonScanner), limit: limit, end: -1}
}

// AppendGreeting appends the greeting as an object.
func (JSON) AppendGreeting(dst []byte, g Greeting) []byte {
	dst = append(dst, `{"clientid":`...)
	dst = strconv.AppendUint(dst, g.ClientID, 10)
	for _, w := range g.words() {
		dst = appendJSONMember(dst, w.key, w.value, false)
	}
	return append(dst, '}', '\n')
}

// AppendError appends the error as an object.
func (JSON) AppendError(dst []byte, e Error) []byte {
	dst = append(dst, `{"error":"`...)
	dst = appendJSONPrintable(dst, e.Reason, false)
	dst = append(dst, '"')
	if e.Limit != 0 {
		dst = append(dst, `,"limit":`...)
		dst = strconv.AppendInt(dst, e.Limit, 10)
	}
	dst = appendJSONMember(dst, "detail", e.Detail, true)
	return append(dst, '}', '\n')
}

// AppendText appends text as a string.
func (JSON) AppendText(dst []byte, text string) []byte {
	dst = append(dst, '"')
	dst = appendJSONText(dst, text)
	return append(dst, '"', '\n')
}

// AppendEcho appends msg as it came or, behind a prefix, a string: the prefix and what msg says.
func (JSON) AppendEcho(dst []byte, prefix string, msg []byte) []byte {
	if prefix == "" {
		dst = append(dst, msg...)
		return append(dst, '\n')
	}
	dst = append(dst, '"')
	dst = appendJSONText(dst, prefix)
	if len(msg) > 1 && msg[0] == '"' {
		// A string goes on with its own escapes, among them those that no text of ours could have: half a surrogate pair.
		dst = appendValidUTF8(dst, msg[1:])
		return append(dst, '\n')
	}
	dst = appendCompactJSON(dst, msg, true)
	return append(dst, '"', '\n')
}

// Verbatim is false: a newline is added.
func (JSON) Verbatim() bool { return false }

// AppendRecord appends an object that begins with the word in lower case: {"ack":true,"clientid":17}.
func (JSON) AppendRecord(dst []byte, word string, fields []Field) []byte {
	dst = append(dst, '{')
	if word != "" {
		dst = append(dst, '"')
		begin := len(dst)
		dst = appendJSONText(dst, word)
		lower(dst[begin:])
		dst = append(dst, `":true`...)
	}
	for i, f := range fields {
		if word != "" || i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = appendJSONText(dst, f.Key)
		dst = append(dst, '"', ':')
		if f.Number && jsonNumber(f.Value) {
			dst = append(dst, f.Value...)
			continue
		}
		dst = append(dst, '"')
		dst = appendJSONText(dst, f.Value)
		dst = append(dst, '"')
	}
	return append(dst, '}', '\n')
}

// Text returns what a string says, and any other value without the white space in it.
func (JSON) Text(msg []byte) string {
	if len(msg) > 0 && msg[0] == '"' {
		var text string
		if json.Unmarshal(msg, &text) == nil {
			return text
		}
	}
	return string(appendCompactJSON(nil, msg, false))
}

// Fields returns the members of an object in their order; one that has a key twice has both. A value is what Text would
// make of it.
func (j JSON) Fields(msg []byte) ([]Field, bool) {
	if len(msg) == 0 || msg[0] != '{' || !json.Valid(msg) {
		return nil, false
	}
	var fields []Field
	d := json.NewDecoder(bytes.NewReader(msg))
	_, _ = d.Token() // the brace; nothing here fails, as msg is valid
	for d.More() {
		key, _ := d.Token()
		var value json.RawMessage
		_ = d.Decode(&value)
		f := Field{Value: j.Text(value), Number: value[0] == '-' || '0' <= value[0] && value[0] <= '9'}
		f.Key, _ = key.(string)
		fields = append(fields, f)
	}
	return fields, len(fields) > 0
}

// ParseGreeting reads an object with a clientid. Members it does not know are ignored.
func (j JSON) ParseGreeting(msg []byte) (Greeting, error) { return greetingOf(j.Fields(msg)) }

// ParseError reads an object whose error is a word.
func (j JSON) ParseError(msg []byte) (Error, bool) { return errorOf(j.Fields(msg)) }

// jsonNumber reports whether s is a number as JSON writes it.
func jsonNumber(s string) bool {
	return decimal(s) || s != "" && (s[0] == '-' || '0' <= s[0] && s[0] <= '9') && json.Valid([]byte(s))
}

// appendJSONMember appends a member whose value appendJSONPrintable writes, and nothing where the value is empty.
func appendJSONMember(dst []byte, key, value string, spaces bool) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, key...)
	dst = append(dst, `":"`...)
	dst = appendJSONPrintable(dst, value, spaces)
	return append(dst, '"')
}

// appendJSONPrintable appends what appendPrintable appends, as the inside of a string.
func appendJSONPrintable(dst []byte, value string, spaces bool) []byte {
	for i := range len(value) {
		b := printableByte(value[i], spaces)
		if b == '"' || b == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, b)
	}
	return dst
}

// appendJSONText appends text as the inside of a string. What would end a line, or steer a terminal, is escaped, and what is
// no UTF-8 becomes U+FFFD.
func appendJSONText[T string | []byte](dst []byte, text T) []byte {
	for i := 0; i < len(text); {
		b := text[i]
		if b < utf8.RuneSelf {
			dst = appendJSONByte(dst, b)
			i++
			continue
		}
		r, size := decodeRune(text[i:])
		if r < 0xa0 || r == '\u2028' || r == '\u2029' {
			dst = appendHexEscape(append(dst, `\u`...), r, 4)
		} else {
			dst = utf8.AppendRune(dst, r)
		}
		i += size
	}
	return dst
}

// appendJSONByte appends an ASCII character as it stands in a string.
func appendJSONByte(dst []byte, b byte) []byte {
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	if b < ' ' || b == 0x7f {
		return appendHexEscape(append(dst, `\u`...), rune(b), 4)
	}
	return append(dst, b)
}

// appendCompactJSON appends a value without the white space between its parts; quoted, as the inside of a string.
func appendCompactJSON(dst, value []byte, quoted bool) []byte {
	within, escaped := false, false
	begin := 0 // of what has not been appended yet
	put := func(part []byte) {
		if quoted {
			dst = appendJSONText(dst, part)
		} else {
			dst = append(dst, part...)
		}
	}
	for i, b := range value {
		switch {
		case escaped:
			escaped = false
		case b == '"':
			within = !within
		case within:
			escaped = b == '\\'
		case b == ' ', b == '\t', b == '\r', b == '\n':
			put(value[begin:i])
			begin = i + 1
		}
	}
	put(value[begin:])
	return dst
}

// appendValidUTF8 appends s, and U+FFFD for what is no UTF-8 in it.
func appendValidUTF8(dst, s []byte) []byte {
	if utf8.Valid(s) {
		return append(dst, s...)
	}
	for len(s) > 0 {
		r, size := utf8.DecodeRune(s)
		dst = utf8.AppendRune(dst, r)
		s = s[size:]
	}
	return dst
}
