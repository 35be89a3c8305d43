package protocol

import "unicode/utf8"

// Python's str and JSON's string may hold half of a surrogate pair, for which UTF-8 has no bytes. Python writes one as the three
// bytes that UTF-8 would have for it, and only what Python would write is taken for text.

// decodeRune is utf8.DecodeRune, of a string or bytes.
func decodeRune[T string | []byte](s T) (rune, int) {
	return utf8.DecodeRuneInString(string(s[:min(len(s), utf8.UTFMax)]))
}

// decodePythonRune is decodeRune, but knows the surrogates. It returns utf8.RuneError and 1 for what is neither.
func decodePythonRune[T string | []byte](s T) (rune, int) {
	r, size := decodeRune(s)
	if r == utf8.RuneError && size == 1 && len(s) >= 3 && s[0] == 0xed && s[1]&0xe0 == 0xa0 && s[2]&0xc0 == 0x80 {
		return 0xd000 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f), 3
	}
	return r, size
}

// appendPythonRune is utf8.AppendRune, but knows the surrogates.
func appendPythonRune(dst []byte, r rune) []byte {
	if surrogate(r) {
		return append(dst, 0xed, byte(0x80|r>>6&0x3f), byte(0x80|r&0x3f))
	}
	return utf8.AppendRune(dst, r)
}

func surrogate(r rune) bool { return 0xd800 <= r && r <= 0xdfff }

// validPython reports whether s is text as Python writes it.
func validPython(s string) bool {
	if utf8.ValidString(s) {
		return true
	}
	for len(s) > 0 {
		r, size := decodePythonRune(s)
		if r == utf8.RuneError && size == 1 {
			return false
		}
		s = s[size:]
	}
	return true
}

// appendPythonText appends text, and U+FFFD for what is none.
func appendPythonText[T string | []byte](dst []byte, text T) []byte {
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			dst = append(dst, text[i])
			i++
			continue
		}
		r, size := decodePythonRune(text[i:])
		dst = appendPythonRune(dst, r)
		i += size
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// appendHexEscape appends the lowest digits of r in base 16.
func appendHexEscape(dst []byte, r rune, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[r>>shift&0xf])
	}
	return dst
}
