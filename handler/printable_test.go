package handler_test

import (
	"strings"
	"testing"

	"parley/handler"
)

func FuzzPrintable(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Add("plain")
	f.Fuzz(func(t *testing.T, text string) {
		got := handler.Printable(text)
		for i := range len(got) {
			if got[i] < ' ' || got[i] > '~' {
				t.Fatalf("%q became %q", text, got)
			}
		}
		if again := handler.Printable(got); again != got {
			t.Errorf("%q became %q, and that %q", text, got, again)
		}
		if len(got) > 4*len(text) {
			t.Errorf("%d bytes became %d", len(text), len(got))
		}
		if text == strings.ToValidUTF8(text, "") && !strings.ContainsAny(text, "\\\t") && len(got) == len(text) && got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}
