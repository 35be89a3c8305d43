package protocol

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// kind returns the type of a value.
func (u *unpickler) kind(v value) kind {
	if v < 0 {
		return u.composites[^v].kind
	}
	op, arg := u.scalar(v)
	if op == opInt && intIsBool(arg) {
		return kindBool
	}
	return opcodes[op].pushes
}

// scalar returns the opcode that pushed a value, and its argument.
func (u *unpickler) scalar(v value) (op byte, arg []byte) {
	arg, _, _ = argument(u.msg, int(v))
	return u.msg[v], arg
}

// intIsBool reports whether the argument of INT is True or False. No integer that Python writes has a leading zero.
func intIsBool(arg []byte) bool { return string(arg) == "00" || string(arg) == "01" }

// checkScalar returns what is wrong with an opcode that pushes what its argument says.
func (u *unpickler) checkScalar(op byte, arg []byte) error {
	o := &opcodes[op]
	var ok bool
	switch {
	case o.refused:
		return refusedOpcode(op)
	case o.pushes == kindNothing:
		return malformed("%#02x is no pickle opcode", op)
	case op == opGlobal:
		if name := string(arg) + "\n"; name != globalEncode && name != globalBytes {
			return refusedOpcode(op)
		}
		return nil
	case o.max > 0 && len(arg) > o.max:
	case op == opInt:
		ok = decimal(arg) || intIsBool(arg)
	case op == opLong:
		ok = decimal(bytes.TrimSuffix(arg, []byte("L")))
	case op == opFloat:
		_, ok = parseFloat(arg)
	case op == opString:
		u.text, ok = appendUnquoted(u.text[:0], arg)
	case op == opUnicode:
		u.text, ok = appendUnescaped(u.text[:0], arg)
	case o.pushes == kindStr && op != opBinstring && op != opShortBinstring:
		ok = validPython(arg)
	default:
		ok = true
	}
	if !ok {
		return malformed("pickle opcode %s with an argument that is no %s", o.name, kindNames[o.pushes])
	}
	return nil
}

// isTrue returns a bool's value.
func (u *unpickler) isTrue(v value) bool {
	op, arg := u.scalar(v)
	return op == opNewtrue || op == opInt && string(arg) == "01"
}

// appendInt appends an int in decimal.
func (u *unpickler) appendInt(dst []byte, v value) []byte {
	op, arg := u.scalar(v)
	switch op {
	case opInt:
		return append(dst, arg...)
	case opLong:
		return append(dst, bytes.TrimSuffix(arg, []byte("L"))...)
	case opBinint1, opBinint2:
		return strconv.AppendUint(dst, littleEndian(arg), 10)
	case opBinint:
		return strconv.AppendInt(dst, int64(int32(littleEndian(arg))), 10)
	}
	// LONG1 and LONG4 have two's complement in as many bytes as it takes.
	negative := len(arg) > 0 && arg[len(arg)-1] >= 0x80
	if len(arg) <= 8 {
		n := littleEndian(arg)
		if negative {
			n |= ^uint64(0) << (8 * len(arg)) // Shifted by 64 it is nothing.
		}
		return strconv.AppendInt(dst, int64(n), 10)
	}
	magnitude := slices.Clone(arg)
	slices.Reverse(magnitude)
	n := new(big.Int).SetBytes(magnitude)
	if negative {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(arg))))
	}
	return n.Append(dst, 10)
}

// littleEndian returns a number of up to eight bytes, the lowest first.
func littleEndian(b []byte) uint64 {
	var n [8]byte
	copy(n[:], b)
	return binary.LittleEndian.Uint64(n[:])
}

// float returns a float's value.
func (u *unpickler) float(v value) float64 {
	op, arg := u.scalar(v)
	if op == opBinfloat {
		return math.Float64frombits(binary.BigEndian.Uint64(arg))
	}
	f, _ := parseFloat(arg)
	return f
}

