package client

import (
	"context"
	"net"
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
