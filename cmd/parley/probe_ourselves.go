package main

import (
	"fmt"
	"net/netip"
	"strconv"

	"parley/client"
	"parley/config"
)

// aimAtOurselves makes the first listener of the environment what is probed. It sends nothing unless there is a message:
// a server logs what a health check does only where something is wrong.
func (p *probeCommand) aimAtOurselves(environ []string) error {
	_, listeners, _, err := config.Load(environ, nil, catalog())
	if err != nil {
		return err
	}
	l := listeners[0]
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
	return nil
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
