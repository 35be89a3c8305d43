package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"
)

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(name string) *authority {
	a := &authority{pool: x509.NewCertPool()}
	a.key = newKey()
	a.cert = a.sign(name, a.key, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	}).Leaf
	a.pool.AddCert(a.cert)
	return a
}

// issue returns a certificate for name, which is both a server's and a client's.
func (a *authority) issue(name string) tls.Certificate {
	return a.sign(name, newKey(), func(*x509.Certificate) {})
}

func (a *authority) sign(name string, key *ecdsa.PrivateKey, as func(*x509.Certificate)) tls.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Unix(0, 0), // A bubble's clock begins in 2000.
		NotAfter:     time.Now().AddDate(1, 0, 0),
		DNSNames:     []string{name},
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	as(template)
	parent := a.cert
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

const serverName = "parley.test"

var (
	theAuthority = newAuthority("authority")
	serverTLS    = &tls.Config{Certificates: []tls.Certificate{theAuthority.issue(serverName)}}
	clientTLS    = &tls.Config{RootCAs: theAuthority.pool, ServerName: serverName}
)

// A tlsSocket is one whose clients speak TLS.
type tlsSocket struct{ socket }

func listenTLS(t *testing.T) socket {
	t.Helper()
	return tlsSocket{listenTCP(t)}
}

func (s tlsSocket) dial(ip netip.Addr) (net.Conn, error) {
	nc, err := s.socket.dial(ip)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(nc, clientTLS)
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	_ = secured.Handshake() // One who was turned away finds it when reading.
	return secured, nil
}
