package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"

	"parley/client"
)

// An authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool // with nothing but its certificate
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	template := template(name)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	pair := issue(t, template, nil)
	a.cert, a.key = pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey)
	a.pool.AddCert(a.cert)
	return a
}

// issue issues a certificate for lab.test and 127.0.0.1, for either end of a connection, which change has changed, unless it is nil.
func (a *authority) issue(t testing.TB, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := template("lab")
	template.DNSNames, template.IPAddresses = []string{"lab.test"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	if change != nil {
		change(template)
	}
	return issue(t, template, a)
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// issue makes a certificate that by has signed; nil: its own key.
func issue(t testing.TB, template *x509.Certificate, by *authority) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer, signer := template, key
	if by != nil {
		issuer, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// serveTLS runs f on each connection when the handshake is over. Of one that fails the server says what package tls makes it say.
func serveTLS(t testing.TB, config *tls.Config, f func(*tls.Conn)) client.Address {
	t.Helper()
	return serve(t, overTLS(config, f))
}

func overTLS(config *tls.Config, f func(*tls.Conn)) func(*net.TCPConn) {
	return func(nc *net.TCPConn) {
		conn := tls.Server(nc, config)
		if err := conn.Handshake(); err != nil {
			_ = nc.CloseWrite()
			discard(nc)
			return
		}
		f(conn)
		conn.Close()
	}
}

// fails dials, which is to fail within the TLS handshake, and returns why.
func fails(t testing.TB, d client.Dialer, a client.Address) *client.Error {
	t.Helper()
	d = patiently(d)
	if d.Timeouts.TLS == 0 {
		d.Timeouts.TLS = patience
	}
	conn, err := d.Dial(t.Context(), a)
	if err == nil {
		conn.Close()
		t.Fatal("it connected")
	}
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Kind != client.BadTLS || e.Phase != client.TLS {
		t.Fatalf("%v: want one of kind tls, in phase tls", err)
	}
	checkError(t, err)
	return e
}

// handshaken returns both ends of a connection within this process, the client's being greeted, and what is to be closed.
func handshaken(t testing.TB, d client.Dialer, config *tls.Config) (*client.Conn, *tls.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	server := tls.Server(theirs, config)
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	conn, err := d.Converse(context.Background(), ours)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return conn, server
}