// parseFloat reads what Python's repr writes of a float, and no more of what Go takes for one.
func parseFloat(arg []byte) (float64, bool) {
	s := string(arg)
	if strings.Trim(s, "+-.0123456789e") != "" && s != "inf" && s != "-inf" && s != "nan" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// appendStr appends the text of a str.
func (u *unpickler) appendStr(dst []byte, v value) []byte {
	op, arg := u.scalar(v)
	switch op {
	case opString:
		dst, _ = appendUnquoted(dst, arg)
	case opUnicode:
		dst, _ = appendUnescaped(dst, arg)
	case opBinstring, opShortBinstring:
		dst = appendPython2(dst, arg)
	default:
		dst = append(dst, arg...)
	}
	return dst
}

// appendPython2 appends the text of a Python 2 str, which is bytes: UTF-8 if it can be, else Latin-1.
func appendPython2(dst, s []byte) []byte {
	if utf8.Valid(s) {
		return append(dst, s...)
	}
	for _, b := range s {
		dst = utf8.AppendRune(dst, rune(b))
	}
	return dst
}

// appendUnquoted appends the text of STRING, a literal of Python 2.
func appendUnquoted(dst, literal []byte) ([]byte, bool) {
	n := len(literal)
	if n < 2 || literal[0] != literal[n-1] || literal[0] != '\'' && literal[0] != '"' {
		return dst, false
	}
	s := literal[1 : n-1]
	if bytes.IndexByte(s, '\\') < 0 {
		return appendPython2(dst, s), true
	}
	text := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			text = append(text, s[i])
			continue
		}
		if i++; i == len(s) {
			return dst, false
		}
		switch b := s[i]; b {
		case '\\', '\'', '"':
			text = append(text, b)
		case 'a':
			text = append(text, '\a')
		case 'b':
			text = append(text, '\b')
		case 'f':
			text = append(text, '\f')
		case 'n':
			text = append(text, '\n')
		case 'r':
			text = append(text, '\r')
		case 't':
			text = append(text, '\t')
		case 'v':
			text = append(text, '\v')
		case 'x':
			r, ok := parseHex(s[i+1:], 2)
			if !ok {
				return dst, false
			}
			text = append(text, byte(r))
			i += 2
		case '0', '1', '2', '3', '4', '5', '6', '7':
			n := b - '0'
			for range 2 {
				if i+1 < len(s) && '0' <= s[i+1] && s[i+1] <= '7' {
					i++
					n = n<<3 | (s[i] - '0')
				}
			}
			text = append(text, n)
		default:
			text = append(text, '\\', b)
		}
	}
	return appendPython2(dst, text), true
}

// appendUnescaped appends the text of UNICODE, Latin-1 with an escape for every other character.
func appendUnescaped(dst, s []byte) ([]byte, bool) {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			dst = utf8.AppendRune(dst, rune(s[i]))
			continue
		}
		var digits int
		switch i++; s[i] {
		case 'u':
			digits = 4
		case 'U':
			digits = 8
		default:
			dst = utf8.AppendRune(append(dst, '\\'), rune(s[i]))
			continue
		}
		r, ok := parseHex(s[i+1:], digits)
		if !ok || r > utf8.MaxRune {
			return dst, false
		}
		dst = appendPythonRune(dst, r)
		i += digits
	}
	return dst, true
}

// parseHex reads the number in the first digits of s, 8 at most.
func parseHex(s []byte, digits int) (rune, bool) {
	if len(s) < digits {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s[:digits]), 16, 32)
	if err != nil || n > utf8.MaxRune {
		return 0, false
	}
	return rune(n), true
}

// appendBytes appends the bytes of a bytes.
func (u *unpickler) appendBytes(dst []byte, v value) []byte {
	if v >= 0 {
		_, arg := u.scalar(v)
		return append(dst, arg...)
	}
	first := u.composites[^v].first
	if first < 0 {
		return dst
	}
	u.text = u.appendStr(u.text[:0], u.cells[first].value)
	for i := 0; i < len(u.text); {
		r, size := decodeRune(u.text[i:])
		dst = append(dst, byte(r))
		i += size
	}
	return dst
}

// appendKey appends what tells one key of a dict from another: 1, 1.0 and True are the same one.
func (u *unpickler) appendKey(dst []byte, v value, depth int) ([]byte, error) {
	begin, k := len(dst), u.kind(v)
	dst = append(dst, byte(k), 0, 0, 0, 0)
	switch k {
	case kindNone:
	case kindBool, kindInt, kindFloat:
		dst[begin] = byte(kindInt)
		dst = u.appendNumber(dst, v)
	case kindStr:
		dst = u.appendStr(dst, v)
	case kindBytes:
		dst = u.appendBytes(dst, v)
	case kindTuple:
		if err := u.spend(0); err != nil {
			return dst, err
		}
		if depth == maxPickleDepth {
			return dst, errTooDeep()
		}
		for i := u.composites[^v].first; i >= 0; i = u.cells[i].next {
			var err error
			if dst, err = u.appendKey(dst, u.cells[i].value, depth+1); err != nil {
				return dst, err
			}
		}
		return append(dst, byte(kindNothing)), nil
	case kindGlobal:
		return dst, refusedOpcode(opGlobal)
	default:
		return dst, malformed("a %s as the key of a dict", kindNames[k])
	}
	n := len(dst) - begin - 5
	binary.LittleEndian.PutUint32(dst[begin+1:], uint32(n))
	return dst, u.spend(n)
}

// appendNumber appends a number so that equal ones are the same. No NaN is equal to any other.
func (u *unpickler) appendNumber(dst []byte, v value) []byte {
	switch u.kind(v) {
	case kindInt:
		return u.appendInt(dst, v)
	case kindBool:
		if u.isTrue(v) {
			return append(dst, '1')
		}
		return append(dst, '0')
	}
	f := u.float(v)
	switch {
	case math.IsNaN(f):
		return strconv.AppendInt(append(dst, "nan"...), int64(v), 10)
	case math.IsInf(f, 0), f != math.Trunc(f):
		return strconv.AppendFloat(dst, f, 'g', -1, 64)
	case math.Abs(f) < 1<<63:
		return strconv.AppendInt(dst, int64(f), 10)
	}
	n, _ := big.NewFloat(f).Int(nil)
	return n.Append(dst, 10)
}
