package main

import (
	"crypto/tls"
	"os"

	"go.uber.org/zap"

	"parley/cmd/parley/internal/certs"
	"parley/config"
)

// certificates are where the listeners have theirs from. Those of the same files share one, and so do those that are
// self-signed.
type certificates map[certs.Files]*certs.Source

// of returns what the listener shows; nil if it does not speak TLS.
func (c certificates) of(l config.Listener, log *zap.Logger) (*certs.Source, error) {
	if !l.TLS {
		return nil, nil
	}
	files := certs.Files{Cert: l.TLSCert, Key: l.TLSKey, ClientCA: l.TLSClientCA}
	if source, ok := c[files]; ok {
		return source, nil
	}
	host, _ := os.Hostname() // Without one, the certificate has the other names.
	source, err := certs.New(files, host, log)
	if err != nil {
		return nil, err
	}
	c[files] = source
	return source, nil
}

// watchCertificates has the certificates replaced, or warned of, before they expire, until done.
func (d *daemon) watchCertificates(done <-chan struct{}) {
	watched := make(map[*certs.Source]bool)
	for _, s := range d.serving {
		if s.certs != nil && !watched[s.certs] {
			watched[s.certs] = true
			go s.certs.Watch(done)
		}
	}
}

// config is how the server is to speak TLS; nil if it is not to.
func (certificates) config(source *certs.Source) *tls.Config {
	if source == nil {
		return nil
	}
	return source.Config()
}
