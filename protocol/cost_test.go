package protocol_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/protocol"
)

// TestHostileCost is B11: what a hostile message costs, all in all, beyond its own bytes. It is not parallel, as it counts what
// the whole process allocates.
func TestHostileCost(t *testing.T) {
	const kib = 1 << 10
	const values = 200 * 8 * kib
	// The target is 1 ms. The rest is for a machine that is busy with other tests.
	most := 20 * time.Millisecond
	if raceDetector {
		most *= 20 // It makes memory dear.
	}
	pickle, json := protocol.Pickle{}, protocol.JSON{}
	integer := strings.Repeat("7", 1_000_000)
	repeat := strings.Repeat
	var keys, pairs, read, indexes strings.Builder
	for i := range 2000 {
		keys.WriteString("M" + string([]byte{byte(i), byte(i >> 8)}) + "N")
	}
	for i := range 60 {
		pairs.WriteString("h" + string(rune(i)) + "h" + string(rune(i)) + "\x86\x94")
	}
	for i := range 1200 {
		read.WriteString("K\x01\x94j" + string([]byte{byte(i), byte(i >> 8), 0, 0}))
		indexes.WriteString("j" + string([]byte{byte(i), byte(i >> 8), 0, 0}))
	}
	text := func(n int) string { return "X" + string([]byte{byte(n), byte(n >> 8), 0, 0}) + repeat("\x01", n) }
	var twenty strings.Builder
	for i := range 20 {
		twenty.WriteString("K" + string([]byte{byte(i)}) + "N")
	}
	tests := []struct {
		name  string
		wire  protocol.Wire
		input string
		bytes uint64
	}{
		{"announced 2^31", pickle, "X\x00\x00\x00\x80", 64 * kib},
		{"announced 2^31, bytes", pickle, "B\x00\x00\x00\x80", 64 * kib},
		{"announced 2^31, integer", pickle, "\x8b\x00\x00\x00\x80", 64 * kib},
		{"announced 2^40", pickle, "\x8d\x00\x00\x00\x00\x00\x01\x00\x00", 64 * kib},
		{"announced 2^63", pickle, "\x8e\x00\x00\x00\x00\x00\x00\x00\x80", 64 * kib},
		{"frame of 2^63", pickle, "\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x80N.", 64 * kib},
		{"index 2^32-1", pickle, "Nr\xff\xff\xff\xff.", 64 * kib},
		{"integer of 1 MB", pickle, "L" + integer + "L\n.", 64 * kib},
		{"int of 1 MB", pickle, "I" + integer + "\n.", 64 * kib},
		{"float of 1 MB", pickle, "F" + integer + "\n.", 64 * kib},
		{"binary integer of 1 MB", pickle, "\x8b\x40\x42\x0f\x00" + integer + ".", 64 * kib},
		{"100,000 marks", pickle, strings.Repeat("(", 100_000) + ".", 64 * kib},
		{"laughs", pickle, laughs(9), 64 * kib},
		{"in itself", pickle, selfInList, 64 * kib},
		{"laughs in a key", pickle, "})\x94" + pairs.String() + "Ns.", 64 * kib},
		{"8,000 in the memo", pickle, "N" + repeat("\x94", 8000) + ".", 64 * kib},
		{"places that are read, but none is there", pickle, "N" + indexes.String() + ".", 64 * kib},
		{"text that is encoded 500 times", pickle, "(c_codecs\nencode\n\x94" + text(4000) + "\x94X\x06\x00\x00\x00latin1\x94\x86R" + repeat("h\x00h\x01h\x02\x86R", 500) + "t.", 64 * kib},
		{"text that is encoded 500 times, one tuple", pickle, "c_codecs\nencode\n\x94" + text(4000) + "X\x06\x00\x00\x00latin1\x86\x94(" + repeat("h\x00h\x01R", 500) + "t.", 64 * kib},
		{"text in 2,000 places", pickle, "(" + text(4000) + "\x94" + repeat("h\x00", 2000) + "t.", 64 * kib},
		// These are values, or it takes their values to tell that they are not: og-rek has up to 200 bytes for each byte.
		{"dict of 20 keys in 4,000 places", pickle, "(}\x94(" + twenty.String() + "u" + repeat("h\x00", 4000) + "t.", 640 * kib},
		{"dict of 1,000 keys in itself", pickle, "}\x94(" + keys.String()[:4000] + "K\x01h\x00u.", 640 * kib},
		{"8,000 lists", pickle, repeat("]", 8000) + ".", values},
		{"8,000 dicts", pickle, repeat("}", 8000) + ".", values},
		{"list of 8,000 dicts", pickle, "](" + repeat("}", 8000) + "e.", values},
		{"tuple of 8,000 dicts", pickle, "(" + repeat("}", 8000) + "t.", values},
		{"tuple of 4,000 lists in the memo", pickle, "(" + repeat("]\x94", 4000) + "t.", 640 * kib},
		{"tuple of 1,200 that are read again", pickle, "(" + read.String()[:1023*8] + "t.", values},
		{"2,000 keys", pickle, "}(" + keys.String() + "u.", values},
		{"1,300 dicts of one key, one in two places", pickle, "(" + "}\x94" + repeat("}K\x01Ns", 1300) + "h\x00t.", values},
		{"dict of 20 keys in 1,000 places", pickle, "(}\x94(" + twenty.String() + "u" + repeat("h\x00", 1000) + repeat("N", 6000) + "t.", values},
		{"text in 7 places", pickle, "(" + text(4000) + "\x94" + repeat("h\x00", 6) + "t.", 640 * kib},
		{"short text that is encoded 500 times", pickle, "(c_codecs\nencode\n\x94" + text(4) + "\x94X\x06\x00\x00\x00latin1\x94\x86R" + repeat("h\x00h\x01h\x02\x86R", 500) + "t.", 640 * kib},
		{"60 binary integers", pickle, "(" + repeat("\x8a\x7f"+repeat("q", 127), 60) + "t.", 640 * kib},
		{"30 binary integers", pickle, "(" + repeat("\x8a\xff"+repeat("q", 255), 30) + "t.", 640 * kib},
		{"decimal integers", pickle, "(" + repeat("L"+repeat("7", 4000)+"L\n", 2) + "t.", 640 * kib},
		{"depth 10,001", json, strings.Repeat("[", 10_001), 64 * kib},
		{"depth 10,000", json, strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), 512 * kib},
		{"no quote", json, "\"" + strings.Repeat("x", 1_000_000) + "\n", 64 * kib},
	}
	reply := make([]byte, 0, 64*kib) // A session has one, too.
	for _, tt := range tests {
		for _, limit := range []int{8 * kib, 1024 * kib} {
			input := []byte(tt.input)
			receive := func() (msg []byte, ok bool) {
				d := tt.wire.NewDecoder(limit)
				d.Feed(input)
				msg, ok, _ = d.Next()
				return msg, ok
			}
			parts := []struct {
				name string
				run  func()
			}{{"received", func() { receive() }}}
			if msg, ok := receive(); ok {
				parts = append(parts, []struct {
					name string
					run  func()
				}{
					{"echoed", func() { tt.wire.AppendEcho(reply, "ECHO: ", msg) }},
					{"noted", func() { tt.wire.Fields(msg) }},
				}...)
			}
			for _, part := range parts {
				allocated, took := costOf(part.run)
				t.Logf("%s, limit %d KiB, %s: %d bytes, %v", tt.name, limit/kib, part.name, allocated, took)
				if allocated > tt.bytes || took > most {
					t.Errorf("%s, limit %d KiB, %s: %d bytes and %v, want at most %d and %v", tt.name, limit/kib, part.name, allocated, took, tt.bytes, most)
				}
			}
		}
	}
}

