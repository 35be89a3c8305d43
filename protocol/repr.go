package protocol

import (
	"bytes"
	"math"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// appendText appends what a value says to a person: the text of a str, and of any other what Python's repr shows. The budget
// that unpickle has kept to bounds it: a value of one unit is shown in at most eight bytes ("False, "), and so is each
// further one.
func (u *unpickler) appendText(dst []byte, v value) []byte {
	if u.kind(v) == kindStr {
		return u.appendStr(dst, v)
	}
	return u.appendRepr(dst, v)
}

// appendRepr appends what Python's repr shows.
func (u *unpickler) appendRepr(dst []byte, v value) []byte {
	switch u.kind(v) {
	case kindNone:
		dst = append(dst, "None"...)
	case kindBool:
		if u.isTrue(v) {
			return append(dst, "True"...)
		}
		dst = append(dst, "False"...)
	case kindInt:
		dst = u.appendInt(dst, v)
	case kindFloat:
		dst = appendFloatRepr(dst, u.float(v))
	case kindStr:
		u.text = u.appendStr(u.text[:0], v)
		dst = appendStrRepr(dst, u.text)
	case kindBytes:
		u.key = u.appendBytes(u.key[:0], v)
		dst = appendBytesRepr(dst, u.key)
	case kindList:
		dst = append(u.appendParts(append(dst, '['), v), ']')
	case kindTuple:
		c := &u.composites[^v]
		dst = u.appendParts(append(dst, '('), v)
		if c.first >= 0 && c.first == c.last {
			dst = append(dst, ',')
		}
		dst = append(dst, ')')
	case kindDict:
		dst = append(dst, '{')
		for i := u.composites[^v].first; i >= 0; {
			k, v := u.cells[i], u.cells[u.cells[i].next]
			dst = append(u.appendRepr(dst, k.value), ": "...)
			dst = u.appendRepr(dst, v.value)
			if i = v.next; i >= 0 {
				dst = append(dst, ", "...)
			}
		}
		dst = append(dst, '}')
	}
	return dst
}

// appendParts appends the parts of a list or tuple.
func (u *unpickler) appendParts(dst []byte, v value) []byte {
	for i := u.composites[^v].first; i >= 0; {
		dst = u.appendRepr(dst, u.cells[i].value)
		if i = u.cells[i].next; i >= 0 {
			dst = append(dst, ", "...)
		}
	}
	return dst
}

// appendFloatRepr appends the shortest decimal that is read as f, with an exponent below 1e-4 and from 1e16 on.
func appendFloatRepr(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "nan"...)
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	}
	if abs := math.Abs(f); abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	begin := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if bytes.IndexByte(dst[begin:], '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}

// quoteOf returns the quotes around a literal: double ones where they spare an escape.
func quoteOf(s []byte) byte {
	if bytes.IndexByte(s, '\'') >= 0 && bytes.IndexByte(s, '"') < 0 {
		return '"'
	}
	return '\''
}

// appendStrRepr appends the literal of a str: what can be printed, and escapes.
func appendStrRepr(dst, s []byte) []byte {
	quote := quoteOf(s)
	dst = append(dst, quote)
	for len(s) > 0 {
		if s[0] < utf8.RuneSelf {
			dst = appendByteRepr(dst, s[0], quote)
			s = s[1:]
			continue
		}
		r, size := decodePythonRune(s)
		s = s[size:]
		switch {
		case unicode.IsPrint(r):
			dst = utf8.AppendRune(dst, r)
		case r <= 0xff:
			dst = appendHexEscape(append(dst, `\x`...), r, 2)
		case r <= 0xffff:
			dst = appendHexEscape(append(dst, `\u`...), r, 4)
		default:
			dst = appendHexEscape(append(dst, `\U`...), r, 8)
		}
	}
	return append(dst, quote)
}

// appendBytesRepr appends the literal of a bytes.
func appendBytesRepr(dst, s []byte) []byte {
	quote := quoteOf(s)
	dst = append(dst, 'b', quote)
	for _, b := range s {
		dst = appendByteRepr(dst, b, quote)
	}
	return append(dst, quote)
}

// appendByteRepr appends a byte as it stands between quotes.
func appendByteRepr(dst []byte, b, quote byte) []byte {
	switch b {
	case '\\', quote:
		return append(dst, '\\', b)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if b < ' ' || b >= 0x7f {
		return appendHexEscape(append(dst, `\x`...), rune(b), 2)
	}
	return append(dst, b)
}

// isNumber reports whether a value is a number that every wire can write.
func (u *unpickler) isNumber(v value) bool {
	switch u.kind(v) {
	case kindInt:
		return true
	case kindFloat:
		f := u.float(v)
		return !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	return false
}
