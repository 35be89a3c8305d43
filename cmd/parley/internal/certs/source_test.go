package certs_test

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
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"parley/cmd/parley/internal/certs"
)

// write writes a self-signed certificate of this name, and its key.
func write(t *testing.T, f certs.Files, name string) {
	t.Helper()
	writeValid(t, f, name, time.Unix(0, 0), time.Now().AddDate(100, 0, 0))
}

// writeValid writes one that is valid for that time.
func writeValid(t *testing.T, f certs.Files, name string, from, to time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: from, NotAfter: to,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	save(t, f.Cert, "CERTIFICATE", der)
	save(t, f.Key, "PRIVATE KEY", private)
}

func save(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if name != "" {
		must(t, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func filesIn(dir string) certs.Files {
	return certs.Files{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
}

// shown returns the certificate that a client of config sees.
func shown(t *testing.T, config *tls.Config) *x509.Certificate {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	done := make(chan error, 1)
	go func() { done <- tls.Server(ours, config).Handshake() }()
	client := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}) // 1.2: it ends with the server.
	must(t, client.Handshake())
	must(t, <-done)
	return client.ConnectionState().PeerCertificates[0]
}

func TestSelfSigned(t *testing.T) {
	t.Parallel()
	s, err := certs.New(certs.Files{}, "pod-x", zap.NewNop())
	must(t, err)
	cert := shown(t, s.Config())
	for _, name := range []string{"pod-x", "localhost", "127.0.0.1", "::1"} {
		if err := cert.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: time.Now().AddDate(0, 11, 0)}); err != nil {
		t.Error(err)
	}
	if time.Now().AddDate(1, 0, 1).Before(cert.NotAfter) {
		t.Errorf("it is valid until %v", cert.NotAfter)
	}
	sum := sha256.Sum256(cert.Raw)
	if got, want := s.Fingerprint(), hex.EncodeToString(sum[:]); got != want || !s.SelfSigned() {
		t.Errorf("fingerprint %s of one self-signed: %v; want %s", got, s.SelfSigned(), want)
	}
}

// A host name that no certificate can have is left out.
func TestSelfSigned_oddHost(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"", "größe", "two words", "localhost"} {
		s, err := certs.New(certs.Files{}, host, zap.NewNop())
		must(t, err)
		if got := shown(t, s.Config()).DNSNames; len(got) != 1 {
			t.Errorf("%q: it names %q", host, got)
		}
	}
}

// A certificate that is renewed is shown to who comes then, at most a second later; what can't be used is said once,
// and the one from before stays.
func TestSource_renewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		files := filesIn(t.TempDir())
		write(t, files, "first")
		core, logs := observer.New(zap.InfoLevel)
		s, err := certs.New(files, "", zap.New(core))
		must(t, err)
		config := s.Config()
		want := func(name string, lines int) {
			t.Helper()
			time.Sleep(time.Second)
			for range 3 {
				if got := shown(t, config).Subject.CommonName; got != name {
					t.Errorf("it shows %s, want %s", got, name)
				}
				time.Sleep(time.Second)
			}
			if n := logs.Len(); n != lines {
				t.Errorf("%d lines in the log, want %d: %v", n, lines, logs.All())
			}
		}
		want("first", 0)

		second := files
		second.Key = filepath.Join(t.TempDir(), "later.key")
		write(t, second, "the second") // Its key is not there yet.
		want("first", 1)
		key, err := os.ReadFile(second.Key)
		must(t, err)
		must(t, os.WriteFile(files.Key, append(key, '\n'), 0o600)) // Another size: the clock of files may not have moved on.
		want("the second", 2)
		must(t, os.WriteFile(files.Cert, []byte("nonsense"), 0o600))
		want("the second", 3)
		must(t, os.Remove(files.Cert))
		want("the second", 4)
		write(t, files, "and the third")
		want("and the third", 5)
	})
}

// Within a second of the last look the files are not looked at again.
func TestSource_looksRarely(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		files := filesIn(t.TempDir())
		write(t, files, "first")
		s, err := certs.New(files, "", zap.NewNop())
		must(t, err)
		write(t, files, "the second")
		time.Sleep(999 * time.Millisecond)
		if got := shown(t, s.Config()).Subject.CommonName; got != "first" {
			t.Errorf("it shows %s", got)
		}
	})
}

func TestNew_errors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files, other := filesIn(dir), certs.Files{Cert: filepath.Join(dir, "other.crt"), Key: filepath.Join(dir, "other.key")}
	write(t, files, "a")
	write(t, other, "b")
	for want, f := range map[string]certs.Files{
		"tls_cert (PARLEY_TLS_CERT) " + filepath.Join(dir, "missing") + ": no such file": {Cert: filepath.Join(dir, "missing"), Key: files.Key},
		"tls_key (PARLEY_TLS_KEY) " + filepath.Join(dir, "missing") + ": no such file":   {Cert: files.Cert, Key: filepath.Join(dir, "missing")},
		"does not match":    {Cert: files.Cert, Key: other.Key},
		"failed to find":    {Cert: files.Key, Key: files.Key},
		"no certificate in": {Cert: files.Cert, Key: files.Key, ClientCA: files.Key},
		"tls_client_ca (PARLEY_TLS_CLIENT_CA) " + filepath.Join(dir, "missing") + ": no such file": {ClientCA: filepath.Join(dir, "missing")},
	} {
		if _, err := certs.New(f, "", zap.NewNop()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// With a client CA, only its clients get in.
func TestClientCA(t *testing.T) {
	t.Parallel()
	files := filesIn(t.TempDir())
	write(t, files, "client")
	ca := certs.Files{ClientCA: files.Cert}
	s, err := certs.New(ca, "", zap.NewNop())
	must(t, err)
	cert, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	must(t, err)
	try := func(certificates ...tls.Certificate) error {
		ours, theirs := net.Pipe()
		defer ours.Close()
		defer theirs.Close()
		go func() {
			_ = tls.Client(theirs, &tls.Config{InsecureSkipVerify: true, Certificates: certificates, MaxVersion: tls.VersionTLS12}).Handshake()
			_ = theirs.Close()
		}()
		return tls.Server(ours, s.Config()).Handshake()
	}
	if err := try(cert); err != nil {
		t.Error(err)
	}
	if err := try(); err == nil || !strings.Contains(err.Error(), "didn't provide a certificate") {
		t.Errorf("without one: %v", err)
	}
}
