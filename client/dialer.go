package client

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"parley/protocol"
)

// What holds where a Dialer does not say otherwise.
const (
	defaultTimeout = 10 * time.Second
	// defaultSilence is how long a server that greets may take to begin. It comes on top of a round trip.
	defaultSilence = 300 * time.Millisecond
	// defaultMaxMessage bounds what a server can make us hold.
	defaultMaxMessage = 1 << 20
	// defaultMaxPickle is as much for pickles, of which each byte may cost 200 whenever one is looked at.
	defaultMaxPickle = 64 << 10
)

// A Dialer connects to servers and reads their greetings. The zero value will do.
type Dialer struct {
	// Wire is the name of a wire format in protocol.Wires; empty: it is recognised by the greeting.
	Wire string
	// NoGreeting says that there is no greeting to wait for. What comes is then a message.
	NoGreeting bool
	// Silence is how long a server may say nothing before there is no greeting; zero: 300 ms.
	Silence time.Duration
	// Timeouts bound the phases up to the greeting, ten seconds each where it says zero. A context may be stricter.
	Timeouts Timings
	// MaxMessage is how many bytes a message may have, the greeting too; zero: 1 MiB, and 64 KiB of a pickle.
	MaxMessage int
	// TLS has the connection speak TLS; nil: it does not.
	TLS *TLSConfig
	// Proxy is the version, 1 or 2, of the PROXY header that comes first, in front of a TLS handshake too; zero: there is none.
	Proxy int
	// ProxyFrom is the client's address in that header; zero: our own.
	ProxyFrom netip.AddrPort
	// Resolver looks up names; nil: the system's.
	Resolver *net.Resolver

	dial dialFunc // nil: the system's; tests have their own network
}

// A dialFunc connects to an address.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// timeout is how long a phase may take: Timeouts has it, and zero means ten seconds. The context of a call may be shorter.
func (d *Dialer) timeout(p Phase) time.Duration {
	return cmp.Or(*d.Timeouts.of(p), defaultTimeout)
}

// maxMessage is how many bytes a message of the wire may have.
func (d *Dialer) maxMessage(wire string) int {
	if wire == protocol.PickleName {
		return cmp.Or(d.MaxMessage, defaultMaxPickle)
	}
	return cmp.Or(d.MaxMessage, defaultMaxMessage)
}

// Dial connects to a server, on any of the addresses of its name, and reads its greeting if there is one. The error is an
// *Error.
func (d Dialer) Dial(ctx context.Context, address Address) (*Conn, error) {
	var t Timings
	addrs, err := d.resolve(ctx, address, &t)
	if err != nil {
		return nil, newError(DNS, address, t, err)
	}
	nc, peer, err := d.connect(ctx, address, addrs, &t)
	if err != nil {
		e := newError(Connect, address, t, err)
		if _, isName := address.literal(); !isName {
			return nil, e
		}
		e.Peer = peer.String()
		return nil, e
	}
	return d.converse(ctx, nc, address, t)
}

// Converse does on a connection that stands already what Dial does from then on: the PROXY header, TLS and the greeting. It closes the connection when that fails, else the Conn
// does. The error is an *Error.
func (d Dialer) Converse(ctx context.Context, nc net.Conn) (*Conn, error) {
	return d.converse(ctx, nc, Address{host: nc.RemoteAddr().String()}, Timings{})
}

// literal returns the address where no name has to be looked up, else that there is a name.
func (a Address) literal() (addr netip.AddrPort, isName bool) {
	if a.network != "tcp" {
		return netip.AddrPort{}, false
	}
	ip, err := netip.ParseAddr(a.host)
	if err != nil {
		return netip.AddrPort{}, true
	}
	return netip.AddrPortFrom(ip.Unmap(), a.port), false
}

// resolve looks the name up.
func (d *Dialer) resolve(ctx context.Context, a Address, t *Timings) ([]netip.AddrPort, error) {
	literal, isName := a.literal()
	if !isName {
		return []netip.AddrPort{literal}, nil
	}
	resolver := d.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout(DNS))
	defer cancel()
	began := time.Now()
	ips, err := resolver.LookupNetIP(ctx, "ip", a.host)
	t.DNS = time.Since(began)
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			err = context.Canceled
		}
		return nil, err
	}
	addrs := make([]netip.AddrPort, len(ips))
	for i, ip := range alternate(ips) {
		addrs[i] = netip.AddrPortFrom(ip, a.port)
	}
	return addrs, nil
}

// connect connects to the first of the addresses that lets us. Where all fail, peer is the one whose error says most.
func (d *Dialer) connect(ctx context.Context, a Address, addrs []netip.AddrPort, t *Timings) (nc net.Conn, peer netip.AddrPort, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout(Connect))
	defer cancel()
	dial := d.dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	began := time.Now()
	if a.network == "unix" {
		nc, err = dial(ctx, "unix", a.host)
	} else {
		nc, peer, err = race(ctx, dial, addrs)
	}
	t.Connect = time.Since(began)
	return nc, peer, err
}
