package protocol_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/protocol"
)

const tooLong = "error: message too long"

func TestTextDecoder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		limit  int
		pieces []string
		want   []string
	}{
		{name: "nothing", pieces: nil, want: nil},
		{name: "empty piece", pieces: []string{"", ""}, want: nil},

		// What ends a line (B4).
		{name: "LF", pieces: []string{"a\nb\n"}, want: []string{"a", "b"}},
		{name: "CR LF", pieces: []string{"a\r\nb\r\n"}, want: []string{"a", "b"}},
		{name: "CR NUL", pieces: []string{"a\r\x00b\r\x00"}, want: []string{"a", "b"}},
		{name: "mixed", pieces: []string{"a\r\nb\nc\r\x00d"}, want: []string{"a", "b", "c", "end: d"}},
		{name: "lone CR", pieces: []string{"a\rb\n"}, want: []string{"a\rb"}},
		{name: "leading CR", pieces: []string{"\ra\n"}, want: []string{"\ra"}},
		{name: "several CRs", pieces: []string{"a\r\r\r\n"}, want: []string{"a"}},
		{name: "several CRs and NUL", pieces: []string{"a\r\r\x00"}, want: []string{"a"}},
		{name: "CRs alone", pieces: []string{"\r\r\n"}, want: []string{""}},
		{name: "lone NUL", pieces: []string{"\x00a\x00b\n\x00\n"}, want: []string{"\x00a\x00b", "\x00"}},
		{name: "NUL behind CR LF", pieces: []string{"a\r\n\x00b\n"}, want: []string{"a", "\x00b"}},
		{name: "NUL behind CR NUL", pieces: []string{"a\r\x00\x00b\n"}, want: []string{"a", "\x00b"}},
		{name: "blank lines", pieces: []string{"\n\r\n\r\x00\n"}, want: []string{"", "", "", ""}},
		{name: "CR, LF in the next piece", pieces: []string{"a\r", "\nb\n"}, want: []string{"a", "b"}},
		{name: "CR, NUL in the next piece", pieces: []string{"a\r", "\x00b\n"}, want: []string{"a", "b"}},
		{name: "CR, text in the next piece", pieces: []string{"a\r", "b\n"}, want: []string{"a\rb"}},
		{name: "CR, empty piece, NUL", pieces: []string{"a\r", "", "\x00"}, want: []string{"a"}},
		{name: "CRs a piece each", pieces: []string{"a", "\r", "\r", "\n"}, want: []string{"a"}},
		{name: "line in three pieces", pieces: []string{"a", "b", "c\nd\n"}, want: []string{"abc", "d"}},
		{name: "newline a piece", pieces: []string{"abc", "\n"}, want: []string{"abc"}},
		{name: "not UTF-8", pieces: []string{"\xc3\x28\xfe\n"}, want: []string{"\xc3\x28\xfe"}},

		// What stands unfinished at the end (B3).
		{name: "unfinished", pieces: []string{"a\nb"}, want: []string{"a", "end: b"}},
		{name: "unfinished in two pieces", pieces: []string{"a\nb", "c"}, want: []string{"a", "end: bc"}},
		{name: "unfinished behind CRs", pieces: []string{"a\r\r"}, want: []string{"end: a"}},
		{name: "unfinished lone CR", pieces: []string{"a\n\r"}, want: []string{"a", "end: "}},
		{name: "finished", pieces: []string{"a\n"}, want: []string{"a"}},

		// Silence.
		{name: "quiet", pieces: []string{"Test", quiet}, want: []string{"quiet: Test"}},
		{name: "quiet in two pieces", pieces: []string{"Te", "st", quiet}, want: []string{"quiet: Test"}},
		{name: "quiet twice", pieces: []string{"a", quiet, quiet, "b", quiet}, want: []string{"quiet: a", "quiet: b"}},
		{name: "quiet, then the end", pieces: []string{"a", quiet, "b"}, want: []string{"quiet: a", "end: b"}},
		{name: "quiet before anything", pieces: []string{quiet, "a\n"}, want: []string{"a"}},
		{name: "quiet behind a newline", pieces: []string{"a\nb", quiet, "c\n"}, want: []string{"a", "bc"}},
		{name: "quiet at a newline", pieces: []string{"a\n", quiet, "b", quiet, "\n"}, want: []string{"a", "b"}},
		{name: "late LF", pieces: []string{"Test", quiet, "\n", "again\n"}, want: []string{"quiet: Test", "again"}},
		{name: "late CR LF", pieces: []string{"Test", quiet, "\r\nagain\n"}, want: []string{"quiet: Test", "again"}},
		{name: "late CR NUL", pieces: []string{"Test", quiet, "\r\x00", "\n"}, want: []string{"quiet: Test", ""}},
		{name: "late LF, blank line", pieces: []string{"Test", quiet, "\n\n"}, want: []string{"quiet: Test", ""}},
		{name: "CR, late LF", pieces: []string{"Test\r", quiet, "\n", "\n"}, want: []string{"quiet: Test", ""}},
		{name: "CR, late NUL", pieces: []string{"Test\r", quiet, "\x00\n"}, want: []string{"quiet: Test", ""}},
		{name: "late LF in pieces", pieces: []string{"Test", quiet, "\r", "\n", "x"}, want: []string{"quiet: Test", "end: x"}},
		{name: "late CR, LF and text", pieces: []string{"a", quiet, "\r", "\nb\nc\n"}, want: []string{"quiet: a", "b", "c"}},
		{name: "late CR, LF and unfinished", pieces: []string{"a", quiet, "\r", "\nb"}, want: []string{"quiet: a", "end: b"}},
		{name: "text behind silence", pieces: []string{"a", quiet, "b\n\n"}, want: []string{"quiet: a", "b", ""}},
		{name: "late LF behind a command", pieces: []string{"a", quiet, "\xff\xf1\n\n"}, want: []string{"quiet: a", ""}},
		// A late newline whose CR and LF are further apart than the flush time was once taken for an empty line.
		{name: "late CR, later LF", pieces: []string{"Test", quiet, "\r", quiet, "\n", "x\n"}, want: []string{"quiet: Test", "x"}},
		{name: "late CR, then the end", pieces: []string{"Test", quiet, "\r"}, want: []string{"quiet: Test"}},
		{name: "late CR, later text", pieces: []string{"a", quiet, "\r", quiet, "b\n"}, want: []string{"quiet: a", "b"}},
		{name: "CR and silence", pieces: []string{"\r", quiet, "\n"}, want: []string{"quiet: "}},

		// Limits (B8).
		{name: "below the limit", limit: 4, pieces: []string{"abc\n"}, want: []string{"abc"}},
		{name: "at the limit", limit: 4, pieces: []string{"abcd\n"}, want: []string{"abcd"}},
		{name: "above the limit", limit: 4, pieces: []string{"abcde\n"}, want: []string{tooLong}},
		{name: "at the limit, CR LF", limit: 4, pieces: []string{"abcd\r\n"}, want: []string{"abcd"}},
		{name: "at the limit, CR NUL", limit: 4, pieces: []string{"abcd\r\x00"}, want: []string{"abcd"}},
		{name: "above the limit, CR LF", limit: 4, pieces: []string{"abcde\r\n"}, want: []string{tooLong}},
		{name: "above the limit by a CR", limit: 4, pieces: []string{"abcd\r\r\n"}, want: []string{tooLong}},
		{name: "above the limit behind a CR", limit: 4, pieces: []string{"abcd\re\n"}, want: []string{tooLong}},
		{name: "CR at the limit", limit: 4, pieces: []string{"abc\r\r\n"}, want: []string{"abc"}},
		{name: "unfinished at the limit", limit: 4, pieces: []string{"abcd"}, want: []string{"end: abcd"}},
		{name: "unfinished at the limit, CR", limit: 4, pieces: []string{"abcd\r"}, want: []string{"end: abcd"}},
		{name: "unfinished above the limit", limit: 4, pieces: []string{"abcde"}, want: []string{tooLong}},
		{name: "unfinished above the limit in pieces", limit: 4, pieces: []string{"abcd", "e"}, want: []string{tooLong}},
		{name: "unfinished CR above the limit", limit: 4, pieces: []string{"abcd\r\r"}, want: []string{tooLong}},
		{name: "blank lines and a limit", limit: 1, pieces: []string{"\n\r\na\n"}, want: []string{"", "", "a"}},
		{name: "messages before the error", limit: 4, pieces: []string{"a\nb\nabcde"}, want: []string{"a", "b", tooLong}},
		{name: "each line by itself", limit: 4, pieces: []string{"abcd\nabcd\nab", "cd\n"}, want: []string{"abcd", "abcd", "abcd"}},
		{name: "commands do not count", limit: 4, pieces: []string{"ab\xff\xfd\x06\xff\xf1cd\n"}, want: []string{"abcd"}},
		{name: "silence and the limit", limit: 4, pieces: []string{"abcd", quiet, "efgh", quiet}, want: []string{"quiet: abcd", "quiet: efgh"}},

		// Telnet (B5).
		{name: "negotiation", pieces: []string{"\xff\xfb\x18\xff\xfc\x18\xff\xfd\x18\xff\xfe\x18a\n"}, want: []string{"a"}},
		{name: "negotiation within a line", pieces: []string{"a\xff\xfd\x03b\n"}, want: []string{"ab"}},
		{name: "two-byte commands", pieces: []string{"\xff\xf1a\xff\xf6b\xff\xf9\n"}, want: []string{"ab"}},
		{name: "Ctrl-C", pieces: []string{"a\xff\xf4\xff\xfd\x06b\n"}, want: []string{"ab"}},
		{name: "option that is a newline", pieces: []string{"a\xff\xfd\nb\n"}, want: []string{"ab"}},
		{name: "option that is a CR", pieces: []string{"a\xff\xfb\r\x00b\n"}, want: []string{"a\x00b"}},
		{name: "option that is 255", pieces: []string{"a\xff\xfd\xffb\n"}, want: []string{"ab"}},
		{name: "subnegotiation", pieces: []string{"a\xff\xfa\x18\x00xterm\n\xff\xf0b\n"}, want: []string{"ab"}},
		{name: "subnegotiation with 255", pieces: []string{"a\xff\xfa\x1f\xff\xff\x50\xff\xf0b\n"}, want: []string{"ab"}},
		{name: "command within a subnegotiation", pieces: []string{"a\xff\xfa\x1f\xff\xf1\xff\xf0b\n"}, want: []string{"ab"}},
		{name: "end of no subnegotiation", pieces: []string{"a\xff\xf0b\n"}, want: []string{"ab"}},
		{name: "unfinished subnegotiation", pieces: []string{"a\n\xff\xfa\x18bcd"}, want: []string{"a"}},
		{
			name:   "longest subnegotiation",
			pieces: []string{"a\xff\xfa" + strings.Repeat("x", 1024-2) + "\xff\xf0b\n"}, want: []string{"ab"},
		},
		{
			name:   "two long subnegotiations",
			pieces: []string{strings.Repeat("\xff\xfa"+strings.Repeat("x", 1000)+"\xff\xf0", 2) + "a\n"}, want: []string{"a"},
		},
		{
			name:   "over-long subnegotiation",
			pieces: []string{"a\xff\xfa" + strings.Repeat("x", 1024) + "yb\nc\n"}, want: []string{"ab", "c"},
		},
		{
			name:   "over-long subnegotiation of commands",
			pieces: []string{"\xff\xfa" + strings.Repeat("\xff\xf1", 1024) + "xb\n"}, want: []string{"b"},
		},
		{name: "IAC IAC", pieces: []string{"a\xff\xffb\n"}, want: []string{"ab"}},
		{name: "stray 255", pieces: []string{"a\xffb\n"}, want: []string{"ab"}},
		{name: "stray 255 before a newline", pieces: []string{"a\xff\nb\n"}, want: []string{"a", "b"}},
		{name: "stray 255 at the end", pieces: []string{"a\xff"}, want: []string{"end: a"}},
		{name: "three stray 255", pieces: []string{"a\xff\xff\xffb\n"}, want: []string{"ab"}},
		{name: "command between CR and LF", pieces: []string{"a\r\xff\xf1\nb\n"}, want: []string{"a", "b"}},
		{name: "command between CR and NUL", pieces: []string{"a\r\xff\xf1\x00b\n"}, want: []string{"a", "b"}},
		{name: "stray 255 between CR and NUL", pieces: []string{"a\r\xff\x00b\n"}, want: []string{"a", "b"}},
		{name: "commands alone", pieces: []string{"\xff\xfd\x03\xff\xf1"}, want: nil},
		{name: "command cut", pieces: []string{"a\xff", "\xfd", "\nb\n"}, want: []string{"ab"}},
		{name: "silence within a command", pieces: []string{"a\xff", quiet, "\xfd\nb\n"}, want: []string{"quiet: a", "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := transcript(t, protocol.Text{}.NewDecoder(tt.limit), tt.pieces...)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", tt.pieces, diff)
			}
		})
	}
}

