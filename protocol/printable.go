package protocol

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns what a stranger said with everything escaped that a terminal would act on rather than show: control characters,
// what turns the direction of writing around, bytes that are no UTF-8. They stand as in a Go string. A tab stays, and so does a
// backslash: neither does harm, and people type them. Where wide is false, all that is not ASCII is escaped, too: in other
// than UTF-8 terminals a byte of an innocent letter may be a control character.
func Printable(s string, wide bool) string {
	clean := true
	for i := range len(s) {
		if b := s[i]; (b < ' ' || b > '~') && b != '\t' {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '\t', r >= ' ' && r <= '~', wide && r > '~' && unicode.IsPrint(r) && (r != utf8.RuneError || n > 1):
			b.WriteString(s[:n])
		case r == utf8.RuneError && n == 1, r < ' ', r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		s = s[n:]
	}
	return b.String()
}
