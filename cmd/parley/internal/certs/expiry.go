package certs

import (
	"crypto/x509"
	"time"

	"go.uber.org/zap"
)

const (
	watchInterval   = 10 * time.Minute    // of looking at the certificate's dates, and at the files where nobody connects
	warningInterval = 24 * time.Hour      // of saying that it expires
	warningTime     = 14 * 24 * time.Hour // before it expires that is said, and one that was made here is replaced
)

// renewal is when a certificate should have been replaced: two weeks before it expires, of one that is valid for less than ten when
// a fifth of its time is left.
func renewal(c *x509.Certificate) time.Time {
	return c.NotAfter.Add(-min(warningTime, c.NotAfter.Sub(c.NotBefore)/5))
}

// Watch replaces the certificate in time if it was made here, for new connections; of one in a file it says once a day that it
// expires soon, or has expired. It ends with done.
func (s *Source) Watch(done <-chan struct{}) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		s.checkDates()
		select {
		case <-done:
			return
		case <-ticker.C:
		}
	}
}

func (s *Source) checkDates() {
	s.refresh()
	leaf := s.current.Load().leaf
	now := time.Now()
	if now.Before(renewal(leaf)) {
		s.warned = time.Time{} // Of the next one that is to be said at once.
		return
	}
	if s.SelfSigned() {
		s.renew()
		return
	}
	if now.Sub(s.warned) < warningInterval {
		return
	}
	s.warned = now
	what := "the TLS certificate expires soon"
	if now.After(leaf.NotAfter) {
		what = "the TLS certificate has expired: clients refuse it"
	}
	s.log.Warn(what, zap.String("cert", s.files.Cert), zap.Time("not_after", leaf.NotAfter), zap.String("cert_sha256", s.Fingerprint()))
}

// renew replaces a certificate that was made here.
func (s *Source) renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	read, err := s.read()
	if err != nil {
		s.log.Warn("the self-signed TLS certificate expires and can't be replaced, trying again", zap.Error(err))
		return
	}
	s.current.Store(read)
	s.log.Info("the self-signed TLS certificate was replaced before it expires",
		zap.Time("not_after", read.leaf.NotAfter), zap.String("cert_sha256", s.Fingerprint()))
}
