package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"

	"github.com/spf13/pflag"

	"parley/client"
)

// transportFlags adds the flags that say how a client's connections speak TLS, and with which PROXY header they begin. The
// function that it returns sets what was typed in a Dialer; it is to be called when the flags have been read.
func transportFlags(flags *pflag.FlagSet) func(*client.Dialer) error {
	t := transport{flags: flags}
	booleanFlag(flags, &t.tls, "tls", "", "speak TLS; --ca, --cert, --pin, --server-name and --insecure imply it")
	flags.StringVar(&t.ca, "ca", "", "trust the authorities in this file (PEM) instead of the system's")
	flags.StringVar(&t.cert, "cert", "", "our certificate, for a server that wants one, and those of its authorities (PEM)")
	flags.StringVar(&t.key, "key", "", "its key (PEM) (default: in the file of --cert)")
	flags.StringVar(&t.pin, "pin", "", "the SHA-256 of the server's certificate, hex or base64; nothing else is checked then")
	flags.StringVar(&t.serverName, "server-name", "", "the name that is asked for and the certificate is to be for (default: the host)")
	booleanFlag(flags, &t.insecure, "insecure", "", "take whatever certificate the server has")
	flags.StringVar(&t.proxy, "proxy", "", "begin with a PROXY header, as a proxy does: v1 or v2")
	flags.StringVar(&t.proxyFrom, "proxy-from", "", "the client's ADDR:PORT in that header (default: our own)")
	return t.set
}

// A transport is what was typed.
type transport struct {
	flags                          *pflag.FlagSet
	tls, insecure                  bool
	ca, cert, key, pin, serverName string
	proxy, proxyFrom               string
}

// set sets it in d. The error says which flag makes no sense, or which file.
func (t *transport) set(d *client.Dialer) (err error) {
	if d.Proxy, d.ProxyFrom, err = t.header(); err != nil {
		return err
	}
	if t.flags.Changed("tls") && !t.tls {
		return nil
	}
	implied := t.ca != "" || t.cert != "" || t.key != "" || t.pin != "" || t.serverName != "" || t.insecure
	if !t.tls && !implied {
		return nil
	}
	d.TLS, err = t.config()
	return err
}

// header returns what the PROXY header is to be.
func (t *transport) header() (version int, from netip.AddrPort, err error) {
	switch t.proxy {
	case "":
		if t.proxyFrom != "" {
			return 0, from, errors.New("--proxy-from needs --proxy=v1 or v2")
		}
		return 0, from, nil
	case "v1":
		version = 1
	case "v2":
		version = 2
	default:
		return 0, from, fmt.Errorf("--proxy=%q: want v1 or v2", t.proxy)
	}
	if t.proxyFrom == "" {
		return version, from, nil
	}
	from, err = netip.ParseAddrPort(t.proxyFrom)
	if err != nil || from.Addr().Zone() != "" {
		return 0, from, fmt.Errorf("--proxy-from=%q: want an address and a port, as in 203.0.113.9:51544 or [2001:db8::9]:51544", t.proxyFrom)
	}
	return version, from, nil
}

// config returns how TLS is spoken.
func (t *transport) config() (*client.TLSConfig, error) {
	switch {
	case t.pin != "" && t.ca != "", t.pin != "" && t.insecure, t.ca != "" && t.insecure:
		return nil, errors.New("--ca, --pin and --insecure exclude each other: each says which certificate the server may have")
	case t.key != "" && t.cert == "":
		return nil, errors.New("--key needs --cert")
	}
	config := &client.TLSConfig{ServerName: t.serverName, Insecure: t.insecure}
	if t.pin != "" {
		pin, err := client.ParsePin(t.pin)
		if err != nil {
			return nil, fmt.Errorf("--pin: %w", err)
		}
		config.Pin = pin
	}
	if t.ca != "" {
		var err error
		if config.RootCAs, err = rootCAs(t.ca); err != nil {
			return nil, err
		}
	}
	if t.cert != "" {
		pair, err := t.certificate()
		if err != nil {
			return nil, err
		}
		config.Certificate = pair
	}
	return config, nil
}

// certificate returns our own.
func (t *transport) certificate() (*tls.Certificate, error) {
	cert, err := readFile("cert", t.cert)
	if err != nil {
		return nil, err
	}
	key, file := cert, t.cert
	if t.key != "" {
		file = t.key
		if key, err = readFile("key", t.key); err != nil {
			return nil, err
		}
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("--cert=%s --key=%s: %w", t.cert, file, err)
	}
	return &pair, nil
}

// rootCAs returns the authorities in the file that --ca names.
func rootCAs(file string) (*x509.CertPool, error) {
	text, err := readFile("ca", file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--ca=%s: it has no certificate in it", file)
	}
	return pool, nil
}

// readFile reads the file that a flag names. The error says which one it is.
func readFile(flag, name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if sys, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("--%s=%s: %w", flag, name, sys.Err)
	}
	return text, err
}
