package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"parley/client"
	"parley/protocol"
)

// maxFuzzed bounds messages, so that small inputs reach the limit.
const maxFuzzed = 512

// transcript is what a client makes of what a server says, however that was cut: the wire, the greeting and the messages.
func transcript(t *testing.T, wire string, pieces ...[]byte) []string {
	t.Helper()
	conn, err := client.Dialer{Wire: wire, MaxMessage: maxFuzzed}.Converse(context.Background(), &tape{pieces: pieces})
	if err != nil {
		checkError(t, err)
		return []string{err.Error()[:len(client.Wrong)]} // How long it took, and how much was there to be quoted, may differ.
	}
	said := []string{conn.Wire()}
	greeting, err := conn.Greeting()
	switch {
	case err == nil:
		said = append(said, protocol.Text{}.Text(protocol.Text{}.AppendGreeting(nil, greeting)))
	case errors.Is(err, client.ErrSilent), errors.Is(err, protocol.ErrNoGreeting):
		said = append(said, "no greeting")
	default:
		t.Fatalf("greeting: %v", err)
	}
	for {
		msg, err := conn.Receive(context.Background())
		if errors.Is(err, io.EOF) {
			return said
		}
		e, ok := errors.AsType[*client.Error](err)
		if err != nil {
			checkError(t, err)
		}
		if err != nil && (!ok || e.Kind != client.Told) {
			return append(said, string(e.Kind))
		}
		if len(msg) > maxFuzzed && conn.Wire() != protocol.RawName {
			t.Fatalf("a message of %d bytes", len(msg))
		}
		said = append(said, conn.Text(msg))
	}
}

// checkError checks that an error is one of ours, and fit to be printed.
func checkError(t testing.TB, err error) {
	t.Helper()
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		t.Fatalf("%v is no *client.Error", err)
	}
	if e.Kind == client.Failed {
		t.Fatalf("nothing was wrong here, and it is %v", err)
	}
	for _, r := range e.Error() {
		if r < ' ' || r > '~' {
			t.Fatalf("%q has %q in it", e.Error(), r)
		}
	}
}

// FuzzRecognise checks that what is recognised by the first bytes does not change with those behind them, and that the greeting and
// all that follows are the same however the bytes were cut.
func FuzzRecognise(f *testing.F) {
	for _, wire := range protocol.Wires {
		text := wire.AppendText(wire.AppendGreeting(nil, greeting), "one")
		f.Add(text, uint(3))
		f.Add(wire.AppendError(nil, protocol.Error{Reason: "server_full", Limit: 5}), uint(1))
		f.Add(bytes.Replace(text, []byte("7"), []byte("\x1b[2J"), 1), uint(7))
	}
	f.Add([]byte("SSH-2.0-OpenSSH_9.2\r\n"), uint(0))
	f.Add([]byte("HELLO clientid="+string(bytes.Repeat([]byte("1"), 2*maxFuzzed))), uint(1))
	f.Fuzz(func(t *testing.T, said []byte, cut uint) {
		found := ""
		for n := range said {
			now := client.Recognise(said[:n])
			if found != "" && now != found {
				t.Fatalf("%q is %s, and %q is %q", said[:n-1], found, said[:n], now)
			}
			found = now
		}
		at := int(cut % uint(len(said)+1))
		for _, wire := range []string{"", protocol.TextName, protocol.JSONName, protocol.PickleName, protocol.RawName} {
			whole := transcript(t, wire, bytes.Clone(said))
			pieces := transcript(t, wire, bytes.Clone(said[:at]), bytes.Clone(said[at:]))
			var single [][]byte
			for i := range said {
				single = append(single, []byte{said[i]})
			}
			bytewise := transcript(t, wire, single...)
			compare(t, wire, whole, pieces)
			compare(t, wire, whole, bytewise)
		}
	})
}

// compare compares transcripts; on the raw wire a message is what one read returned.
func compare(t *testing.T, wire string, want, got []string) {
	t.Helper()
	if want[0] == protocol.RawName && got[0] == protocol.RawName {
		want, got = joined(want), joined(got)
	}
	if len(want) != len(got) {
		t.Fatalf("asked for %q: got %q, want %q", wire, got, want)
	}
	for i := range want {
		if want[i] != got[i] {
			t.Fatalf("asked for %q: got %q, want %q", wire, got, want)
		}
	}
}

// joined puts the pieces of raw together.
func joined(said []string) []string {
	all := said[:2:2]
	var pieces []byte
	for _, piece := range said[2:] {
		pieces = append(pieces, piece...)
	}
	return append(all, string(pieces))
}

// FuzzHandshake: whatever a server says instead of a TLS handshake, it is of kind tls, and what is said of it can be printed.
func FuzzHandshake(f *testing.F) {
	f.Add([]byte(hello), uint(3))
	f.Add([]byte(serverHello11), uint(5))
	f.Add([]byte("\x15\x03\x03\x00\x02\x02\x74"), uint(0)) // an alert: certificate_required
	f.Add([]byte("\x16\x03\x03\x00\x04\x63\x00\x00\x00"), uint(9))
	f.Add([]byte("\x80\x2e\x01\x00\x02"), uint(1)) // as SSL 2.0 begins
	f.Add([]byte("\x1b[2J\r\n"), uint(1))
	f.Fuzz(func(t *testing.T, said []byte, cut uint) {
		at := int(cut % uint(len(said)+1))
		server := &tape{pieces: [][]byte{bytes.Clone(said[:at]), bytes.Clone(said[at:])}}
		conn, err := client.Dialer{TLS: &client.TLSConfig{Insecure: true}}.Converse(context.Background(), server)
		if err == nil {
			conn.Close()
			t.Fatalf("%q is a handshake", said)
		}
		checkError(t, err)
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Kind != client.BadTLS || e.Phase != client.TLS {
			t.Fatalf("%q: %v", said, err)
		}
	})
}
