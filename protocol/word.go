package protocol

// The lines of greetings and errors are words of printable ASCII, one space between them.

// appendWord appends " key=value", and nothing where the value is empty.
func appendWord(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, ' ')
	dst = append(dst, key...)
	dst = append(dst, '=')
	return appendValue(dst, value)
}

// appendValue appends value. A byte that would end the word or the line, or that is not printable ASCII, is written as
// an underscore: an address or a host name has none, the path of a unix socket may.
func appendValue(dst []byte, value string) []byte {
	for i := range len(value) {
		b := value[i]
		if b <= ' ' || b >= 0x7f {
			b = '_'
		}
		dst = append(dst, b)
	}
	return dst
}

// printable reports whether line is printable ASCII. Others are refused, not mended: a reader shows what it has
// read, on a terminal or in a log.
func printable(line []byte) bool {
	for _, b := range line {
		if b < ' ' || b >= 0x7f {
			return false
		}
	}
	return true
}
