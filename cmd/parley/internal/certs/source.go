package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
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
	files Files
	host  string
	log   *zap.Logger

	current atomic.Pointer[state]

	mu      sync.Mutex
	checked time.Time // when the files were last looked at
	seen    stamps    // as they were then

	warned time.Time // when the log was last told that the certificate expires; owned by Watch
}

// A state is what was read of the files.
type state struct {
	config *tls.Config
	leaf   *x509.Certificate // the server's
}

// checkInterval is how often the files are looked at, at most: a handshake should not cost a system call for each file.
const checkInterval = time.Second

// New reads the files, or makes a certificate for host. log is told of what changes later, and of what can't be used then. An
// error names the listener's key, the variable and the file.
func New(files Files, host string, log *zap.Logger) (*Source, error) {
	s := &Source{files: files, host: host, log: log, checked: time.Now(), seen: stampsOf(files)}
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
	sum := sha256.Sum256(s.current.Load().leaf.Raw)
	return hex.EncodeToString(sum[:])
}

// NotAfter returns when the server's certificate expires, as the files are now.
func (s *Source) NotAfter() time.Time {
	s.refresh()
	return s.current.Load().leaf.NotAfter
}

// SelfSigned reports whether the certificate was made here.
func (s *Source) SelfSigned() bool { return s.files.Cert == "" }

// read makes a state of the files as they are, with a new certificate if there is none in them.
func (s *Source) read() (*state, error) {
	cert, err := s.certificate()
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}
	if s.files.ClientCA != "" {
		pem, err := readFile("tls_client_ca", s.files.ClientCA)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: %w", named("tls_client_ca", s.files.ClientCA), errNoCertificate)
		}
		config.ClientCAs, config.ClientAuth = pool, tls.RequireAndVerifyClientCert
		// A ticket would let in again a client whose authority is no longer in the file.
		config.SessionTicketsDisabled = true
	}
	return &state{config, cert.Leaf}, nil
}

// certificate returns the one in the files. If there is none in them, it is the one from before until that is to be renewed, and
// then a new one.
func (s *Source) certificate() (tls.Certificate, error) {
	if s.SelfSigned() {
		if before := s.current.Load(); before != nil && time.Now().Before(renewal(before.leaf)) {
			return before.config.Certificates[0], nil
		}
		cert, err := selfSigned(s.host)
		if err != nil {
			return cert, fmt.Errorf("making a self-signed certificate: %w", err)
		}
		return signing(cert), nil
	}
	certPEM, err := readFile("tls_cert", s.files.Cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyPEM, err := readFile("tls_key", s.files.Key)
	if err != nil {
		return tls.Certificate{}, err
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return cert, fmt.Errorf("%s with %s: %w", named("tls_cert", s.files.Cert), named("tls_key", s.files.Key), err)
	}
	return signing(cert), nil
}

// readFile reads the file that a key of a listener names, or its variable.
func readFile(key, name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if sys, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("%s: %w", named(key, name), sys.Err)
	}
	return text, err
}

// named says where the name of a file is from: a listener's key, or the variable that holds where no key does.
func named(key, file string) string {
	return fmt.Sprintf("%s (PARLEY_%s) %s", key, strings.ToUpper(key), file)
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
