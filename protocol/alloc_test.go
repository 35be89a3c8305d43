package protocol_test

import (
	"strings"
	"testing"

	"parley/protocol"
)

// TestNoAllocation is not parallel, as AllocsPerRun counts what the whole process allocates.
func TestNoAllocation(t *testing.T) {
	decode := func(w protocol.Wire, messages int, pieces ...string) func() {
		d := w.NewDecoder(8192)
		buf := make([]byte, 32<<10)
		return func() {
			n := 0
			for _, p := range pieces {
				d.Feed(buf[:copy(buf, p)])
				for {
					_, ok, err := d.Next()
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					n++
				}
			}
			if n != messages {
				t.Fatalf("%d messages, want %d", n, messages)
			}
		}
	}
	text, json := protocol.Wires[protocol.TextName], protocol.Wires[protocol.JSONName]
	raw := protocol.Wires[protocol.RawName]
	line := strings.Repeat("x", 63) + "\n"
	long := strings.Repeat("x", 8192)
	dst := make([]byte, 0, 1<<10)
	greeting := protocol.Greeting{ClientID: 17, You: "203.0.113.9:51544", Me: "10.2.1.4:12000", Name: "pod-x", Handler: "echo"}
	fields := []protocol.Field{{Key: "clientid", Value: "17", Number: true}, {Key: "name", Value: "Ann"}}
	tooLong := protocol.Error{Reason: "line_too_long", Limit: 8192}

	tests := []struct {
		name   string
		pooled bool
		f      func()
	}{
		{"text/line", false, decode(text, 1, line)},
		{"text/blank line", false, decode(text, 1, "\n")},
		{"text/CR LF", false, decode(text, 2, "hi\r\nthere\r\n")},
		{"text/many lines", false, decode(text, 100, strings.Repeat(line, 100))},
		{"text/line in two", true, decode(text, 1, line[:10], line[10:])},
		{"text/line byte by byte", true, decode(text, 1, strings.SplitAfter(line, "")...)},
		{"text/long line in two", true, decode(text, 1, long[:5000], long[5000:]+"\n")},
		{"text/lines across pieces", true, decode(text, 3, "a\nb", "b\nc", "c\n")},
		{"text/telnet", false, decode(text, 1, "\xff\xfd\x03h\xff\xf1i\r\x00")},
		{"text/telnet in two", true, decode(text, 1, "\xff\xfd\x03h\xff", "\xf1i\r", "\x00")},
		{"json/object", true, decode(json, 1, `{"clientid": 17, "name": "Ann"}`)},
		{"json/string", true, decode(json, 1, `"hi there"`+"\n")},
		{"json/many", true, decode(json, 100, strings.Repeat(`{"a":[1,2,"three"]}`+"\n", 100))},
		{"json/object in two", true, decode(json, 1, `{"clientid": 17, "na`, `me": "Ann"}`)},
		{"raw/piece", false, decode(raw, 1, line)},
	}
	for name, w := range protocol.Wires {
		if name == protocol.PickleName {
			continue // og-rek allocates.
		}
		msg := w.AppendText(nil, line)
		tests = append(tests, []struct {
			name   string
			pooled bool
			f      func()
		}{
			{name + "/AppendGreeting", false, func() { dst = w.AppendGreeting(dst[:0], greeting) }},
			{name + "/AppendError", false, func() { dst = w.AppendError(dst[:0], tooLong) }},
			{name + "/AppendRecord", false, func() { dst = w.AppendRecord(dst[:0], "ACK", fields) }},
			{name + "/AppendText", false, func() { dst = w.AppendText(dst[:0], line) }},
			{name + "/AppendEcho", false, func() { dst = w.AppendEcho(dst[:0], "ECHO: ", msg) }},
		}...)
	}
	for _, tt := range tests {
		allocs := testing.AllocsPerRun(1000, tt.f)
		t.Logf("%s: %v", tt.name, allocs)
		if allocs != 0 && !(tt.pooled && raceDetector) {
			t.Errorf("%s: %v allocations, want 0", tt.name, allocs)
		}
	}
}
