package protocol

// The lines of greetings and errors are words of printable ASCII, one space between them. On the other wires the same
// words are values of their own.

// appendWord appends " key=value", and nothing where the value is empty.
func appendWord(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, ' ')
	dst = append(dst, key...)
	dst = append(dst, '=')
	return appendPrintable(dst, value, false)
}

// appendPrintable appends value, byte by byte as printableByte has it.
func appendPrintable(dst []byte, value string, spaces bool) []byte {
	for i := range len(value) {
		dst = append(dst, printableByte(value[i], spaces))
	}
	return dst
}

// printableByte returns b, and an underscore for a byte that is not printable ASCII or, unless spaces are allowed, would end
// the word: an address or a host name has none, the path of a unix socket may.
func printableByte(b byte, spaces bool) byte {
	if b < ' ' || b >= 0x7f || b == ' ' && !spaces {
		return '_'
	}
	return b
}

// isPrintable reports whether line is printable ASCII. Others are refused, not mended: a reader shows what it has
// read, on a terminal or in a log.
func isPrintable[T string | []byte](line T) bool {
	for i := range len(line) {
		if line[i] < ' ' || line[i] >= 0x7f {
			return false
		}
	}
	return true
}

// decimal reports whether s is a whole number as every wire writes it: 0, 17, -4.
func decimal[T string | []byte](s T) bool {
	digits := s
	if len(s) > 1 && s[0] == '-' {
		digits = s[1:]
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return len(digits) > 0 && (digits[0] != '0' || len(s) == 1)
}

// lower makes ASCII letters lower case.
func lower(b []byte) {
	for i := range b {
		if 'A' <= b[i] && b[i] <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
}
