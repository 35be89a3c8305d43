package protocol

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	ogorek "github.com/kisielk/og-rek"
)

// appendRepr appends what Python's repr shows. The budget that unpickle has kept to bounds it: a value of one unit is shown in at
// most eight bytes ("False, "), and so is each further one.
func appendRepr(dst []byte, v any) []byte {
	if s, ok := strOf(v); ok {
		return appendStrRepr(dst, s)
	}
	switch v := v.(type) {
	case ogorek.None:
		dst = append(dst, "None"...)
	case bool:
		if v {
			return append(dst, "True"...)
		}
		dst = append(dst, "False"...)
	case int64:
		dst = strconv.AppendInt(dst, v, 10)
	case *big.Int:
		dst = v.Append(dst, 10)
	case float64:
		dst = appendFloatRepr(dst, v)
	case ogorek.Bytes:
		dst = appendBytesRepr(dst, string(v))
	case ogorek.Call: // bytes()
		dst = append(dst, "b''"...)
	case []any:
		dst = append(appendReprs(append(dst, '['), v), ']')
	case ogorek.Tuple:
		dst = appendReprs(append(dst, '('), v)
		if len(v) == 1 {
			dst = append(dst, ',')
		}
		dst = append(dst, ')')
	case map[any]any:
		dst = append(dst, '{')
		for i, k := range sortedKeys(v) {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendRepr(append(append(dst, k.repr...), ": "...), k.item)
		}
		dst = append(dst, '}')
	}
	return dst
}

// appendReprs appends the parts of a list or tuple.
func appendReprs(dst []byte, values []any) []byte {
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendRepr(dst, v)
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
func quoteOf(s string) byte {
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		return '"'
	}
	return '\''
}

// appendStrRepr appends the literal of a str: what can be printed, and escapes.
func appendStrRepr(dst []byte, s string) []byte {
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
func appendBytesRepr(dst []byte, s string) []byte {
	quote := quoteOf(s)
	dst = append(dst, 'b', quote)
	for i := range len(s) {
		dst = appendByteRepr(dst, s[i], quote)
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
func isNumber(v any) bool {
	switch v := v.(type) {
	case int64, *big.Int:
		return true
	case float64:
		return !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	return false
}
