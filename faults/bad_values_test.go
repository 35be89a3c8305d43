//go:build system && linux

package faults_test

import (
	"strings"
	"testing"
	"time"

	"parley/protocol"
)

// JSON that is hard to read, or none.
func TestB9_hostileJSON(t *testing.T) {
	eachTransport(t, func(f *fault) {
		p := f.serve("echo://127.0.0.1:0?greeting=off&wire=json&prefix=&max_message=64KiB")
		for _, tt := range []struct {
			name, says string
			answers    int
			refused    bool
		}{
			{"10,001 deep", strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), 1, true},
			{"10,001 deep, of objects", strings.Repeat(`{"a":`, 10_001) + "1" + strings.Repeat("}", 10_001), 1, true},
			{"a key twice", `{"a":1,"a":2}`, 1, false},
			{"1e999999", "1e999999\n", 1, false},
			{"a number of 60,000 digits", strings.Repeat("7", 60_000) + "\n", 1, false},
			{"junk behind a value", `{"a":1}junk` + "\n", 2, true},
			{"a lone surrogate", `"\ud800"` + "\n", 1, false},
			{"no UTF-8", "\"\xff\xfe\"\n", 1, false},
			{"a byte order mark", "\xef\xbb\xbf{}\n", 1, true},
			{"a NUL", "\x00\n", 1, true},
			{"NaN", "NaN\n", 1, true},
			{"single quotes", "{'a':1}\n", 1, true},
			{"a control character in a string", "\"\x01\"\n", 1, true},
		} {
			got, err := talk(p.Addresses[0], false, tt.says)
			f.must(err)
			if n := countMessages(protocol.JSONName, got); n != tt.answers || strings.Contains(got, "bad_message") != tt.refused {
				f.Errorf("%s: %d answers, want %d; refused should be %v: %q", tt.name, n, tt.answers, tt.refused, clip(got))
			}
		}
	})
}

// Pickles that would call something are refused by the name of what does it, and are not looked at further. That all others are
// read as CPython reads them, the tests of package protocol show beside a CPython.
func TestB10_picklesOfClasses(t *testing.T) {
	eachTransport(t, func(f *fault) {
		p := f.serve("echo://127.0.0.1:0?greeting=off&wire=pickle&prefix=")
		for opcode, says := range map[string]string{
			"GLOBAL":       "cos\nsystem\n(S'true'\ntR.",
			"INST":         "(S'true'\nios\nsystem\n.",
			"OBJ":          "(No.",
			"REDUCE":       "c__builtin__\nbytes\nJ\x00\x00\x00\x7f\x85R.",
			"NEWOBJ":       "N)\x81.",
			"STACK_GLOBAL": "\x80\x04\x8c\x02os\x8c\x06system\x93.",
			"BUILD":        "N}b.",
			"PERSID":       "Pid\n.",
			"EXT1":         "\x82\x01.",
		} {
			got, err := talk(p.Addresses[0], false, says+"K\x01.")
			f.must(err)
			if n := countMessages(protocol.PickleName, got); n != 1 || !strings.Contains(got, "opcode "+opcode+" is refused") {
				f.Errorf("%s is answered with %d messages: %q", opcode, n, got)
			}
		}
		// In itself, and shared: it is echoed as it came, and its text for a log has a budget.
		for _, says := range []string{"]\x94h\x00a.", "}\x94K\x01h\x00s.", laughs()} {
			got, err := talk(p.Addresses[0], false, says)
			f.must(err)
			if n := countMessages(protocol.PickleName, got); n != 1 || !strings.Contains(got, "bad_message") {
				f.Errorf("%q is answered with %d messages: %q", says, n, clip(got))
			}
		}
	})
}

// laughs is a tuple of ten tuples of ten tuples and so on, nine times: a billion when it is unfolded.
func laughs() string {
	var b strings.Builder
	b.WriteString(")\x94")
	for i := range 9 {
		b.WriteString("(" + strings.Repeat("h"+string(rune(i)), 10) + "t\x94")
	}
	return b.String() + "."
}

