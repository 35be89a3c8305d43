package protocol

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf8"

	ogorek "github.com/kisielk/og-rek"
)

// Pickle is the wire format of Python's pickle module. Plain values come in, by any protocol: dict, list, tuple, str,
// bytes, int, float, bool and None. What is written is of protocol 2, so that Python 2 and 3 both load it.
//
// Reading a pickle executes nothing. The opcodes that load, call or build something else are refused.
type Pickle struct{}

// maxPickle bounds a pickle where no limit does: its places are numbers of 32 bits.
const maxPickle = 1 << 30

// NewDecoder returns a decoder of pickles. Without a limit, or with a larger one, a pickle may be 1 GiB long.
func (Pickle) NewDecoder(limit int) Decoder {
	if limit <= 0 || limit > maxPickle {
		limit = maxPickle
	}
	return &valueDecoder{scanner: &pickleScanner{limit: uint64(limit)}, limit: limit, end: -1}
}

// AppendGreeting appends the greeting as a dict.
func (Pickle) AppendGreeting(dst []byte, g Greeting) []byte {
	dst = appendPickledItem(append(dst, beginPickledDict...), "clientid", g.ClientID)
	for _, w := range g.words() {
		dst = appendPickledWord(dst, w.key, w.value, false)
	}
	return append(dst, endPickledDict...)
}

// AppendError appends the error as a dict.
func (Pickle) AppendError(dst []byte, e Error) []byte {
	dst = appendPickledWord(append(dst, beginPickledDict...), "error", e.Reason, false)
	if e.Limit != 0 {
		dst = appendPickledItem(dst, "limit", e.Limit)
	}
	return append(appendPickledWord(dst, "detail", e.Detail, true), endPickledDict...)
}

// AppendText appends text as a str.
func (Pickle) AppendText(dst []byte, text string) []byte { return appendPickledText(dst, text) }

// AppendEcho appends msg as it came or, behind a prefix, a str: the prefix and what msg says.
func (p Pickle) AppendEcho(dst []byte, prefix string, msg []byte) []byte {
	if prefix == "" {
		return append(dst, msg...)
	}
	return appendPickledText(dst, prefix, p.Text(msg))
}

// Verbatim is true.
func (Pickle) Verbatim() bool { return true }

// AppendRecord appends a dict that begins with the word in lower case: {'ack': True, 'clientid': 17}.
func (Pickle) AppendRecord(dst []byte, word string, fields []Field) []byte {
	dst = append(dst, beginPickledDict...)
	if word != "" {
		dst = appendPickledItem(dst, strings.ToLower(word), true)
	}
	for _, f := range fields {
		dst = appendPickledItem(dst, f.Key, fieldValue(f))
	}
	return append(dst, endPickledDict...)
}

// Text returns the text of a str, and of any other value what Python's repr shows; but the items of a dict are in the order of
// their keys' repr. Half a surrogate pair, which a str may have in it, stands as the three bytes that it would have in UTF-8.
// What shared values unfold to beyond four times the length of msg, and 1024 bytes, is left out, and "..." stands in its place.
func (Pickle) Text(msg []byte) string {
	u, err := unpickle(msg)
	if err != nil {
		return ""
	}
	text, _ := u.text(u.value, maxText(msg))
	return text
}

// maxTextSpread is how many times as long as a pickle its text may be: what shared values unfold to would otherwise be held
// for a client who does not read it.
const maxTextSpread = 4

// maxText is how much text a pickle may say.
func maxText(msg []byte) int { return maxTextSpread*len(msg) + pickleSpare }

// text returns what v, a part of the value, says to a person. It is false if that is more than limit, and cut.
func (u *unpickled) text(v any, limit int) (text string, whole bool) {
	text, ok := strOf(v)
	if !ok {
		p := reprPrinter{dicts: u.dicts, limit: limit}
		p.print(v)
		text = string(p.out)
	}
	if len(text) <= limit {
		return text, true
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "...", false
}

// Fields returns the items of a dict whose keys are all str, in the order of the keys' repr. A value is what Text would make of
// it; all of them have no more text than it.
func (Pickle) Fields(msg []byte) ([]Field, bool) {
	u, err := unpickle(msg)
	dict, ok := u.value.(map[any]any)
	if err != nil || !ok {
		return nil, false
	}
	var fields []Field
	room := maxText(msg)
	for _, k := range u.dicts.keys(dict) {
		key, ok := strOf(k.key)
		if !ok {
			return nil, false
		}
		text, whole := u.text(k.item, room)
		room = max(0, room-len(text))
		fields = append(fields, Field{Key: key, Value: text, Number: whole && isNumber(k.item)})
	}
	return fields, len(fields) > 0
}

// ParseGreeting reads a dict with a clientid. Keys it does not know are ignored.
func (p Pickle) ParseGreeting(msg []byte) (Greeting, error) { return greetingOf(p.Fields(msg)) }

// ParseError reads a dict whose error is a word.
func (p Pickle) ParseError(msg []byte) (Error, bool) { return errorOf(p.Fields(msg)) }

// A dict is written around the keys and values that og-rek has written: it writes a map in no order, and readers like to see the
// clientid first.
var (
	beginPickledDict = []byte{opProto, 2, opEmptyDict, opMark}
	endPickledDict   = []byte{opSetitems, opStop}
)

var pickling = ogorek.EncoderConfig{Protocol: 2, StrictUnicode: true}

// appendPickledText appends the pickle of a str, in parts.
func appendPickledText(dst []byte, parts ...string) []byte {
	return append(appendPickledStr(append(dst, opProto, 2), parts...), opStop)
}

// appendPickledStr appends a str, as a value within a pickle. What is no text in it becomes U+FFFD.
func appendPickledStr(dst []byte, parts ...string) []byte {
	dst = append(dst, opBinunicode, 0, 0, 0, 0)
	begin := len(dst)
	for _, part := range parts {
		dst = appendPythonText(dst, part)
	}
	binary.LittleEndian.PutUint32(dst[begin-4:], uint32(len(dst)-begin))
	return dst
}

// appendPickledItem appends an item of a dict. The value is a bool, uint64, int64, float64 or string.
func appendPickledItem(dst []byte, key string, value any) []byte {
	dst = appendPickledStr(dst, key)
	if s, ok := value.(string); ok {
		return appendPickledStr(dst, s)
	}
	var b bytes.Buffer
	if err := ogorek.NewEncoderWithConfig(&b, &pickling).Encode(value); err != nil {
		panic(err) // It knows these types, and a buffer takes all.
	}
	return append(dst, b.Bytes()[2:b.Len()-1]...) // without PROTO and STOP
}

// appendPickledWord appends a key and what appendPrintable appends, and nothing where the value is empty.
func appendPickledWord(dst []byte, key, value string, spaces bool) []byte {
	if value == "" {
		return dst
	}
	return appendPickledItem(dst, key, string(appendPrintable(nil, value, spaces)))
}

// fieldValue returns a field's value: a number if it is one that 64 bits have room for, else its text.
func fieldValue(f Field) any {
	if !f.Number || !jsonNumber(f.Value) {
		return f.Value
	}
	if !decimal(f.Value) {
		if float, err := strconv.ParseFloat(f.Value, 64); err == nil {
			return float
		}
	} else if n, err := strconv.ParseUint(f.Value, 10, 64); err == nil {
		return n
	} else if n, err := strconv.ParseInt(f.Value, 10, 64); err == nil {
		return n
	}
	return f.Value
}
