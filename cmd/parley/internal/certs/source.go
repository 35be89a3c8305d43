package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Files are where a Source has its certificates from, all in PEM.
type Files struct {
	Cert     string // the server's, and behind it those that it was signed by; empty: one is made, and Key is empty too
	Key      string
	ClientCA string // who may have signed the clients'; empty: clients are not asked for one
}

// A Source is what the TLS of a listener is configured by.
type Source struct {
	files      Files
	log        *zap.Logger
	selfSigned *tls.Certificate // nil: it is in a file

	current atomic.Pointer[state]

	mu      sync.Mutex
	checked time.Time // when the files were last looked at
	seen    stamps    // as they were then
}

// A state is what was read of the files.
type state struct {
	config *tls.Config
	leaf   []byte // the server's certificate, as DER
}

// checkInterval is how often the files are looked at, at most: a handshake should not cost a system call for each file.
const checkInterval = time.Second

// New reads the files, or makes a certificate for host. log is told when a file that was replaced can't be used.
func New(files Files, host string, log *zap.Logger) (*Source, error) {
	s := &Source{files: files, log: log, checked: time.Now(), seen: stampsOf(files)}
	if files.Cert == "" {
		cert, err := selfSigned(host)
		if err != nil {
			return nil, fmt.Errorf("making a self-signed certificate: %w", err)
		}
		s.selfSigned = &cert
	}
	read, err := s.read()
	if err != nil {
		return nil, err
	}
	s.current.Store(read)
	return s, nil
}

// Config returns what to serve TLS with: version 1.2 and above, and each connection with the files as they are when it
// comes.
func (s *Source) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			s.refresh()
			return s.current.Load().config, nil
		},
	}
}

// Fingerprint returns the SHA-256 of the server's certificate in DER, in hexadecimal.
func (s *Source) Fingerprint() string {
	sum := sha256.Sum256(s.current.Load().leaf)
	return hex.EncodeToString(sum[:])
}

// SelfSigned reports whether the certificate was made here.
func (s *Source) SelfSigned() bool { return s.selfSigned != nil }

// read makes a state of the files as they are.
func (s *Source) read() (*state, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.selfSigned != nil {
		config.Certificates = []tls.Certificate{*s.selfSigned}
	} else {
		cert, err := tls.LoadX509KeyPair(s.files.Cert, s.files.Key)
		if err != nil {
			return nil, fmt.Errorf("certificate %s with key %s: %w", s.files.Cert, s.files.Key, err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	if s.files.ClientCA != "" {
		pem, err := os.ReadFile(s.files.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("client CA %s: %w", s.files.ClientCA, err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("client CA %s: %w", s.files.ClientCA, errNoCertificate)
		}
		config.ClientCAs, config.ClientAuth = pool, tls.RequireAndVerifyClientCert
		// A ticket would let in again a client whose authority is no longer in the file.
		config.SessionTicketsDisabled = true
	}
	return &state{config, config.Certificates[0].Certificate[0]}, nil
}

var errNoCertificate = errors.New("it holds no certificate in PEM")

// refresh reads the files again if they have changed, unless somebody else does or they were looked at a moment ago.
// What can't be used is logged once, and changes nothing: a certificate and its key are replaced one after the other.
func (s *Source) refresh() {
	if !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.checked) < checkInterval {
		return
	}
	s.checked = now
	seen := stampsOf(s.files)
	if seen == s.seen {
		return
	}
	s.seen = seen
	read, err := s.read()
	if err != nil {
		s.log.Warn("TLS files have changed and can't be used, the ones from before stay", zap.Error(err))
		return
	}
	s.current.Store(read)
	s.log.Info("TLS files have changed", zap.String("cert_sha256", s.Fingerprint()))
}

// stamps tell whether a file has changed.
type stamps [3]struct{ modified, size int64 }

func stampsOf(f Files) (s stamps) {
	for i, name := range []string{f.Cert, f.Key, f.ClientCA} {
		if info, err := os.Stat(name); name != "" && err == nil {
			s[i].modified, s[i].size = info.ModTime().UnixNano(), info.Size()
		}
	}
	return s
}
