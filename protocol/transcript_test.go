package protocol_test

import (
	"strings"
	"testing"

	"parley/protocol"
)

// quiet among the pieces of a transcript says that the peer was quiet for the flush time.
const quiet = "(quiet)"

// An event is what a decoder returned: a message, or an error in its place.
type event struct {
	how  string // "quiet" and "end" of a message that silence or the end of the input ended, "error", else empty
	text string
}

// transcript writes down events as a table of tests has them.
func transcript(t testing.TB, d protocol.Decoder, pieces ...string) []string {
	t.Helper()
	var lines []string
	for _, e := range events(t, d, pieces...) {
		line := e.text
		if e.how != "" {
			line = e.how + ": " + line
		}
		lines = append(lines, line)
	}
	return lines
}

// events feeds a decoder with pieces as a reader of a socket does, ends the input, and returns what came of it.
//
// It holds the decoder to its promises on the way: every piece is overwritten as soon as the decoder must have let
// go of it, More announces every message, and a peer who has sent a newline behind a message is never Quiet again.
func events(t testing.TB, d protocol.Decoder, pieces ...string) []event {
	t.Helper()
	var out []event
	newline, lines := false, false
	for _, p := range pieces {
		if p == quiet {
			if d.Pending() != protocol.Quiet {
				continue
			}
			msg, ok, err := d.Finish()
			switch {
			case err != nil:
				return append(out, event{"error", err.Error()})
			case ok:
				out = append(out, event{"quiet", string(msg)})
			}
			if got := d.Pending(); got == protocol.Quiet {
				t.Errorf("pieces %q: Pending after Finish = %v", pieces, got)
			}
			continue
		}
		newline = newline || strings.Contains(p, "\n")
		piece := []byte(p)
		d.Feed(piece)
		for {
			more := d.More()
			msg, ok, err := d.Next()
			if err != nil {
				return append(out, event{"error", err.Error()})
			}
			if !ok {
				break
			}
			if !more {
				t.Errorf("pieces %q: More did not announce %q", pieces, msg)
			}
			out = append(out, event{"", string(msg)})
			lines = newline
		}
		for i := range piece {
			piece[i] = '#'
		}
		if lines && d.Pending() == protocol.Quiet {
			t.Errorf("pieces %q: Pending = Quiet behind a newline", pieces)
		}
	}
	msg, ok, err := d.Finish()
	switch {
	case err != nil:
		out = append(out, event{"error", err.Error()})
	case ok:
		out = append(out, event{"end", string(msg)})
	}
	return out
}