// corpus is what TestTextDecoder_anyCut cuts. The limit of each is met exactly, missed by one, or none.
var corpus = []struct {
	limit int
	input string
}{
	{0, "hi\nthere\r\nyou\r\x00all\n"},
	{0, "a\rb\r\r\nc\r\r\x00\r\n\n\n\r"},
	{0, "\x00a\x00\r\x00\x00\n"},
	{0, "unfinished"},
	{0, "unfinished\r\r"},
	{0, "a\xff\xf4\xff\xfd\x06b\r\n\xff\xfd\nc\xff\xff\xff\n\xff\xfb\r\x00"},
	{0, "a\xff\xfa\x18\x00xterm\n\xff\xff\xff\xf1\xff\xf0b\r\xff\xf1\x00c\xff"},
	{0, "a\xff\xfa" + strings.Repeat("x", 1024-2) + "\xff\xf0b\n"},
	{0, "a\xff\xfa" + strings.Repeat("x", 1024-1) + "\xff\xf0b\n"},
	{0, "a\xff\xfa" + strings.Repeat("\xff\xfa", 1024) + "xyz\n"},
	{4, "abcd\nabcd\r\nabcd\r\x00abc\r\r\nabcd\r"},
	{4, "a\nabcde\n"},
	{4, "a\nabcd\r\r\n"},
	{4, "a\nabcd\re\n"},
	{4, "a\nabcde"},
	{4, "a\nabcd\xff\xf1\re"},
	{1, "a\n\n\r\nb\r\n\xff\xfd\x03c\xff"},
}

