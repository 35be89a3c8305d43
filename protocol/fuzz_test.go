package protocol_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"parley/protocol"
)

// FuzzTextDecoder cuts input into pieces of the lengths in cuts. Cutting changes nothing, silence between the pieces only
// divides messages, and each message is clean enough to be sent back and to be read again as what it was.
func FuzzTextDecoder(f *testing.F) {
	for _, c := range corpus {
		if len(c.input) > 100 {
			continue // The fuzzer would spend its time on making them smaller.
		}
		for _, cuts := range []string{"", "\x01\x01\x01\x01\x01\x01\x01\x01", "\x03\x00\x02\x05\xff"} {
			f.Add([]byte(c.input), []byte(cuts), uint16(c.limit))
		}
	}
	f.Add([]byte("Test\r\nagain\n"), []byte("\x04\x01\x01"), uint16(0))
	f.Fuzz(func(t *testing.T, input, cuts []byte, limit uint16) {
		pieces := cut(string(input), cuts)
		decoder := func(limit uint16) protocol.Decoder { return protocol.Text{}.NewDecoder(int(limit)) }

		whole := events(t, decoder(limit), string(input))
		if inPieces := events(t, decoder(limit), pieces...); !slices.Equal(whole, inPieces) {
			t.Fatalf("%q\nas %q\nwhole: %q\ncut:   %q", input, pieces, whole, inPieces)
		}
		again(t, messages(t, whole, int(limit)), int(limit))

		var withSilence []string
		for _, p := range pieces {
			withSilence = append(withSilence, p, quiet)
		}
		divided := events(t, decoder(0), withSilence...)
		// A CR may stand within a line, and yet at the end of what silence makes of it.
		text := func(events []event) string {
			return strings.ReplaceAll(strings.Join(messages(t, events, 0), ""), "\r", "")
		}
		if text(divided) != text(events(t, decoder(0), string(input))) {
			t.Fatalf("%q\nas %q\nwith silence: %q", input, pieces, divided)
		}
	})
}

// cut cuts input into pieces of the lengths in lengths, and a last one.
func cut(input string, lengths []byte) []string {
	var pieces []string
	for _, n := range lengths {
		n := min(int(n), len(input))
		pieces = append(pieces, input[:n])
		input = input[n:]
	}
	return append(pieces, input)
}

// messages returns the messages among events, and checks that none has in it what no message may have.
func messages(t *testing.T, events []event, limit int) []string {
	t.Helper()
	var msgs []string
	for _, e := range events {
		msg := e.text
		switch {
		case e.how == "error":
			continue
		case strings.Contains(msg, "\n"):
			t.Errorf("newline in %q", msg)
		case strings.Contains(msg, "\r\x00"):
			t.Errorf("CR NUL in %q", msg)
		case strings.HasSuffix(msg, "\r"):
			t.Errorf("CR at the end of %q", msg)
		case strings.Contains(msg, "\xff"):
			t.Errorf("255 in %q", msg)
		case limit > 0 && len(msg) > limit:
			t.Errorf("%d bytes, limit %d: %q", len(msg), limit, msg)
		}
		msgs = append(msgs, msg)
	}
	return msgs
}

// again writes messages as an echo does and reads them again.
func again(t *testing.T, msgs []string, limit int) {
	t.Helper()
	var stream []byte
	for _, msg := range msgs {
		stream = protocol.Text{}.AppendEcho(stream, "", []byte(msg))
	}
	if got := transcript(t, protocol.Text{}.NewDecoder(limit), string(stream)); !slices.Equal(got, msgs) {
		t.Fatalf("%q\nread again: %q", msgs, got)
	}
}

// oneLine checks that line is a line of printable ASCII, and cuts off its newline.
func oneLine(t *testing.T, line []byte) []byte {
	t.Helper()
	text, ended := bytes.CutSuffix(line, []byte("\n"))
	if !ended || bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Fatalf("no line of printable ASCII: %q", line)
	}
	return text
}

// FuzzGreeting: what is taken for a greeting is written again as one that says the same, and every greeting that can be written
// is one line that is read again.
func FuzzGreeting(f *testing.F) {
	f.Add([]byte("HELLO clientid=17 you=203.0.113.9:51544 me=10.2.1.4:12000 name=pod-x handler=echo"), uint64(17),
		"203.0.113.9:51544", "10.2.1.4:12000", "pod-x", "echo")
	f.Add([]byte("HELLO  name=a=b clientid=007 tls handler= you clientid=1"), uint64(0), "", "", "", "")
	f.Add([]byte("HELLO clientid=1 name=a\u00a0me=\u0085\u2028 you=\xff"), uint64(1<<64-1), "unix", "/run/my socket", "a\nb", "é\x7f\xff")
	f.Fuzz(func(t *testing.T, line []byte, id uint64, you, me, name, handler string) {
		if g, err := protocol.ParseGreeting(line); err == nil {
			sameGreeting(t, g, g)
		}
		clean := func(s string) string {
			b := []byte(s)
			for i := range b {
				if b[i] <= ' ' || b[i] > '~' {
					b[i] = '_'
				}
			}
			return string(b)
		}
		sameGreeting(t, protocol.Greeting{ClientID: id, You: you, Me: me, Name: name, Handler: handler},
			protocol.Greeting{ClientID: id, You: clean(you), Me: clean(me), Name: clean(name), Handler: clean(handler)})
		sameGreeting(t, protocol.Greeting{ClientID: id, Via: you, TLS: me, SNI: name, ALPN: handler, ClientCN: name, Fault: you},
			protocol.Greeting{ClientID: id, Via: clean(you), TLS: clean(me), SNI: clean(name), ALPN: clean(handler), ClientCN: clean(name), Fault: clean(you)})
	})
}

// sameGreeting writes g and expects to read want.
func sameGreeting(t *testing.T, g, want protocol.Greeting) {
	t.Helper()
	line := protocol.Text{}.AppendGreeting(nil, g)
	got, err := protocol.ParseGreeting(oneLine(t, line))
	if err != nil || got != want {
		t.Fatalf("wrote %q, read %+v, %v; want %+v", line, got, err, want)
	}
}

// FuzzError is for errors what FuzzGreeting is for greetings.
func FuzzError(f *testing.F) {
	f.Add([]byte("ERR line_too_long limit=8192"), "line_too_long", int64(8192))
	f.Add([]byte("ERR x after=5s limit=07 limit=-1 limit=99999999999999999999"), "idle_timeout", int64(0))
	f.Add([]byte("ERR x\u00a0limit=1\u2028"), "two\nlines é", int64(-1<<63))
	f.Fuzz(func(t *testing.T, line []byte, reason string, limit int64) {
		if e, ok := protocol.ParseError(line); ok {
			if got := readAgain(t, e); got != e {
				t.Fatalf("%q: read again as %+v", line, got)
			}
		}
		if reason == "" {
			return
		}
		got := readAgain(t, protocol.Error{Reason: reason, Limit: limit})
		if len(got.Reason) != len(reason) || got.Limit != limit {
			t.Fatalf("%q, %d: read %+v", reason, limit, got)
		}
	})
}

// readAgain writes e and returns what is read.
func readAgain(t *testing.T, e protocol.Error) protocol.Error {
	t.Helper()
	line := oneLine(t, protocol.Text{}.AppendError(nil, e))
	if string(line) != e.Error() {
		t.Fatalf("the wire says %q, Error %q", line, e.Error())
	}
	got, ok := protocol.ParseError(line)
	if !ok {
		t.Fatalf("%+v is written as %q, which is no error", e, line)
	}
	return got
}
