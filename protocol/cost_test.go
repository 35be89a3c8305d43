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
	// The target is 1 ms. The rest is for a machine that is busy with other tests.
	most := 20 * time.Millisecond
	if raceDetector {
		most *= 20 // It makes memory dear.
	}
	pickle, json := protocol.Pickle{}, protocol.JSON{}
	integer := strings.Repeat("7", 1_000_000)
	var keys strings.Builder
	for i := range 2000 {
		keys.WriteString("M" + string([]byte{byte(i), byte(i >> 8)}) + "N")
	}
	var pairs strings.Builder
	for i := range 60 {
		pairs.WriteString("h" + string(rune(i)) + "h" + string(rune(i)) + "\x86\x94")
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
		// These are values, and cost as many bytes as they are long, times the few that og-rek has for each.
		{"8,000 lists", pickle, strings.Repeat("]", 8000) + ".", 1024 * kib},
		{"8,000 dicts", pickle, strings.Repeat("}", 8000) + ".", 1024 * kib},
		{"8,000 in the memo", pickle, "N" + strings.Repeat("\x94", 8000) + ".", 3072 * kib},
		{"60 binary integers", pickle, strings.Repeat("\x8a\x7f"+strings.Repeat("q", 127), 60) + ".", 2048 * kib},
		{"laughs in a key", pickle, "})\x94" + pairs.String() + "Ns.", 64 * kib},
		{"2,000 keys", pickle, "}(" + keys.String() + "u.", 1024 * kib},
		{"depth 10,001", json, strings.Repeat("[", 10_001), 64 * kib},
		{"depth 10,000", json, strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), 512 * kib},
		{"no quote", json, "\"" + strings.Repeat("x", 1_000_000) + "\n", 64 * kib},
	}
	for _, tt := range tests {
		for _, limit := range []int{8 * kib, 1024 * kib} {
			input := []byte(tt.input)
			var least time.Duration
			var allocated uint64
			// The best of a few runs: the collector, and other processes, may take their time in one of them.
			for run := range 5 {
				runtime.GC() // It empties the pools, too.
				runtime.GC()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				began := time.Now()
				d := tt.wire.NewDecoder(limit)
				d.Feed(input)
				for ok := true; ok; {
					_, ok, _ = d.Next()
				}
				took := time.Since(began)
				runtime.ReadMemStats(&after)
				if n := after.TotalAlloc - before.TotalAlloc; run == 0 || n < allocated {
					allocated = n
				}
				if run == 0 || took < least {
					least = took
				}
			}
			t.Logf("%s, limit %d KiB: %d bytes, %v", tt.name, limit/kib, allocated, least)
			if allocated > tt.bytes {
				t.Errorf("%s, limit %d KiB: %d bytes allocated, want at most %d", tt.name, limit/kib, allocated, tt.bytes)
			}
			if least > most {
				t.Errorf("%s, limit %d KiB: %v, want at most %v", tt.name, limit/kib, least, most)
			}
		}
	}
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
		if n < 20 && !accepted || n > 30 && accepted {
			t.Errorf("%d times: accepted %v", n, accepted)
		}
		if text := w.Text([]byte(msg)); len(text) > mostText(msg) || accepted != (text != "") {
			t.Errorf("%d bytes say %d, accepted %v", len(msg), len(text), accepted)
		}
	}
}

// mostText is how much text a pickle may amount to.
func mostText(msg string) int { return 8 * (16*len(msg) + 1024) }
