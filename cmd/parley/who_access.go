package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"parley/client"
	"parley/config"
)

// A whoAccess is what was typed about where the admin side is, and how it lets us in.
type whoAccess struct {
	environ       []string
	tls, insecure bool
	ca, user      string
}

func (a *whoAccess) addFlags(flags *pflag.FlagSet) {
	booleanFlag(flags, &a.tls, "tls", "", "speak TLS; --ca, --insecure and a URL with https imply it")
	flags.StringVar(&a.ca, "ca", "", "trust the authorities in this file (PEM) instead of the system's")
	booleanFlag(flags, &a.insecure, "insecure", "", "take whatever certificate the server has")
	flags.StringVar(&a.user, "user", "", "who we are, where a name and a password are asked for")
}

// set sets it in an adminClient.
func (a *whoAccess) set(side *adminClient, args []string) error {
	base, err := a.base(args)
	if err != nil {
		return err
	}
	if base.Scheme == "http" && (a.tls || a.ca != "" || a.insecure) {
		base.Scheme = "https"
	}
	port := base.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[base.Scheme]
	}
	if side.address, err = client.TCPAddress(base.Hostname(), port); err != nil {
		return err
	}
	side.base, side.user = base, a.user
	if a.user != "" {
		side.password = lookup(a.environ, whoPassword)
	}
	side.http, err = a.client()
	return err
}

// base is where the admin side is.
func (a *whoAccess) base(args []string) (*url.URL, error) {
	if len(args) == 1 && strings.Contains(args[0], "://") {
		base, err := url.Parse(args[0])
		if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.RawQuery != "" || base.User != nil {
			return nil, fmt.Errorf("%q: want HOST:PORT, or http or https://HOST:PORT/; a name and a password go with --user and %s", args[0], whoPassword)
		}
		return base, nil
	}
	var address client.Address
	var err error
	if len(args) > 0 {
		address, err = peerAddress(args)
	} else {
		address, err = a.ourselves()
	}
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(address.String(), "unix:") || strings.ContainsAny(address.String(), "/@") {
		return nil, fmt.Errorf("%v: an admin side is at HOST:PORT", address)
	}
	return &url.URL{Scheme: "http", Host: address.String(), Path: "/"}, nil
}

// ourselves is the admin side of the server that the environment is of.
func (a *whoAccess) ourselves() (client.Address, error) {
	written := lookup(a.environ, "PARLEY_ADMIN")
	for _, v := range config.Variables() {
		if v.Name == "PARLEY_ADMIN" && written == "" {
			written = v.Default
		}
	}
	if strings.EqualFold(written, "off") {
		return client.Address{}, errors.New("PARLEY_ADMIN=off: say where the admin side is")
	}
	host, port, err := net.SplitHostPort(written)
	if err != nil {
		return client.Address{}, fmt.Errorf("PARLEY_ADMIN=%q: want HOST:PORT", written)
	}
	ip, _ := netip.ParseAddr(host)
	switch {
	case host == "" || ip == netip.IPv4Unspecified():
		host = "127.0.0.1"
	case ip == netip.IPv6Unspecified():
		host = "::1"
	}
	address, err := client.TCPAddress(host, port)
	if err != nil {
		return address, fmt.Errorf("PARLEY_ADMIN=%q: %w", written, err)
	}
	return address, nil
}

func (a *whoAccess) tlsConfig() (*tls.Config, error) {
	if a.ca != "" && a.insecure {
		return nil, errors.New("--ca and --insecure exclude each other: each says which certificate the server may have")
	}
	config := &tls.Config{InsecureSkipVerify: a.insecure}
	if a.ca != "" {
		var err error
		if config.RootCAs, err = rootCAs(a.ca); err != nil {
			return nil, err
		}
	}
	return config, nil
}

// lookup returns a variable of the environment; the last one counts.
func lookup(environ []string, name string) (value string) {
	for _, entry := range environ {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}
