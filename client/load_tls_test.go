package client_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"parley/client"
)

// Every mode goes over TLS, each connection with a handshake of its own, and with the certificate of the name that was asked for
// though later connections no longer look it up.
func TestLoadTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "Lab CA")
	cert := ca.issue(t, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"localhost"}, nil })
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}}, helloTLS)
	_, port, _ := net.SplitHostPort(server.String())
	for _, l := range []client.Load{
		{Mode: client.LoadEcho, Connections: 5},
		{Mode: client.LoadEcho, Connections: 2, Rate: 500},
		{Mode: client.LoadEcho, Connections: 2, Size: 100_000},
		{Mode: client.LoadChurn, Connections: 2},
		{Mode: client.LoadBulk, Connections: 2, Size: 64 << 10},
		{Mode: client.LoadIdle, Connections: 20},
	} {
		l.Address, l.Dialer.TLS = parse(t, "localhost:"+port), &client.TLSConfig{RootCAs: ca.pool}
		l.Dialer.Silence = patience
		r := load(t, l)
		if r.ErrorCount() != 0 || r.Messages == 0 {
			t.Errorf("%s: %s; %v", r.Headline(), r.Summary(), r.First)
		}
		if n := int(r.Handshake.Count()); l.Mode != client.LoadChurn && n != l.Connections || n == 0 {
			t.Errorf("%s: %d handshakes", r.Headline(), n)
		}
		if text := r.String(); !strings.Contains(text, ", text wire, TLS 1.3\n") || !strings.Contains(text, "\ntls      avg=") {
			t.Errorf("%s", text)
		}
		object, err := json.Marshal(r)
		if err != nil || !strings.Contains(string(object), `"tls_version":"1.3","tls_cipher":"TLS_`) || !strings.Contains(string(object), `"tls_ms":{`) {
			t.Errorf("%s, %v", object, err)
		}
	}
}

// What goes wrong within the handshake is of kind tls, even where the server finds it when the handshake is over for us.
func TestLoadTLS_refused(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "Lab CA")
	server := serveTLS(t, &tls.Config{
		Certificates: []tls.Certificate{ca.issue(t, nil)}, ClientAuth: tls.RequireAnyClientCert,
	}, helloTLS)
	const want = "it wants a certificate of its clients, and there was none to give (alert: certificate required)"
	for _, silent := range []bool{false, true} {
		l := client.Load{
			Address: server, Timeout: patience,
			Dialer: client.Dialer{TLS: &client.TLSConfig{RootCAs: ca.pool}, Silence: patience, NoGreeting: silent},
		}
		_, err := l.Run(t.Context())
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Kind != client.BadTLS || e.Phase != client.TLS || e.Why() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// A PROXY header comes first on every connection; a server that takes none is told from one that echoes wrongly.
func TestLoadProxy(t *testing.T) {
	t.Parallel()
	dialer := client.Dialer{Proxy: 2, ProxyFrom: netip.MustParseAddrPort("203.0.113.9:51544"), Silence: patience}
	r := load(t, client.Load{Address: serve(t, func(nc *net.TCPConn) { tellsHeader(nc) }), Dialer: dialer, Connections: 3})
	if r.ErrorCount() != 0 || r.Messages == 0 {
		t.Errorf("%s; %v", r.Summary(), r.First)
	}
	for dialer.Proxy = range 3 {
		if dialer.Proxy == 0 {
			continue
		}
		_, err := client.Load{Address: serve(t, echoes("text", "echo", "ECHO: ")), Dialer: dialer, Timeout: patience}.Run(t.Context())
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Kind != client.Wrong || !strings.Contains(e.Why(), "(does it take a PROXY header?)") {
			t.Errorf("v%d: %v", dialer.Proxy, err)
		}
	}
}
