package protocol_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/protocol"
)

const unfinished = "error: unfinished message"

// A conversation is what a peer sends, in pieces, and what is to come of it.
type conversation struct {
	name   string
	limit  int
	pieces []string
	want   []string
}

// testConversations tests a decoder with each of conversations.
func testConversations(t *testing.T, w protocol.Wire, conversations []conversation) {
	t.Helper()
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := transcript(t, w.NewDecoder(c.limit), c.pieces...)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%.300q (-want +got):\n%s", c.pieces, diff)
			}
		})
	}
}

// testAnyCut is B1: cut in two at every place, and byte by byte, input gives the same messages and the same error.
func testAnyCut(t *testing.T, w protocol.Wire, limit int, input string) {
	t.Helper()
	decode := func(pieces ...string) []string { return transcript(t, w.NewDecoder(limit), pieces...) }
	want := decode(input)
	for i := range len(input) + 1 {
		if got := decode(input[:i], input[i:]); !slices.Equal(got, want) {
			t.Errorf("limit %d, %q, %q: got %q, want %q", limit, input[:i], input[i:], got, want)
		}
	}
	var bytewise []string
	for i := range len(input) {
		bytewise = append(bytewise, input[i:i+1])
	}
	if got := decode(bytewise...); !slices.Equal(got, want) {
		t.Errorf("limit %d, %q byte by byte: got %q, want %q", limit, input, got, want)
	}
}

// stream is three whole values and half of one, of each wire of values.
var stream = []struct {
	wire   protocol.Wire
	values []string
	half   string
	rest   string
}{
	{protocol.JSON{}, []string{`{"a":1}`, `[2,{}]`, `{"b":"}"}`}, `{"c":`, `3}`},
	{protocol.Pickle{}, []string{"K\x01.", "]q\x00(K\x01K\x02e.", "\x80\x02X\x02\x00\x00\x00hi."}, "X\x02\x00", "\x00\x00hi."},
}

// TestValueDecoder_hold: a handler may leave its loop at any message, and take it up again when the piece that the message
// came in belongs to somebody else.
func TestValueDecoder_hold(t *testing.T) {
	t.Parallel()
	for _, s := range stream {
		for n := range len(s.values) + 1 {
			d := s.wire.NewDecoder(0)
			piece := []byte(s.values[0] + s.values[1] + s.values[2] + s.half)
			d.Feed(piece)
			var got []string
			next := func() bool {
				msg, ok, err := d.Next()
				if err != nil {
					t.Fatalf("held behind %d: %v", n, err)
				}
				if ok {
					got = append(got, string(msg))
				}
				return ok
			}
			for range n {
				next()
			}
			d.Hold()
			for i := range piece {
				piece[i] = '#'
			}
			for next() {
			}
			if d.Pending() != protocol.Unfinished {
				t.Errorf("held behind %d: Pending = %v", n, d.Pending())
			}
			d.Feed([]byte(s.rest))
			for next() {
			}
			if want := append(slices.Clone(s.values), s.half+s.rest); !slices.Equal(got, want) {
				t.Errorf("held behind %d: got %q, want %q", n, got, want)
			}
		}
	}
}

// TestValueDecoder_append: who appends to a message, or changes it, does not touch the messages behind it.
func TestValueDecoder_append(t *testing.T) {
	t.Parallel()
	for _, s := range stream {
		d := s.wire.NewDecoder(0)
		d.Feed([]byte(s.values[0] + s.values[1] + s.values[2]))
		for _, want := range s.values {
			msg, ok, err := d.Next()
			if string(msg) != want || !ok || err != nil {
				t.Errorf("Next = %q, %v, %v; want %q", msg, ok, err, want)
			}
			clear(msg)
			_ = append(msg, "########"...)
		}
	}
}

// TestValueDecoder_valid: a message outlives what comes of the decoders of other clients, with which it shares buffers.
func TestValueDecoder_valid(t *testing.T) {
	t.Parallel()
	for _, s := range stream {
		var decoders []protocol.Decoder
		var messages [][]byte
		for range 8 {
			d := s.wire.NewDecoder(0)
			d.Feed([]byte(s.half))
			if _, ok, err := d.Next(); ok || err != nil {
				t.Fatalf("Next = %v, %v", ok, err)
			}
			decoders = append(decoders, d)
		}
		for _, d := range decoders {
			d.Feed([]byte(s.rest + s.half))
			msg, ok, err := d.Next()
			if !ok || err != nil {
				t.Fatalf("Next = %v, %v", ok, err)
			}
			messages = append(messages, msg)
		}
		for i, msg := range messages {
			if string(msg) != s.half+s.rest {
				t.Errorf("message %d = %q", i, msg)
			}
		}
	}
}

func TestValueDecoder_more(t *testing.T) {
	t.Parallel()
	for _, s := range stream {
		d := s.wire.NewDecoder(0)
		if d.More() {
			t.Error("More before the first piece")
		}
		d.Feed([]byte(s.values[0] + s.values[1] + s.half))
		for _, want := range []bool{true, true, false} {
			if got := d.More(); got != want {
				t.Errorf("More = %v, want %v", got, want)
			}
			if msg, ok, err := d.Next(); ok != want || err != nil {
				t.Errorf("Next = %q, %v, %v; More said %v", msg, ok, err, want)
			}
		}
	}
}

// TestValueDecoder_errors: an error is there to stay, and says which of the three it is.
func TestValueDecoder_errors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		wire  protocol.Wire
		input string
		want  error
	}{
		{protocol.JSON{}, "{]\n", protocol.ErrMalformed},
		{protocol.JSON{}, "{\"\n\"", protocol.ErrMalformed},
		{protocol.JSON{}, "[1,2,3,4,5]", protocol.ErrTooLong},
		{protocol.JSON{}, "[1", protocol.ErrUnfinished},
		{protocol.JSON{}, "tru", protocol.ErrMalformed},
		{protocol.Pickle{}, "cos\nsystem\n.", protocol.ErrMalformed},
		{protocol.Pickle{}, "K\x01e.", protocol.ErrMalformed},
		{protocol.Pickle{}, "X\x00\x00\x00\x80", protocol.ErrTooLong},
		{protocol.Pickle{}, "K\x01)))))))", protocol.ErrTooLong},
		{protocol.Pickle{}, "K\x01", protocol.ErrUnfinished},
	}
	for _, tt := range tests {
		d := tt.wire.NewDecoder(8)
		d.Feed([]byte(tt.input))
		_, ok, err := d.Next()
		if err == nil && !ok {
			_, ok, err = d.Finish()
		}
		for range 2 {
			if ok || !errors.Is(err, tt.want) {
				t.Errorf("%q: got %v, %v; want %v", tt.input, ok, err, tt.want)
			}
			if d.More() {
				t.Errorf("%q: More behind the error", tt.input)
			}
			if errors.Is(tt.want, protocol.ErrUnfinished) {
				_, ok, err = d.Finish()
			} else {
				_, ok, err = d.Next()
			}
		}
		if bytes.ContainsAny([]byte(err.Error()), "\n\r") {
			t.Errorf("%q: more than one line: %q", tt.input, err)
		}
	}
}
