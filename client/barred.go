package client

import (
	"context"
	"errors"
	"io"
)

// A Barrier is why a server does not let us in.
type Barrier string

// The barriers. NoBarrier is the zero value.
const (
	NoBarrier   Barrier = ""
	Certificate Barrier = "certificate" // it wants a certificate that we don't have
	Addresses   Barrier = "address"     // our address is on no list of those whom it serves, or takes PROXY headers from
)

// knock connects to a server that does not let us in. It is well if it ends the connection without a word: at once where our address
// is the barrier, and else when we have ended our side, as no handshake that it would have to complain of has begun then. That the
// system takes the connection is not enough.
func (p *Probe) knock(ctx context.Context, v *Verdict) error {
	d := p.Dialer
	d.TLS, d.NoGreeting = nil, true
	conn, err := d.Dial(ctx, p.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	v.Peer, v.Local, v.Timings = conn.RemoteAddr().String(), conn.LocalAddr().String(), conn.timings
	if p.Barred == Certificate {
		if err := conn.CloseWrite(); err != nil {
			return err
		}
	}
	msg, err := conn.Receive(ctx)
	switch {
	case errors.Is(err, io.EOF):
		v.Barred = p.Barred
		return nil
	case err != nil:
		return err
	}
	return newError(Answer, p.Address, conn.timings, wrongf("it was to turn us away, and said %s", quote(msg)))
}
