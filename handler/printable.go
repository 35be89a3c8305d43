package handler

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// printable returns text in printable ASCII, a tab as a space and the rest escaped as in a Go string. What one client says
// must not move another's cursor, colour its screen or turn its text around; and which bytes do that depends on the
// terminal. A backslash stays one: it harms nobody, and some people type them.
func printable(text string) string {
	clean := true
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			clean = false
			break
		}
	}
	if clean {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case r >= ' ' && r <= '~':
			b.WriteByte(byte(r))
		case r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}
