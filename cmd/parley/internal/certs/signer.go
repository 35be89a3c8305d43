package certs

import (
	"crypto"
	"crypto/tls"
	"io"
)

// A signer signs on a goroutine of its own. Signing needs more stack than the rest of a handshake, and a goroutine that has had it
// keeps it for as long as a client stalls: a third of what such a client costs.
type signer struct{ crypto.Signer }

func (s signer) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) (signature []byte, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		signature, err = s.Signer.Sign(random, digest, opts)
	}()
	<-done
	return signature, err
}

// signing returns cert with a key that signs so.
func signing(cert tls.Certificate) tls.Certificate {
	if key, ok := cert.PrivateKey.(crypto.Signer); ok {
		cert.PrivateKey = signer{key}
	}
	return cert
}
