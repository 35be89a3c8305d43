package admin_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"parley/admin"
)

// TLS and basic auth are on every path and every socket, over HTTP/1.1 and HTTP/2, and who may not come in learns nothing.
func TestWebConfig(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	roots := writeCertificate(t, folder)
	// The password is parley, at the lowest price that bcrypt has.
	config := writeFile(t, folder, "web.yml", `
tls_server_config: { cert_file: cert.pem, key_file: key.pem }
basic_auth_users: { ada: $2a$04$wrKAxr9wOzzB19wRgaKn5u/OPNwNy8WbEL6xVqHVrFVV7hVOgGmx. }
`)
	if err := admin.CheckWebConfig(config); err != nil {
		t.Fatal(err)
	}
	opts := showing(newRoll())
	opts.WebConfig = config
	s := serveTCP(t, opts)
	second, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- s.server.Serve(second) }()
	t.Cleanup(func() {
		if err := s.server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})

	for _, http2 := range []bool{false, true} {
		for name, dial := range map[string]func() (net.Conn, error){
			"first socket":  s.dial,
			"second socket": func() (net.Conn, error) { return net.Dial("tcp", second.Addr().String()) },
		} {
			transport := &http.Transport{
				TLSClientConfig:   &tls.Config{RootCAs: roots},
				ForceAttemptHTTP2: http2,
				DialContext:       func(context.Context, string, string) (net.Conn, error) { return dial() },
			}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: time.Minute}
			// ask returns the answer, of one that goes on and on the first line.
			ask := func(target, user, password string) answer {
				t.Helper()
				request, err := http.NewRequestWithContext(t.Context(), "GET", "https://localhost:12001"+target, nil)
				if err != nil {
					t.Fatal(err)
				}
				if user != "" {
					request.SetBasicAuth(user, password)
				}
				response, err := client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				body, err := bufio.NewReader(response.Body).ReadString('\n')
				if err != nil && !errors.Is(err, io.EOF) { // There are no metrics.
					t.Errorf("%s of the %s: %v", target, name, err)
				}
				return answer{response, body}
			}
			for _, target := range []string{"/", "/clients", "/events", "/metrics", "/healthz"} {
				for _, who := range [][2]string{{"", ""}, {"ada", "wrong"}, {"eve", "parley"}} {
					if got := ask(target, who[0], who[1]); got.StatusCode != 401 || got.body != "Unauthorized\n" {
						t.Errorf("%s of the %s as %q: %v %q", target, name, who, got.Status, got.body)
					}
				}
				got := ask(target, "ada", "parley")
				if got.StatusCode != 200 || (got.ProtoMajor == 2) != http2 {
					t.Errorf("%s of the %s: %v %v", target, name, got.Proto, got.Status)
				}
				if target == "/events" && got.body != "retry: 1000\n" {
					t.Errorf("the first event is %q", got.body)
				}
			}
		}
	}
	plain := s.request("GET", "/clients")
	if plain.StatusCode != 400 {
		t.Errorf("without TLS: %v", plain.Status)
	}
}

// A file that is spoilt while it is in use lets nobody in, and is a line in the log: one a second, and not one for each request.
func TestWebConfig_spoilt(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	config := writeFile(t, t.TempDir(), "web.yml", "http_server_config: { http2: false }\n")
	opts := showing(newRoll())
	opts.WebConfig, opts.Log = config, zap.New(core)
	s := serveTCP(t, opts)
	if got := s.request("GET", "/clients"); got.StatusCode != 200 {
		t.Errorf("got %v", got.Status)
	}
	if n := logs.Len(); n != 0 {
		t.Errorf("%v", logs.All())
	}
	writeFile(t, filepath.Dir(config), "web.yml", "basic_auth_users: [")
	start := time.Now()
	for range 20 {
		if got := s.request("GET", "/clients"); got.StatusCode != 500 {
			t.Errorf("got %v", got.Status)
		}
	}
	if n, most := logs.Len(), 3+int(time.Since(start).Seconds()); n < 1 || n > most {
		t.Errorf("%d lines, want from 1 to %d", n, most)
	}
	if line := logs.All()[0]; line.Message != "admin web config: Unable to parse configuration" || !strings.Contains(line.ContextMap()["err"].(string), "yaml") {
		t.Errorf("the line is %v", line)
	}
	says := func(message string) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); logs.FilterMessage(message).Len() != 1; s.request("GET", "/clients") {
			if time.Now().After(deadline) {
				t.Fatalf("no line %q: %v", message, logs.All())
			}
		}
	}
	says("the admin web config cannot be used: nobody is let in until it is mended")
	writeFile(t, filepath.Dir(config), "web.yml", "http_server_config: { http2: false }\n")
	says("the admin web config can be used again")
}

// What is wrong with a file is said in one line.
func TestCheckWebConfig(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for text, want := range map[string]string{
		"basic_auth_user: {}":                                      "yaml: unmarshal errors: line 1: field basic_auth_user not found in type web.Config",
		"basic_auth_users: { ada: parley }":                        "crypto/bcrypt: hashedSecret too short to be a bcrypted password",
		"tls_server_config: { cert_file: x.pem }":                  "missing one of key or key_file",
		"tls_server_config: { cert_file: x.pem, key_file: x.pem }": "failed to read cert_file (",
	} {
		err := admin.CheckWebConfig(writeFile(t, folder, "web.yml", text))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	if err := admin.CheckWebConfig(filepath.Join(folder, "none.yml")); !errors.Is(err, os.ErrNotExist) && !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
	if err := admin.CheckWebConfig(""); err != nil {
		t.Error(err)
	}
}

func writeFile(t *testing.T, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// writeCertificate writes cert.pem and key.pem for localhost, and returns who trusts them.
func writeCertificate(t *testing.T, folder string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	writeFile(t, folder, "cert.pem", string(cert))
	writeFile(t, folder, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	return roots
}