// TestTextDecoder_anyCut is B1: the network may cut the input anywhere.
func TestTextDecoder_anyCut(t *testing.T) {
	t.Parallel()
	for _, c := range corpus {
		decode := func(pieces ...string) []string {
			return transcript(t, protocol.Text{}.NewDecoder(c.limit), pieces...)
		}
		want := decode(c.input)
		for i := range len(c.input) + 1 {
			if got := decode(c.input[:i], c.input[i:]); !slices.Equal(got, want) {
				t.Errorf("limit %d, %q, %q: got %q, want %q", c.limit, c.input[:i], c.input[i:], got, want)
			}
		}
		var bytewise []string
		for i := range len(c.input) {
			bytewise = append(bytewise, c.input[i:i+1])
		}
		if got := decode(bytewise...); !slices.Equal(got, want) {
			t.Errorf("limit %d, %q byte by byte: got %q, want %q", c.limit, c.input, got, want)
		}
	}
}

// TestTextDecoder_laterCut is the rest of B1: behind the first newline the pieces may come at any distance.
func TestTextDecoder_laterCut(t *testing.T) {
	t.Parallel()
	const first, rest = "first\n", "a\r\nb\xff\xfd\x03c\n\n\r\x00d"
	want := transcript(t, protocol.Text{}.NewDecoder(0), first+rest)
	pieces := []string{first, quiet}
	for i := range len(rest) {
		pieces = append(pieces, rest[i:i+1], quiet)
	}
	if diff := cmp.Diff(want, transcript(t, protocol.Text{}.NewDecoder(0), pieces...)); diff != "" {
		t.Errorf("(-whole +pieces):\n%s", diff)
	}
}

