//go:build system && linux

package faults_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/protocol"
)

// A script is what a client says on a wire, and all that it is answered.
type script struct{ says, hears string }

// scripts have the ends of messages in every form, messages that begin where others end, and one that the client's end ends.
var scripts = map[string]script{
	protocol.TextName: {
		"alpha\nbeta\r\n\r\n\xff\xfd\x06gamma \xc3\xa9\r\x00last, without a newline",
		"ECHO: alpha\nECHO: beta\nECHO: \nECHO: gamma \xc3\xa9\nECHO: last, without a newline\n",
	},
	protocol.JSONName: {
		`{"a":[1,{"b":"}\"]\\"}]}[2]"three"` + "\n" + `{"é":"\ud83d\ude00"} 4`,
		`{"a":[1,{"b":"}\"]\\"}]}` + "\n[2]\n\"three\"\n" + `{"é":"\ud83d\ude00"}` + "\n4\n",
	},
	protocol.PickleName: {
		"(dp0\nVa.\np1\nI1\ns." + "\x80\x02}q\x00X\x03\x00\x00\x00.\n.q\x01K\x02s." + "\x80\x04\x95\x04\x00\x00\x00\x00\x00\x00\x00\x8c\x01b." + "K\x2e.",
		"",
	},
	protocol.RawName: {"no message\nhere\x00\xff\xfd\x06\r\n", "no message\nhere\x00\xff\xfd\x06\r\n"},
}

// Whole, cut in two at every place, and byte by byte, what is said is answered the same.
func TestB1_splitInvariance(t *testing.T) {
	eachTransport(t, func(f *fault) {
		const pause = time.Millisecond
		var listeners []string
		for _, wire := range wires {
			query := "127.0.0.1:0?greeting=off&flush=20s&wire=" + wire // However busy the machine is, no pause ends a message.
			if wire != protocol.TextName {
				query += "&prefix="
			}
			listeners = append(listeners, "echo://"+query, "echo+tls://"+query)
		}
		p := f.serve(listeners...)
		var ways atomic.Int64
		for i := range listeners {
			wire, secure := wires[i/2], i%2 == 1
			says := scripts[wire].says
			hears, err := talk(p.Addresses[i], secure, says)
			f.must(err)
			if want := scripts[wire].hears; want != "" && hears != want {
				f.Errorf("%s: whole, it is answered %q, want %q", wire, hears, want)
			}
			if n := countMessages(wire, hears); wire == protocol.PickleName && n != 4 {
				f.Errorf("%s: whole, there are %d answers, want 4: %q", wire, n, hears)
			}
			atOnce(len(says), 64, func(cut int) {
				pieces := []string{says[:cut], says[cut:]}
				if cut == 0 {
					pieces = strings.Split(says, "") // UTF-8 in one piece; the cuts have its bytes apart.
				}
				conn, err := connect(p.Addresses[i], secure)
				got := ""
				if err == nil {
					got, err = exchange(conn, pause, pieces...)
				}
				if err != nil || got != hears {
					f.Errorf("%s, TLS %v, cut at %d: answered %q, %v; want %q", wire, secure, cut, got, err, hears)
				}
				ways.Add(1)
			})
		}
		f.figure("ways to cut, over 4 wires with and without TLS, all answered the same:", "%d", ways.Load())
	})
}

// From the first newline on a line may be cut at any distance: a pause beyond flush does not end it.
func TestB1_slowLine(t *testing.T) {
	eachTransportWaiting(t, func(f *fault) {
		p := f.serve("echo://127.0.0.1:0?greeting=off&flush=20ms")
		conn, err := connect(p.Addresses[0], false)
		f.must(err)
		got, err := exchange(conn, 200*time.Millisecond, "first\nsec", "o", "nd\n")
		if want := "ECHO: first\nECHO: second\n"; err != nil || got != want {
			f.Errorf("answered %q, %v; want %q", got, err, want)
		}
	})
}

// countMessages returns how many whole messages there are in what was heard on a wire; -1 if they don't end where it ends.
func countMessages(wire, heard string) int {
	decoder := protocol.Wires[wire].NewDecoder(0)
	decoder.Feed([]byte(heard))
	for n := 0; ; n++ {
		_, ok, err := decoder.Next()
		if err != nil || !ok && decoder.Pending() != protocol.Nothing {
			return -1
		}
		if !ok {
			return n
		}
	}
}
