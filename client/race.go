package client

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"
)

// headStart is how long an address has the field to itself before the next one is tried beside it (RFC 8305, 5): a name often
// has an IPv6 address where no IPv6 gets through.
const headStart = 250 * time.Millisecond

// alternate sorts addresses so that the families take turns, beginning with that of the first.
func alternate(ips []netip.Addr) []netip.Addr {
	var same, other []netip.Addr
	for _, ip := range ips {
		if ip = ip.Unmap(); ip.Is4() == ips[0].Unmap().Is4() {
			same = append(same, ip)
		} else {
			other = append(other, ip)
		}
	}
	turns := make([]netip.Addr, 0, len(ips))
	for i := range max(len(same), len(other)) {
		if i < len(same) {
			turns = append(turns, same[i])
		}
		if i < len(other) {
			turns = append(turns, other[i])
		}
	}
	return turns
}

// An attempt is one address that was tried.
type attempt struct {
	peer netip.AddrPort
	nc   net.Conn
	err  error
}

// race tries the addresses one after the other, each when the one before has failed or has had its head start. The first
// connection wins; the other attempts are over when race returns.
func race(ctx context.Context, dial dialFunc, peers []netip.AddrPort) (net.Conn, netip.AddrPort, error) {
	ctx, cancel := context.WithCancel(ctx)
	attempts := make(chan attempt)
	under := 0
	start := func() {
		peer := peers[0]
		peers = peers[1:]
		under++
		go func() { attempts <- try(ctx, dial, peer) }()
	}
	defer func() {
		cancel()
		for ; under > 0; under-- {
			if a := <-attempts; a.nc != nil {
				a.nc.Close()
			}
		}
	}()

	start()
	next := time.NewTicker(headStart)
	defer next.Stop()
	var lost []attempt
	for under > 0 {
		select {
		case a := <-attempts:
			under--
			if a.err == nil {
				return a.nc, a.peer, nil
			}
			lost = append(lost, a)
			if ctx.Err() == nil && len(peers) > 0 {
				next.Reset(headStart)
				start()
			}
		case <-next.C:
			if len(peers) > 0 {
				start()
			}
		}
	}
	a := mostTelling(lost)
	return nil, a.peer, a.err
}

func try(ctx context.Context, dial dialFunc, peer netip.AddrPort) attempt {
	nc, err := dial(ctx, "tcp", peer.String())
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		err = context.Canceled // What package net makes of it does not say so.
	}
	return attempt{peer, nc, err}
}

// mostTelling returns the attempt that came farthest: that a host refuses says more than that another address of its name
// cannot be reached from here.
func mostTelling(lost []attempt) attempt {
	order := []Kind{Reset, Refused, Timeout, Unreachable, Failed}
	return slices.MinFunc(lost, func(a, b attempt) int {
		return slices.Index(order, classify(Connect, a.err)) - slices.Index(order, classify(Connect, b.err))
	})
}
