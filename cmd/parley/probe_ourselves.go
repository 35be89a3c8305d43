package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"parley/client"
	"parley/config"
)

// aimAtOurselves makes the first listener of the environment what is probed that does not misbehave on request; if all do, the first
// one, which is to take the connection and nothing more. It sends nothing unless there is a message:
// a server logs what a health check does only where something is wrong.
func (p *probeCommand) aimAtOurselves(environ []string) error {
	_, listeners, _, err := config.Load(environ, nil, catalog())
	if err != nil {
		return err
	}
	well := slices.IndexFunc(listeners, func(l config.Listener) bool { return !misbehaves(l) })
	l := listeners[max(0, well)]
	if p.probe.Address, err = nearest(l); err != nil {
		return err
	}
	if p.probe.Dialer.Wire == "" {
		p.probe.Dialer.Wire = l.Wire
	}
	if p.greeting == "auto" {
		p.probe.MustGreet, p.probe.Dialer.NoGreeting = l.Greeting, !l.Greeting
	}
	if l.TLS && p.probe.Dialer.TLS == nil {
		p.probe.Dialer.TLS = &client.TLSConfig{Insecure: true} // Whose certificate it is, is known; what is in question is whether it answers.
	}
	if l.ProxyProtocol && p.probe.Dialer.Proxy == 0 {
		p.probe.Dialer.Proxy = 2
	}
	p.probe.Quiet = p.probe.Message == ""
	if p.probe.Quiet {
		p.probe.Barred = p.barred(l)
		p.probe.ConnectOnly = well < 0 && p.greeting == "auto"
	}
	if p.probe.Barred == client.Addresses && !trusts(l, here(p.probe.Address)) {
		p.probe.Dialer.Proxy = 0 // A header that nobody reads would turn the end of the connection into a reset.
	}
	return nil
}

// misbehaves reports whether some connections of the listener are to get faults.
func misbehaves(l config.Listener) bool {
	f := faults(l)
	return f.String() != ""
}

// barred returns why the listener does not let this machine in: a health check has no business in it, and it is well if it says so.
func (p *probeCommand) barred(l config.Listener) client.Barrier {
	if l.Network == "tcp" {
		from := here(p.probe.Address)
		if contains(l.Deny, from) || len(l.Allow) > 0 && !contains(l.Allow, from) || !trusts(l, from) {
			return client.Addresses
		}
	}
	if l.TLS && l.TLSClientCA != "" && p.probe.Dialer.TLS.Certificate == nil {
		return client.Certificate
	}
	return client.NoBarrier
}

// trusts reports whether the listener takes PROXY headers from an address, if it takes any.
func trusts(l config.Listener, from netip.Addr) bool {
	return !l.ProxyProtocol || contains(l.ProxyTrusted, from)
}

func contains(prefixes config.Prefixes, addr netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// here is the address that a listener on this machine sees us come from: the one that we connect to. That of a name is taken for
// loopback, as that of localhost is.
func here(to client.Address) netip.Addr {
	if at, err := netip.ParseAddrPort(to.String()); err == nil {
		return at.Addr().WithZone("").Unmap()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// nearest returns where a listener is reached from this machine.
func nearest(l config.Listener) (client.Address, error) {
	switch {
	case l.Network == "unix":
		return client.ParseAddress("unix:" + l.Path)
	case l.FirstPort == 0:
		return client.Address{}, fmt.Errorf("%s is on whatever port was free: say which one", l)
	}
	host := l.Host
	if host == "" {
		host = "127.0.0.1"
	} else if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.Is6() {
			host = "::1"
		}
	}
	return client.TCPAddress(host, strconv.Itoa(int(l.FirstPort)))
}
