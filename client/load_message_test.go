package client_test

import (
	"fmt"
	"testing"

	"parley/client"
	"parley/protocol"
)

func textMessage(t testing.TB, size int, before, after string) client.LoadMessage {
	t.Helper()
	m, err := client.NewLoadMessage(protocol.Wires[protocol.TextName], size, before, after)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A message has the size that was asked for on each wire, and is one message of it.
func TestLoadMessageSize(t *testing.T) {
	t.Parallel()
	shortest := map[string]int{"text": 2, "raw": 2, "json": 4, "pickle": 9}
	for name, wire := range protocol.Wires {
		for _, size := range []int{1, 2, 3, 4, 8, 9, 10, 16, 17, 64, 255, 256, 300, 1000, 70000} {
			m, err := client.NewLoadMessage(wire, size, "", "")
			if (err != nil) != (size < shortest[name]) {
				t.Errorf("%s, %d bytes: %v", name, size, err)
			}
			if err != nil {
				continue
			}
			if got := len(m.Out()); got != size {
				t.Errorf("%s: %d bytes, want %d", name, got, size)
			}
			dec := wire.NewDecoder(size)
			dec.Feed(append([]byte(nil), m.Out()...))
			if _, ok, err := dec.Next(); !ok || err != nil {
				t.Errorf("%s, %d bytes: %q is no message: %v", name, size, m.Out(), err)
			}
		}
	}
}

func TestLoadMessageStamp(t *testing.T) {
	t.Parallel()
	for _, size := range []int{2, 3, 6, 17, 40} {
		counting := textMessage(t, size, "", "")
		stamped := textMessage(t, size, "", "")
		for n := range uint64(5000) {
			stamped.Stamp(n)
			if got, want := string(counting.Out()), string(stamped.Out()); got != want {
				t.Fatalf("%d bytes, message %d: %q, want %q", size, n, got, want)
			}
			counting.Next()
		}
	}
	m := textMessage(t, 21, "", "")
	m.Stamp(0x2aff)
	if got, want := string(m.Out()), "0000000000002affghij\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	m.Next()
	if got, want := string(m.Out()), "0000000000002b00ghij\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// The connections' messages differ, and do not share memory.
	if got, want := string(m.On(258).Out()), "0001020000000000ghij\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := string(m.Out()), "0000000000002b00ghij\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// However the answer is cut, all of it is as it should be; and where a byte is wrong, that is where it is found.
func TestLoadMessageMatch(t *testing.T) {
	t.Parallel()
	for _, around := range [][2]string{{"", ""}, {"ECHO: ", "\n"}, {"", "\n"}, {"<", ""}} {
		m := textMessage(t, 25, around[0], around[1])
		answer := m.Answer()
		for from := range answer {
			for to := from + 1; to <= len(answer); to++ {
				if got := m.Match(answer[from:to], from); got != to-from {
					t.Fatalf("%q from %d to %d: %d match", answer, from, to, got)
				}
				for wrong := from; wrong < to; wrong++ {
					piece := append([]byte(nil), answer[from:to]...)
					piece[wrong-from] ^= 1
					if got := m.Match(piece, from); got != wrong-from {
						t.Fatalf("%q from %d to %d, wrong at %d: %d match", answer, from, to, wrong, got)
					}
				}
			}
		}
	}
}

// FuzzLoadMessage compares what matches with what is the same, byte by byte.
func FuzzLoadMessage(f *testing.F) {
	f.Add([]byte("ECHO: 0000000000000000ghij\n"), 0, "ECHO: ", "\n")
	f.Add([]byte("0ghij\r\n"), 15, "", "\r\n")
	f.Fuzz(func(t *testing.T, p []byte, at int, before, after string) {
		m := textMessage(t, 21, before, after)
		answer := m.Answer()
		if at < 0 || at > len(answer) {
			return
		}
		p = p[:min(len(p), len(answer)-at)]
		want := 0
		for want < len(p) && p[want] == answer[at+want] {
			want++
		}
		if got := m.Match(p, at); got != want {
			t.Errorf("%q at %d of %q: %d match, want %d", p, at, answer, got, want)
		}
	})
}

// BenchmarkLoadMessage is what a load does with each answer beside the system calls and the clock.
func BenchmarkLoadMessage(b *testing.B) {
	for _, size := range []int{64, 16 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			m := textMessage(b, size, "ECHO: ", "\n")
			answer := m.Answer()
			b.SetBytes(int64(len(answer)))
			b.ReportAllocs()
			for b.Loop() {
				m.Stamp(0)
				if m.Match(answer, 0) != len(answer) {
					b.Fatal("no match")
				}
				m.Next()
			}
		})
	}
}
