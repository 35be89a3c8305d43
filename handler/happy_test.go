package handler_test

import (
	"testing"
	"testing/synctest"

	"parley/handler"
	"parley/handler/handlertest"
)

func TestHappy(t *testing.T) {
	t.Parallel()
	const hello = "HELLO. I am the Happy Server :-)\n"
	tests := []struct {
		name    string
		options handler.Options
		send    string
		want    string
	}{
		{"default", nil, "hi\nthere\n", hello},
		{"nothing said", nil, "", ""},
		{"blank line", nil, "\n", hello},
		{"message", handler.Options{"message": {"Servus"}}, "hi\n", "Servus\n"},
		{"empty message", handler.Options{"message": {""}}, "hi\n", "\n"},
		{"once", handler.Options{"once": {"true"}}, "hi\nthere\n", hello},
		{"not once", handler.Options{"once": {"false"}}, "hi\nthere\nyou", hello + hello + hello},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := handlertest.Dial(t, newHandler(t, "happy", tt.options))
			c.Send(tt.send)
			c.CloseWrite()
			c.Expect(tt.want)
			c.ExpectEnd()
		})
	}
}

// TestHappy_quiet is the lab's client: it sends a word without a newline and reads until the server closes.
func TestHappy_quiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := handlertest.Dial(t, newHandler(t, "happy", nil))
		c.Send("Test")
		c.Expect("HELLO. I am the Happy Server :-)\n")
		c.ExpectEnd()
	})
}
