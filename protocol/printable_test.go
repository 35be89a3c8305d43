package protocol_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"parley/protocol"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ s, ascii, wide string }{
		{"plain\ttext ~!", "plain\ttext ~!", ""},
		{"\x1b]0;title\x07", `\x1b]0;title\x07`, ""},
		{"a\nb\rc\x00\x7f", `a\x0ab\x0dc\x00\x7f`, ""},
		{"\x9b31m", `\x9b31m`, ""},                      // an 8-bit CSI
		{"\u009b31m", `\u009b31m`, ""},                  // the same in UTF-8
		{"Gr\u00fc\u00dfe", `Gr\u00fc\u00dfe`, "Grüße"}, //
		{"\u011b", `\u011b`, "ě"},                       // its second byte is CSI
		{"\u202egnp.exe", `\u202egnp.exe`, ""},          // turns the direction around
		{"\u200bzero\ufeff\u2066", `\u200bzero\ufeff\u2066`, ""},
		{"\U0001f600", `\U0001f600`, "\U0001f600"},
		{"\xff\xc3", `\xff\xc3`, ""},
		{"\ufffd", `\ufffd`, "\ufffd"},
		{"\u00a0\u2028", `\u00a0\u2028`, ""},
	} {
		if got := protocol.Printable(tt.s, false); got != tt.ascii {
			t.Errorf("ASCII: %q: got %s, want %s", tt.s, got, tt.ascii)
		}
		want := tt.wide
		if want == "" {
			want = tt.ascii
		}
		if got := protocol.Printable(tt.s, true); got != want {
			t.Errorf("wide: %q: got %s, want %s", tt.s, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("plain", false)
	f.Add("\x1b[2J\u202e\xff\u00fc", true)
	f.Fuzz(func(t *testing.T, s string, wide bool) {
		got := protocol.Printable(s, wide)
		for _, r := range got {
			if r != '\t' && !unicode.IsPrint(r) || r > '~' && !wide {
				t.Errorf("%q: %q has %q in it", s, got, r)
			}
		}
		if !utf8.ValidString(got) {
			t.Errorf("%q: %q is no UTF-8", s, got)
		}
		if again := protocol.Printable(got, wide); again != got {
			t.Errorf("%q: printable again is %q, not %q", s, again, got)
		}
		if strings.ContainsAny(got, "\r\n") {
			t.Errorf("%q: %q is more than one line", s, got)
		}
	})
}
