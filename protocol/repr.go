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

// A reprPrinter writes what Python's repr shows of a value, until there is more of it than is wanted: values that are in many
// places unfold to much more text than the pickle has bytes.
type reprPrinter struct {
	dicts sortedDicts
	out   []byte
	limit int // bytes of out that are wanted; there may be a few more, of which it can be told that it is not all
}

// repr returns all that Python's repr shows of a value.
func repr(v any) string {
	p := reprPrinter{limit: math.MaxInt}
	p.print(v)
	return string(p.out)
}

// full reports whether there is more than is wanted.
func (p *reprPrinter) full() bool { return len(p.out) > p.limit }

func (p *reprPrinter) say(text string) { p.out = append(p.out, text...) }

// cut returns as much of a text as there is room for, and a byte more. No byte is shown in less than one.
func (p *reprPrinter) cut(s string) string {
	if room := max(0, p.limit-len(p.out)); len(s) > room {
		return s[:room+1]
	}
	return s
}

func (p *reprPrinter) print(v any) {
	if s, ok := strOf(v); ok {
		quote := quoteOf(s)
		p.out = appendStrRepr(p.out, p.cut(s), quote)
		return
	}
	switch v := v.(type) {
	case ogorek.None:
		p.say("None")
	case bool:
		if v {
			p.say("True")
		} else {
			p.say("False")
		}
	case int64:
		p.out = strconv.AppendInt(p.out, v, 10)
	case *big.Int:
		p.out = v.Append(p.out, 10)
	case float64:
		p.out = appendFloatRepr(p.out, v)
	case ogorek.Bytes:
		quote := quoteOf(string(v))
		p.out = appendBytesRepr(p.out, p.cut(string(v)), quote)
	case ogorek.Call: // bytes()
		p.say("b''")
	case []any:
		p.say("[")
		p.printAll(v)
		p.say("]")
	case ogorek.Tuple:
		p.say("(")
		p.printAll(v)
		if len(v) == 1 {
			p.say(",")
		}
		p.say(")")
	case map[any]any:
		p.printDict(v)
	}
}

// printAll prints the parts of a list or tuple.
func (p *reprPrinter) printAll(values []any) {
	for i, v := range values {
		if p.full() {
			return
		}
		if i > 0 {
			p.say(", ")
		}
		p.print(v)
	}
}

func (p *reprPrinter) printDict(dict map[any]any) {
	p.say("{")
	for i, k := range p.dicts.keys(dict) {
		if p.full() {
			return
		}
		if i > 0 {
			p.say(", ")
		}
		p.say(k.repr)
		p.say(": ")
		p.print(k.item)
	}
	p.say("}")
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
func appendStrRepr(dst []byte, s string, quote byte) []byte {
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
func appendBytesRepr(dst []byte, s string, quote byte) []byte {
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
