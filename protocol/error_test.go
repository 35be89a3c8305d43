package protocol_test

import (
	"testing"

	"parley/protocol"
)

func TestParseError(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line string
		want protocol.Error
		ok   bool
	}{
		{line: "ERR idle_timeout", want: protocol.Error{Reason: "idle_timeout"}, ok: true},
		{line: "ERR line_too_long limit=8192", want: protocol.Error{Reason: "line_too_long", Limit: 8192}, ok: true},
		{line: "ERR x  after=5s  limit=1 what ", want: protocol.Error{Reason: "x", Limit: 1}, ok: true},
		{line: "ERR x limit=", want: protocol.Error{Reason: "x"}, ok: true},
		{line: "ERR x limit=many", want: protocol.Error{Reason: "x"}, ok: true},
		{line: "ERR x limit=9223372036854775807", want: protocol.Error{Reason: "x", Limit: 1<<63 - 1}, ok: true},
		{line: "ERR x limit=9223372036854775808", want: protocol.Error{Reason: "x"}, ok: true},
		{line: ""},
		{line: "ERR"},
		{line: "ERR "},
		{line: "ERR  x"},
		{line: "ERROR x"},
		{line: "err x"},
		{line: "ECHO: ERR x"},
		{line: "ERR x\x1b[31m"},
		{line: "ERR x\u00a0limit=1"},
		{line: "ERR x\n"},
	}
	for _, tt := range tests {
		if got, ok := protocol.ParseError([]byte(tt.line)); got != tt.want || ok != tt.ok {
			t.Errorf("%q: got %+v, %v; want %+v, %v", tt.line, got, ok, tt.want, tt.ok)
		}
	}
}

func TestError_Error(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  error
		want string
	}{
		{protocol.Error{Reason: "server_full"}, "ERR server_full"},
		{protocol.Error{Reason: "line_too_long", Limit: 8192}, "ERR line_too_long limit=8192"},
		{protocol.Error{Reason: "two\nlines é"}, "ERR two_lines___"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
