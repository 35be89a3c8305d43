package handler_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"parley/handler"
	"parley/handler/handlertest"
	"parley/protocol"
)

// TestEcho is also the test of what counting says, which echoes in the same way.
func TestEcho(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		options handler.Options
		send    string
		want    string
	}{
		{"default", nil, "hi\nthere\n", "ECHO: hi\nECHO: there\n"},
		{"blank line", nil, "\n", "ECHO: \n"},
		{"without a newline", nil, "hi\nthere", "ECHO: hi\nECHO: there\n"},
		{"nothing", nil, "", ""},
		{"telnet", nil, "h\xff\xfd\x06i\r\n", "ECHO: hi\n"},
		{"prefix", handler.Options{"prefix": {">> "}}, "hi\n", ">> hi\n"},
		{"no prefix", handler.Options{"prefix": {""}}, "hi\r\nthere\n", "hi\nthere\n"},
		{"once", handler.Options{"once": {"true"}}, "hi\nthere\n", "ECHO: hi\n"},
		{"not once", handler.Options{"once": {"false"}}, "hi\nthere\n", "ECHO: hi\nECHO: there\n"},
		{"once, prefix", handler.Options{"once": {"1"}, "prefix": {"-"}}, "hi", "-hi\n"},
		{"too long", nil, "hi\n" + strings.Repeat("x", 8193), "ECHO: hi\nERR line_too_long limit=8192\n"},
	}
	for _, name := range []string{"echo", "counting"} {
		for _, tt := range tests {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				c := handlertest.Dial(t, newHandler(t, name, tt.options))
				c.Send(tt.send)
				c.CloseWrite()
				c.Expect(tt.want)
				c.ExpectEnd()
			})
		}
	}
}

// TestEcho_once: the server ends its side first; nobody need wait for the client's.
func TestEcho_once(t *testing.T) {
	t.Parallel()
	c := handlertest.Dial(t, newHandler(t, "echo", handler.Options{"once": {"true"}}))
	c.Send("hi\n")
	c.Expect("ECHO: hi\n")
	c.ExpectEnd()
}

// TestEcho_quiet: a client that knows no newline is answered too.
func TestEcho_quiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := handlertest.Dial(t, newHandler(t, "echo", nil))
		for range 3 {
			c.Send("Test")
			c.Expect("ECHO: Test\n")
		}
	})
}

// TestEcho_verbatim is RFC 862.
func TestEcho_verbatim(t *testing.T) {
	t.Parallel()
	c := handlertest.Dial(t, newHandler(t, "echo", handler.Options{"prefix": {""}}), handlertest.Wire(protocol.Raw{}))
	const data = "\x00\xff\xfd\x06\r\n\n\r"
	c.Send(data)
	c.Expect(data)
	c.Send("more")
	c.Expect("more")
	c.CloseWrite()
	c.ExpectEnd()
}

func TestEcho_rawPrefix(t *testing.T) {
	t.Parallel()
	c := handlertest.Dial(t, newHandler(t, "echo", nil), handlertest.Wire(protocol.Raw{}))
	c.Send("hi\n")
	c.Expect("ECHO: hi\n")
	c.Send("there")
	c.Expect("ECHO: there")
}
