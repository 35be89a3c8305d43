//go:build unix

package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certificates are files in a folder, and pairs, of a lab's authority:
//
//	ca.pem         its certificate
//	other.pem      that of an authority that has issued nothing
//	server.pem     certificate and key of lab.test and 127.0.0.1
//	expired.pem    likewise, an old one
//	ada.pem        certificate and key of a client called ada, which are also apart in ada.crt and ada.key
//	stranger.pem   those of a client whom another authority knows
type certificates struct {
	folder  string
	pool    *x509.CertPool
	servers map[string]tls.Certificate // server, expired
}

func newCertificates(t testing.TB, folder string) *certificates {
	t.Helper()
	c := &certificates{folder: folder, pool: x509.NewCertPool(), servers: make(map[string]tls.Certificate)}
	ca, other := c.issue(t, "Lab CA", "", nil), c.issue(t, "Other CA", "", nil)
	c.pool.AddCert(ca.Leaf)
	c.save(t, "ca.pem", certificatePEM(ca))
	c.save(t, "other.pem", certificatePEM(other))
	for name, dated := range map[string]time.Duration{"server": 0, "expired": -48 * time.Hour} {
		pair := c.issue(t, "lab", "lab.test", &ca, dated)
		c.servers[name] = pair
		c.save(t, name+".pem", certificatePEM(pair)+keyPEM(t, pair))
	}
	ada := c.issue(t, "ada", "", &ca)
	c.save(t, "ada.pem", certificatePEM(ada)+keyPEM(t, ada))
	c.save(t, "ada.crt", certificatePEM(ada))
	c.save(t, "ada.key", keyPEM(t, ada))
	stranger := c.issue(t, "stranger", "", &other)
	c.save(t, "stranger.pem", certificatePEM(stranger)+keyPEM(t, stranger))
	return c
}

// issue makes a certificate that is valid for a day, or was; by nil it is an authority's own.
func (c *certificates) issue(t testing.TB, name, host string, by *tls.Certificate, shifted ...time.Duration) tls.Certificate {
	t.Helper()
	now := time.Now()
	for _, by := range shifted {
		now = now.Add(by)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if host != "" {
		template.DNSNames, template.IPAddresses = []string{host}, []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	issuer, signer := template, any(key)
	if by == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage, template.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	} else {
		issuer, signer = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (c *certificates) path(name string) string { return filepath.Join(c.folder, name) }

func (c *certificates) save(t testing.TB, name, text string) {
	t.Helper()
	must(t, os.WriteFile(c.path(name), []byte(text), 0o600))
}

// pin is the SHA-256 of a server's certificate.
func (c *certificates) pin(server string) string {
	sum := sha256.Sum256(c.servers[server].Certificate[0])
	return hex.EncodeToString(sum[:])
}

func certificatePEM(pair tls.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}))
}

func keyPEM(t testing.TB, pair tls.Certificate) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
