package protocol_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/protocol"
)

func TestRawDecoder(t *testing.T) {
	t.Parallel()
	pieces := []string{"\x00\xff\xfd\n", "", "a\r\nb", "\r"}
	want := []string{"\x00\xff\xfd\n", "a\r\nb", "\r"}
	got := transcript(t, protocol.Raw{}.NewDecoder(1), pieces...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRawDecoder_hold(t *testing.T) {
	t.Parallel()
	d := protocol.Raw{}.NewDecoder(0)
	if d.More() {
		t.Error("More before the first piece")
	}
	piece := []byte("abc")
	d.Feed(piece)
	d.Hold()
	copy(piece, "###")
	if !d.More() {
		t.Error("More = false behind Hold")
	}
	if msg, ok, err := d.Next(); string(msg) != "abc" || !ok || err != nil {
		t.Errorf("Next = %q, %v, %v", msg, ok, err)
	}
	if d.More() || d.Pending() != protocol.Nothing {
		t.Errorf("More = %v, Pending = %v behind the message", d.More(), d.Pending())
	}
	d.Hold()
	if msg, ok, err := d.Next(); ok || err != nil {
		t.Errorf("Next = %q, %v, %v behind the message", msg, ok, err)
	}
}

func TestRaw_append(t *testing.T) {
	t.Parallel()
	var w protocol.Wire = protocol.Raw{}
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"greeting", w.AppendGreeting([]byte("> "), protocol.Greeting{ClientID: 7}), "> HELLO clientid=7\n"},
		{"error", w.AppendError([]byte("> "), protocol.Error{Reason: "idle_timeout"}), "> "},
		{"text", w.AppendText([]byte("> "), "hi"), "> hi\n"},
		{"echo", w.AppendEcho([]byte("> "), "ECHO: ", []byte("\x00\n")), "> ECHO: \x00\n"},
	}
	for _, tt := range tests {
		if string(tt.got) != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	if !w.Verbatim() {
		t.Error("not Verbatim, but nothing is added")
	}
}
