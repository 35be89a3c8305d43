package protocol

import (
	"encoding/binary"
	"math"
	"strconv"
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
	dst = appendPickledString(beginPickledDict(dst), "clientid")
	dst = appendPickledUint(dst, g.ClientID)
	for _, w := range g.words() {
		dst = appendPickledWord(dst, w.key, w.value, false)
	}
	return endPickledDict(dst)
}

// AppendError appends the error as a dict.
func (Pickle) AppendError(dst []byte, e Error) []byte {
	dst = appendPickledWord(beginPickledDict(dst), "error", e.Reason, false)
	if e.Limit != 0 {
		dst = appendPickledString(dst, "limit")
		dst = appendPickledInt(dst, e.Limit)
	}
	return endPickledDict(appendPickledWord(dst, "detail", e.Detail, true))
}

// AppendText appends text as a str.
func (Pickle) AppendText(dst []byte, text string) []byte {
	dst = append(dst, opProto, 2)
	dst = appendPickledString(dst, text)
	return append(dst, opStop)
}

// AppendEcho appends msg as it came or, behind a prefix, a str: the prefix and what msg says.
func (Pickle) AppendEcho(dst []byte, prefix string, msg []byte) []byte {
	if prefix == "" {
		return append(dst, msg...)
	}
	dst = append(dst, opProto, 2, opBinunicode, 0, 0, 0, 0)
	begin := len(dst)
	dst = appendPythonText(dst, prefix)
	u, v, err := unpickle(msg)
	if err == nil {
		dst = u.appendText(dst, v)
	}
	u.free()
	binary.LittleEndian.PutUint32(dst[begin-4:], uint32(len(dst)-begin))
	return append(dst, opStop)
}

// Verbatim is true.
func (Pickle) Verbatim() bool { return true }

// AppendRecord appends a dict that begins with the word in lower case: {'ack': True, 'clientid': 17}.
func (Pickle) AppendRecord(dst []byte, word string, fields []Field) []byte {
	dst = appendPickledString(beginPickledDict(dst), word)
	lower(dst[len(dst)-len(word):])
	dst = append(dst, opNewtrue)
	for _, f := range fields {
		dst = appendPickledString(dst, f.Key)
		dst = appendPickledField(dst, f)
	}
	return endPickledDict(dst)
}

// Text returns the text of a str, and of any other value what Python's repr shows. Half a surrogate pair, which a str may
// have in it, stands as the three bytes that it would have in UTF-8.
func (Pickle) Text(msg []byte) string {
	u, v, err := unpickle(msg)
	defer u.free()
	if err != nil {
		return ""
	}
	return string(u.appendText(nil, v))
}

// Fields returns the items of a dict whose keys are all str, in their order. A value is what Text would make of it.
func (Pickle) Fields(msg []byte) ([]Field, bool) {
	u, v, err := unpickle(msg)
	defer u.free()
	if err != nil || u.kind(v) != kindDict {
		return nil, false
	}
	var fields []Field
	for i := u.composites[^v].first; i >= 0; {
		key, item := u.cells[i], u.cells[u.cells[i].next]
		if u.kind(key.value) != kindStr {
			return nil, false
		}
		fields = append(fields, Field{
			Key:    string(u.appendStr(nil, key.value)),
			Value:  string(u.appendText(nil, item.value)),
			Number: u.isNumber(item.value),
		})
		i = item.next
	}
	return fields, len(fields) > 0
}

// ParseGreeting reads a dict with a clientid. Keys it does not know are ignored.
func (p Pickle) ParseGreeting(msg []byte) (Greeting, error) { return greetingOf(p.Fields(msg)) }

// ParseError reads a dict whose error is a word.
func (p Pickle) ParseError(msg []byte) (Error, bool) { return errorOf(p.Fields(msg)) }

func beginPickledDict(dst []byte) []byte { return append(dst, opProto, 2, opEmptyDict, opMark) }

func endPickledDict(dst []byte) []byte { return append(dst, opSetitems, opStop) }

// appendPickledString appends a str, with U+FFFD for what is none.
func appendPickledString(dst []byte, s string) []byte {
	dst = append(dst, opBinunicode, 0, 0, 0, 0)
	begin := len(dst)
	dst = appendPythonText(dst, s)
	binary.LittleEndian.PutUint32(dst[begin-4:], uint32(len(dst)-begin))
	return dst
}

// appendPickledWord appends a key and what appendPrintable appends, and nothing where the value is empty.
func appendPickledWord(dst []byte, key, value string, spaces bool) []byte {
	if value == "" {
		return dst
	}
	dst = appendPickledString(dst, key)
	dst = append(dst, opBinunicode)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(value)))
	return appendPrintable(dst, value, spaces)
}

// appendPickledField appends a field's value: a number if it is one that 64 bits have room for, else a str.
func appendPickledField(dst []byte, f Field) []byte {
	if !f.Number || !jsonNumber(f.Value) {
		return appendPickledString(dst, f.Value)
	}
	if !decimal(f.Value) {
		float, err := strconv.ParseFloat(f.Value, 64)
		if err != nil {
			return appendPickledString(dst, f.Value)
		}
		return binary.BigEndian.AppendUint64(append(dst, opBinfloat), math.Float64bits(float))
	}
	if n, err := strconv.ParseUint(f.Value, 10, 64); err == nil {
		return appendPickledUint(dst, n)
	}
	if n, err := strconv.ParseInt(f.Value, 10, 64); err == nil {
		return appendPickledInt(dst, n)
	}
	return appendPickledString(dst, f.Value)
}

func appendPickledUint(dst []byte, n uint64) []byte {
	switch {
	case n <= math.MaxUint8:
		return append(dst, opBinint1, byte(n))
	case n <= math.MaxUint16:
		return binary.LittleEndian.AppendUint16(append(dst, opBinint2), uint16(n))
	case n <= math.MaxInt32:
		return binary.LittleEndian.AppendUint32(append(dst, opBinint), uint32(n))
	}
	// A ninth byte keeps the highest bit from being a sign.
	return append(binary.LittleEndian.AppendUint64(append(dst, opLong1, 9), n), 0)
}

func appendPickledInt(dst []byte, n int64) []byte {
	switch {
	case n >= 0:
		return appendPickledUint(dst, uint64(n))
	case n >= math.MinInt32:
		return binary.LittleEndian.AppendUint32(append(dst, opBinint), uint32(n))
	}
	return binary.LittleEndian.AppendUint64(append(dst, opLong1, 8), uint64(n))
}