func TestTextDecoder_pending(t *testing.T) {
	t.Parallel()
	tests := []struct {
		input string
		want  protocol.Pending
	}{
		{"", protocol.Nothing},
		{"a", protocol.Quiet},
		{"\r", protocol.Quiet},
		{"a\n", protocol.Nothing},
		{"a\nb", protocol.Unfinished},
		{"a\n\r", protocol.Unfinished},
		{"\xff\xfd\x03", protocol.Nothing},
		{"\xff\xfd\x03a", protocol.Quiet},
		// Silence makes no message of half a command, but the message timeout runs.
		{"\xff", protocol.Unfinished},
		{"\xff\xfd", protocol.Unfinished},
		{"\xff\xfa\x18", protocol.Unfinished},
		{"\xff\xfa\x18\xff", protocol.Unfinished},
		{"\xff\xfa\x18\xff\xf0", protocol.Nothing},
		{"a\xff", protocol.Quiet},
		{"a\n\xff", protocol.Unfinished},
	}
	for _, tt := range tests {
		d := protocol.Text{}.NewDecoder(0)
		d.Feed([]byte(tt.input))
		for ok := true; ok; {
			_, ok, _ = d.Next()
		}
		if got := d.Pending(); got != tt.want {
			t.Errorf("%q: Pending = %v, want %v", tt.input, got, tt.want)
		}
		if _, _, err := d.Finish(); err != nil {
			t.Errorf("%q: Finish: %v", tt.input, err)
		}
		if got := d.Pending(); got == protocol.Quiet {
			t.Errorf("%q: Pending after Finish = %v", tt.input, got)
		}
	}
}

func TestTextDecoder_more(t *testing.T) {
	t.Parallel()
	d := protocol.Text{}.NewDecoder(4)
	if d.More() {
		t.Error("More before the first piece")
	}
	d.Feed([]byte("a\nb\nabcde"))
	for _, want := range []bool{true, true, false} {
		if got := d.More(); got != want {
			t.Errorf("More = %v, want %v", got, want)
		}
		msg, ok, err := d.Next()
		if ok != want {
			t.Errorf("Next = %q, %v, %v; More said %v", msg, ok, err, want)
		}
	}
}

