//go:build system && linux

package faults_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/faults/daemontest"
	"parley/protocol"
)

// Clients that connect, say nothing and leave are no news, and each is counted.
func TestB2_silentConnects(t *testing.T) {
	eachTransport(t, func(f *fault) {
		n := sized(f, 2000, 10_000)
		p := f.serve("PARLEY_LOG_LEVEL=info", "echo://127.0.0.1:0")
		p.clientsAbort = true // They leave a greeting unread.
		quiet := len(p.Stdout.String())
		began := time.Now()
		for range n {
			c, err := daemontest.Connect(p.Addresses[0])
			f.must(err)
			c.Close()
		}
		f.figure("connections a second", "%.0f", float64(n)/time.Since(began).Seconds())
		p.awaitEnded(n)
		for line := range strings.Lines(p.Stdout.String()[quiet:]) {
			if !strings.Contains(line, canaryListener) {
				f.Errorf("logged: %s", line)
			}
		}
	})
}

// What the end of the client's side ends in the middle: a line is answered, half a value is not.
func TestB3_endInMidMessage(t *testing.T) {
	eachTransport(t, func(f *fault) {
		p := f.serve("echo://127.0.0.1:0?greeting=off", "echo://127.0.0.1:0?greeting=off&wire=json&prefix=", "echo://127.0.0.1:0?greeting=off&wire=pickle&prefix=")
		f.wants(p.Addresses[0], "whole\nhal", "ECHO: whole\nECHO: hal\n")
		for i, halves := range map[int][]string{
			1: {`{"a":`, `[1,[2,`, `"un`, `{"a":"\`, `tru`, `1e`, `-`},
			2: {"K", "\x80", "\x80\x02}q\x00X\x04\x00\x00\x00na", "I12", "(Vabc\n", "\x80\x04\x95\x04\x00\x00\x00\x00\x00\x00\x00\x8c"},
		} {
			wire, whole := wires[i], map[int]string{1: "[1]", 2: "K\x01."}[i]
			for _, half := range halves {
				for _, before := range []string{"", whole} {
					got, err := talk(p.Addresses[i], false, before+half)
					f.must(err)
					wantMessages := 1
					if before != "" {
						wantMessages = 2
					}
					if n := countMessages(wire, got); n != wantMessages || strings.Count(got, "bad_message") != 1 {
						f.Errorf("%s: %q is answered %q: %d messages, want %d with one error", wire, before+half, got, n, wantMessages)
					}
				}
			}
		}
	})
}

// Every way to end a line.
func TestB4_newlines(t *testing.T) {
	eachTransport(t, func(f *fault) {
		p := f.serve("echo://127.0.0.1:0?greeting=off&flush=20s")
		for says, hears := range map[string]string{
			"a\nb\n":         "a|b",
			"a\r\nb\r\n":     "a|b",
			"a\r\x00b\r\x00": "a|b",
			"a\rb\n":         "a\rb",
			"a\r":            "a",
			"\n\n\n":         "||",
			"\r\n\n\r\na":    "|||a",
			"a\r\r\nb":       "a|b",
		} {
			f.wants(p.Addresses[0], says, "ECHO: "+strings.ReplaceAll(hears, "|", "\nECHO: ")+"\n")
		}
		// The CR is the last byte of a full buffer, of the usual size or the larger one, and its LF comes in the next read.
		p2 := f.serve("echo://127.0.0.1:0?greeting=off&max_message=1MiB")
		for _, size := range []int{4 << 10, 32 << 10, 64 << 10, 256 << 10} {
			for _, end := range []string{"\r\n", "\r\x00", "\n"} {
				line := strings.Repeat("x", size-1)
				conn, err := connect(p2.Addresses[0], false)
				f.must(err)
				got, err := exchange(conn, 5*time.Millisecond, "first\n"+line[:size-1-len("first\n")]+end[:1], end[1:]+"next\n")
				if want := "ECHO: first\nECHO: " + line[:size-1-len("first\n")] + "\nECHO: next\n"; err != nil || got != want {
					f.Errorf("%d bytes, then %q: answered %q, %v", size, end[1:], clip(got), err)
				}
			}
		}
	})
}

// What a telnet client sends beside the text is dropped, and nothing of it comes back.
func TestB5_telnetOptions(t *testing.T) {
	eachTransport(t, func(f *fault) {
		p := f.serve("echo://127.0.0.1:0?greeting=off")
		for says, want := range map[string]string{
			"\xff\xfb\x18\xff\xfd\x03hello\r\n":                      "ECHO: hello\n",
			"\xff\xf4\xff\xfd\x06after Ctrl-C\n":                     "ECHO: after Ctrl-C\n",
			"a\xff\xfa\x18\x00xterm\xff\xf0b\n":                      "ECHO: ab\n",
			"\xff\xff\xff\xff\n":                                     "ECHO: \n",
			"\xff\xfd":                                               "",
			strings.Repeat("\xff\xfb\x01\xff\xfd\x1f", 1000) + "x\n": "ECHO: x\n",
		} {
			f.wants(p.Addresses[0], says, want)
		}
	})
}

// 200 clients send what never ends. Each reads why it is closed, though it goes on sending, and no memory is left with them.
func TestB7_floodWithoutNewline(t *testing.T) {
	eachTransport(t, func(f *fault) {
		const clients, most = 200, 50
		all := sized(f, 128<<20, 1<<30)
		p := f.serve("echo://127.0.0.1:0?greeting=off")
		before := p.Memory("VmRSS")
		block := strings.Repeat("x", 64<<10)
		var sent, told atomic.Int64
		var crowd sync.WaitGroup
		began := time.Now()
		for range clients {
			conn, err := connect(p.Addresses[0], false)
			f.must(err)
			conn.SetDeadline(time.Now().Add(2 * daemontest.Patience))
			crowd.Go(func() {
				defer conn.Close()
				for n := 0; n < all/clients; {
					m, err := io.WriteString(conn, block[:min(len(block), all/clients-n)])
					n += m
					sent.Add(int64(m))
					if err != nil {
						f.Errorf("after %d bytes: %v", n, err)
						return
					}
				}
				_ = conn.CloseWrite()
				if answer, err := io.ReadAll(conn); err != nil || string(answer) != "ERR line_too_long limit=8192\n" {
					f.Errorf("told %q, %v", answer, err)
					return
				}
				told.Add(1)
			})
		}
		crowd.Wait()
		took := time.Since(began)
		grown := float64(p.Memory("VmHWM")-before) / 1024
		f.figure("clients that read their ERR, of 200", "%d", told.Load())
		f.figure("sent in all", "%d MiB", sent.Load()>>20)
		f.figure("in", "%v", took)
		f.figure("memory grown by at most", "%.1f MiB", grown)
		if grown > most && !raceDetector {
			f.Errorf("memory grew by %.1f MiB, want at most %d", grown, most)
		}
		p.awaitEnded(clients, "line_too_long")
	})
}

// The limit on messages is met to the byte, on every wire.
func TestB8_limits(t *testing.T) {
	eachTransport(t, func(f *fault) {
		const limit = 1000
		listener := fmt.Sprintf("echo://127.0.0.1:0?greeting=off&max_message=%d&prefix=&wire=", limit)
		p := f.serve(listener+protocol.TextName, listener+protocol.JSONName, listener+protocol.PickleName, "echo://127.0.0.1:0?greeting=off&prefix=&wire=raw")
		sized := map[string]func(n int) string{
			protocol.TextName: func(n int) string { return strings.Repeat("x", n) + "\n" },
			protocol.JSONName: func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` + "\n" },
			protocol.PickleName: func(n int) string {
				return "B" + string([]byte{byte((n - 6) & 255), byte((n - 6) >> 8), 0, 0}) + strings.Repeat("x", n-6) + "."
			},
		}
		for i, wire := range wires[:3] {
			for n := limit - 1; n <= limit+1; n++ {
				message := sized[wire](n)
				got, err := talk(p.Addresses[i], false, message)
				f.must(err)
				refused := strings.Contains(got, "line_too_long")
				if refused != (n > limit) || !refused && countMessages(wire, got) != 1 {
					f.Errorf("%s, %d bytes of %d: answered %q", wire, n, limit, clip(got))
				}
			}
		}
		f.wants(p.Addresses[3], strings.Repeat("x", 3<<20), strings.Repeat("x", 3<<20)) // Raw has no limit.
	})
}