// costOf returns what f allocates and how long it takes, in the best of a few runs: the collector, and other processes, may take
// their time in one of them.
func costOf(f func()) (allocated uint64, took time.Duration) {
	for run := range 5 {
		runtime.GC() // It empties the pools, too.
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		f()
		t := time.Since(began)
		runtime.ReadMemStats(&after)
		n := after.TotalAlloc - before.TotalAlloc
		if run == 0 {
			allocated, took = n, t
		}
		allocated, took = min(allocated, n), min(took, t)
	}
	return allocated, took
}

// TestPickle_unfolds: what a pickle says is bounded, too, whatever it shares.
func TestPickle_unfolds(t *testing.T) {
	t.Parallel()
	var w protocol.Pickle
	long := "X\x00\x01\x00\x00" + strings.Repeat("\x01", 256)
	for n := range 200 {
		// n times more the same string, of which each byte is shown as four.
		msg := "](" + long + "\x94" + strings.Repeat("h\x00", n) + "e."
		got := transcript(t, w.NewDecoder(0), msg)
		accepted := slices.Equal(got, []string{msg})
		if n < 10 && !accepted || n > 20 && accepted {
			t.Errorf("%d times: accepted %v", n, accepted)
		}
		if text := w.Text([]byte(msg)); len(text) > mostText(msg) || accepted != (text != "") {
			t.Errorf("%d bytes say %d, accepted %v", len(msg), len(text), accepted)
		}
	}
}

// mostText is how much text a pickle may amount to.
func mostText(msg string) int { return 4*len(msg) + 1024 + len("...") }