// What announces or builds far more than it is.
func TestB11_pickleBombs(t *testing.T) {
	eachTransport(t, func(f *fault) {
		const most = 10 // MiB
		rounds := sized(f, 100, 1000)
		p := f.serve("PARLEY_LOG_LEVEL=info", "PARLEY_LOG_RATE=0", "echo://127.0.0.1:0?greeting=off&wire=pickle&prefix=&max_message=2MiB")
		bombs := map[string]string{
			"2^31 bytes":             "B\x00\x00\x00\x80",
			"2^40 characters":        "\x8d\x00\x00\x00\x00\x00\x01\x00\x00",
			"2^63 bytes":             "\x8e\x00\x00\x00\x00\x00\x00\x00\x80",
			"a frame of 2^63":        "\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x80" + "cos\n",
			"an integer of 2^31":     "\x8b\x00\x00\x00\x80",
			"an integer of 1 MB":     "L" + strings.Repeat("7", 1_000_000) + "L\n.",
			"100,000 marks":          strings.Repeat("(", 100_000) + ".",
			"a billion laughs":       laughs(),
			"place 2^32-1 in a memo": "Nr\xff\xff\xff\xff" + "0.",
		}
		before := p.Memory("VmRSS")
		slowest, slowestName := time.Duration(0), ""
		for name, bomb := range bombs {
			n := rounds
			if len(bomb) > 10_000 {
				n = max(1, rounds/20)
			}
			for range n {
				began := time.Now()
				got, err := talk(p.Addresses[0], false, bomb)
				if took := time.Since(began); took > slowest {
					slowest, slowestName = took, name
				}
				f.must(err)
				if countMessages(protocol.PickleName, got) != 1 || !strings.Contains(got, "bad_message") && !strings.Contains(got, "line_too_long") {
					f.Fatalf("%s is answered %q", name, clip(got))
				}
			}
		}
		grown := float64(p.Memory("VmHWM")-before) / 1024
		f.figure("memory grown by at most", "%.1f MiB", grown)
		f.figure("slowest from connect to ERR", "%v", slowest)
		f.Logf("the slowest was %s", slowestName)
		if grown > most && !raceDetector {
			f.Errorf("memory grew by %.1f MiB, want at most %d", grown, most)
		}
	})
}

// Who speaks something else is told so, once, or echoed.
func TestB12_foreignProtocols(t *testing.T) {
	const (
		clientHello = "\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03" // and on
		http        = "GET / HTTP/1.1\r\nHost: example.net\r\n\r\n"
		ssh         = "SSH-2.0-OpenSSH_9.2\r\n"
	)
	hello := clientHello + strings.Repeat("\x00\x17\xff\x9c", 60)
	eachTransport(t, func(f *fault) {
		p := f.serve("echo://127.0.0.1:0?greeting=off", "echo://127.0.0.1:0?greeting=off&wire=json&prefix=", "echo://127.0.0.1:0?greeting=off&wire=pickle&prefix=",
			"echo+tls://127.0.0.1:0?greeting=off")
		for _, says := range []string{hello, http, ssh} {
			got, err := talk(p.Addresses[0], false, says)
			f.must(err)
			if !strings.HasPrefix(got, "ECHO: ") || strings.Contains(got, "\xff") {
				f.Errorf("text: %q is answered %q", clip(says), clip(got))
			}
			for i := 1; i <= 2; i++ {
				got, err := talk(p.Addresses[i], false, says)
				f.must(err)
				if n := countMessages(wires[i], got); n != 1 || !strings.Contains(got, "bad_message") {
					f.Errorf("%s: %q is answered %q", wires[i], clip(says), clip(got))
				}
			}
		}
		// Plain text where TLS is spoken: an alert, or nothing, and the end.
		for _, says := range []string{http, ssh, "hello\n"} {
			got, err := talk(p.Addresses[3], false, says)
			if err != nil || strings.Contains(got, "ECHO") {
				f.Errorf("TLS: %q is answered %q, %v", says, got, err)
			}
		}
		p.awaitEnded(3, "bad_tls")
	})
}
