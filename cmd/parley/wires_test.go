//go:build unix

package main_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/handler"
	"parley/protocol"
)

// spoken is which wires each handler speaks, the usual one first. That of a handler that only sends text is a text; one that
// deals with lines or fields has none to find on the raw wire.
var spoken = map[string]string{
	"chargen":  "text, raw",
	"chat":     "text, json, pickle",
	"counting": "json, pickle, raw, text",
	"daytime":  "json, pickle, raw, text",
	"discard":  "json, pickle, raw, text",
	"echo":     "json, pickle, raw, text",
	"happy":    "json, pickle, raw, text",
	"register": "text, json, pickle",
}

// A wire that a handler does not speak stops the start, with one line that has those that it does. On any other it listens, and
// greets whoever comes.
func TestWires(t *testing.T) {
	t.Parallel()
	var listeners, names, wires []string
	for _, name := range slices.Sorted(maps.Keys(handler.Kinds)) {
		valid, ok := spoken[name]
		if !ok {
			t.Errorf("%s is not in the table", name)
		}
		for _, wire := range slices.Sorted(maps.Keys(protocol.Wires)) {
			listener := name + "://127.0.0.1:0?greeting=on&wire=" + wire
			if slices.Contains(strings.Split(valid, ", "), wire) {
				listeners, names, wires = append(listeners, listener), append(names, name), append(wires, wire)
				continue
			}
			t.Run(name+" "+wire, func(t *testing.T) {
				t.Parallel()
				p := launch(t, command("parley", "serve", listener))
				p.exits(2)
				want := fmt.Sprintf("parley: %s: %s does not speak wire %q; valid: %s\n", listener, name, wire, valid)
				if got := p.stderr.String(); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	}
	d := serve(t, listeners...)
	for i, wire := range wires {
		c := dial(t, d.addresses[i])
		g, err := c.greetingOn(wire)
		if err != nil || g.Handler != names[i] {
			t.Errorf("%s greets with %+v, %v", listeners[i], g, err)
		}
		c.Close()
	}
	d.stop()
}

// greetingOn reads the greeting of a wire. That of the raw one is the text's.
func (c *client) greetingOn(wire string) (protocol.Greeting, error) {
	if wire == protocol.RawName {
		wire = protocol.TextName
	}
	w := protocol.Wires[wire]
	decoder := w.NewDecoder(0)
	c.SetReadDeadline(time.Now().Add(patience))
	for {
		b, err := c.in.ReadByte()
		if err != nil {
			return protocol.Greeting{}, err
		}
		decoder.Feed([]byte{b}) // byte by byte, to find its end
		if msg, ok, err := decoder.Next(); ok || err != nil {
			return w.ParseGreeting(msg)
		}
	}
}