// TestTextDecoder_hold: a handler may leave its loop at any message, and take it up again when the piece that the message
// came in belongs to somebody else.
func TestTextDecoder_hold(t *testing.T) {
	t.Parallel()
	const input = "a\nb\r\nc\n\nun"
	want := []string{"a", "b", "c", ""}
	for n := range len(want) + 1 {
		d := protocol.Text{}.NewDecoder(0)
		piece := []byte(input)
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
		d.Feed([]byte("finished"))
		for next() {
		}
		if !slices.Equal(got, want) {
			t.Errorf("held behind %d: got %q, want %q", n, got, want)
		}
		if msg, ok, err := d.Finish(); string(msg) != "unfinished" || !ok || err != nil {
			t.Errorf("held behind %d: Finish = %q, %v, %v", n, msg, ok, err)
		}
	}
}

// TestTextDecoder_valid: a message outlives what comes of the decoders of other clients, with which it shares buffers.
func TestTextDecoder_valid(t *testing.T) {
	t.Parallel()
	const clients = 8
	decoders := make([]protocol.Decoder, clients)
	messages := make([][]byte, clients)
	for i := range decoders {
		d := protocol.Text{}.NewDecoder(0)
		d.Feed(bytes.Repeat([]byte{byte('a' + i)}, 100))
		if _, ok, err := d.Next(); ok || err != nil {
			t.Fatalf("Next = %v, %v", ok, err)
		}
		decoders[i] = d
	}
	for i, d := range decoders {
		d.Feed([]byte("\nmore"))
		msg, ok, err := d.Next()
		if !ok || err != nil {
			t.Fatalf("Next = %v, %v", ok, err)
		}
		messages[i] = msg
	}
	for i, msg := range messages {
		if want := bytes.Repeat([]byte{byte('a' + i)}, 100); !bytes.Equal(msg, want) {
			t.Errorf("message %d = %q", i, msg)
		}
	}
}

// TestTextDecoder_append: who appends to a message once overwrote the messages behind it.
func TestTextDecoder_append(t *testing.T) {
	t.Parallel()
	d := protocol.Text{}.NewDecoder(0)
	d.Feed([]byte("one\r\ntwo\nthree\n"))
	for _, want := range []string{"one", "two", "three"} {
		msg, ok, err := d.Next()
		if string(msg) != want || !ok || err != nil {
			t.Errorf("Next = %q, %v, %v; want %q", msg, ok, err, want)
		}
		_ = append(msg, "########"...)
	}
}

// TestTextDecoder_largeLine: the buffer of a large line does not stay with the next client's single byte. It shows only in that
// nothing breaks; what is kept is not to be seen from here.
func TestTextDecoder_largeLine(t *testing.T) {
	t.Parallel()
	want := strings.Repeat("x", 100_000)
	d := protocol.Text{}.NewDecoder(len(want))
	got := transcript(t, d, want[:1], want[1:50_000], want[50_000:], "\nabc", "def\n")
	if !slices.Equal(got, []string{want, "abcdef"}) {
		t.Errorf("got %d messages, %.30q", len(got), got)
	}
}

func TestTextDecoder_tooLong(t *testing.T) {
	t.Parallel()
	d := protocol.Text{}.NewDecoder(4)
	d.Feed([]byte("abcde"))
	if _, ok, err := d.Next(); ok || !errors.Is(err, protocol.ErrTooLong) {
		t.Errorf("Next = %v, %v; want ErrTooLong", ok, err)
	}
}

func TestText_append(t *testing.T) {
	t.Parallel()
	var w protocol.Wire = protocol.Text{}
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"greeting", w.AppendGreeting([]byte("> "), protocol.Greeting{ClientID: 7, Name: "pod-x"}), "> HELLO clientid=7 name=pod-x\n"},
		{"error", w.AppendError([]byte("> "), protocol.Error{Reason: "idle_timeout"}), "> ERR idle_timeout\n"},
		{"text", w.AppendText([]byte("> "), "hi"), "> hi\n"},
		{"empty text", w.AppendText(nil, ""), "\n"},
		{"echo", w.AppendEcho([]byte("> "), "ECHO: ", []byte("hi")), "> ECHO: hi\n"},
		{"echo of nothing", w.AppendEcho(nil, "", nil), "\n"},
	}
	for _, tt := range tests {
		if string(tt.got) != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	if w.Verbatim() {
		t.Error("Verbatim, but a newline is added")
	}
}
