package protocol_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/protocol"
)

// TestWires: what a wire writes, the same wire reads.
func TestWires(t *testing.T) {
	t.Parallel()
	greeting := protocol.Greeting{ClientID: 17, You: "203.0.113.9:51544", Me: "10.2.1.4:12000", Name: "pod-x", Handler: "echo"}
	tooLong := protocol.Error{Reason: "line_too_long", Limit: 8192}
	for name, w := range protocol.Wires {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := func(sent []byte) []byte {
				d := w.NewDecoder(8192)
				d.Feed(sent)
				msg, ok, err := d.Next()
				if !ok || err != nil {
					t.Fatalf("%q: Next = %v, %v", sent, ok, err)
				}
				return msg
			}
			msg := w.AppendGreeting(nil, greeting)
			if name != protocol.RawName {
				msg = first(msg)
			} else {
				msg = msg[:len(msg)-1] // The greeting is a line, also where messages are none.
			}
			if got, err := w.ParseGreeting(msg); got != greeting || err != nil {
				t.Errorf("greeting: got %+v, %v; want %+v", got, err, greeting)
			}
			if sent := w.AppendError(nil, tooLong); len(sent) > 0 {
				if got, ok := w.ParseError(first(sent)); got != tooLong || !ok {
					t.Errorf("error: got %+v, %v; want %+v", got, ok, tooLong)
				}
			}
			want := "hi there"
			if name == protocol.RawName {
				want += "\n"
			}
			if got := w.Text(first(w.AppendText(nil, "hi there"))); got != want {
				t.Errorf("text: got %q, want %q", got, want)
			}
		})
	}
}

func TestText_record(t *testing.T) {
	t.Parallel()
	fields := []protocol.Field{{Key: "clientid", Value: "17", Number: true}, {Key: "name", Value: "Ann Other"}, {Key: "none"}}
	if got, want := string(protocol.Text{}.AppendRecord([]byte("> "), "ACK", fields)), "> ACK clientid=17 name=Ann_Other\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := string(protocol.Raw{}.AppendRecord(nil, "ACK", fields)), "ACK clientid=17 name=Ann_Other\n"; got != want {
		t.Errorf("raw: got %q, want %q", got, want)
	}
}

func TestText_Fields(t *testing.T) {
	t.Parallel()
	tests := []struct {
		msg  string
		want []protocol.Field
	}{
		{"", nil},
		{"hi there", nil},
		{"=", nil},
		{"=value", nil},
		{"name=Ann", []protocol.Field{{Key: "name", Value: "Ann"}}},
		{"name= hi  email=a=b ", []protocol.Field{{Key: "name"}, {Key: "email", Value: "a=b"}}},
	}
	for _, tt := range tests {
		got, ok := protocol.Text{}.Fields([]byte(tt.msg))
		if diff := cmp.Diff(tt.want, got); diff != "" || ok != (tt.want != nil) {
			t.Errorf("%q: %v (-want +got):\n%s", tt.msg, ok, diff)
		}
	}
	if got, ok := (protocol.Raw{}).Fields([]byte("name=Ann")); got != nil || ok {
		t.Errorf("raw: got %v, %v", got, ok)
	}
}

func TestRaw_parse(t *testing.T) {
	t.Parallel()
	if got, ok := (protocol.Raw{}).ParseError([]byte("ERR idle_timeout")); ok {
		t.Errorf("ParseError = %+v, but there are no errors on the raw wire", got)
	}
}
