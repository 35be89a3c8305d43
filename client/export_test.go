package client

import (
	"context"
	"net"
	"time"

	"parley/protocol"
)

var (
	Alternate = alternate
	Race      = race
	Recognise = recognise
)

// On returns a dialer that has a network of its own.
func (d Dialer) On(dial func(ctx context.Context, network, address string) (net.Conn, error)) Dialer {
	d.dial = dial
	return d
}

// NewFinder returns the find of a finder.
func NewFinder(text string) func(piece string) bool { return newFinder(text).find }

// A LoadMessage is what one connection of a load sends and expects.
type LoadMessage struct{ m *loadMessage }

// NewLoadMessage returns the message of connection 0, whose answer has something before and after it.
func NewLoadMessage(wire protocol.Wire, size int, before, after string) (LoadMessage, error) {
	m, err := newLoadMessage(wire, size)
	if err != nil {
		return LoadMessage{}, err
	}
	m.before, m.after = []byte(before), []byte(after)
	return LoadMessage{m.on(0)}, nil
}

func (m LoadMessage) Stamp(n uint64)             { m.m.stamp(n) }
func (m LoadMessage) Next()                      { m.m.next() }
func (m LoadMessage) Out() []byte                { return m.m.out }
func (m LoadMessage) Answer() []byte             { return m.m.expected(0, m.m.answered()) }
func (m LoadMessage) Match(p []byte, at int) int { return m.m.match(p, at) }
func (m LoadMessage) On(number int) LoadMessage  { return LoadMessage{m.m.on(number)} }

// NewLatencies returns the distribution of some durations.
func NewLatencies(all ...time.Duration) *Latencies {
	t := newTally()
	for i, d := range all {
		t.add(i, d)
	}
	return t.sum()
}
