//go:build system && linux

package main_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What a probe says of OpenSSL's server, which shares no code with package tls. With -rev it sends each line back reversed, so that
// a palindrome comes back as it was.
func TestProbeOpenSSL(t *testing.T) {
	t.Parallel()
	certs := newCertificates(t, t.TempDir())
	file := certs.path
	// Its own programs print a certificate's SHA-256 in these forms.
	printed, err := exec.Command("openssl", "x509", "-in", file("server.pem"), "-noout", "-fingerprint", "-sha256").Output()
	must(t, err)
	_, colons, _ := strings.Cut(strings.TrimSpace(string(printed)), "=")
	der, err := exec.Command("openssl", "x509", "-in", file("server.pem"), "-outform", "der").Output()
	must(t, err)
	sum := exec.Command("openssl", "dgst", "-sha256", "-binary")
	sum.Stdin = bytes.NewReader(der)
	digest, err := sum.Output()
	must(t, err)
	if hex.EncodeToString(digest) != certs.pin("server") {
		t.Fatalf("openssl has SHA-256 %x, we have %s", digest, certs.pin("server"))
	}

	ca := "--ca=" + file("ca.pem")
	server := []string{"-cert", file("server.pem"), "-key", file("server.pem")}
	expired := []string{"-cert", file("expired.pem"), "-key", file("expired.pem")}
	asks := slices.Concat(server, []string{"-CAfile", file("ca.pem"), "-Verify", "1", "-verify_return_error"})
	with := func(words []string, more ...string) []string { return slices.Concat(words, more) }
	for _, tt := range []struct {
		name   string
		server []string // its arguments
		cause
	}{
		{"ok", server, cause{args: []string{ca}, want: `ok \S+ dns=0\.0ms connect=\S+ tls=\S+ greeting=none echo=\S+ path=unknown`}},
		{"TLS 1.2", with(server, "-tls1_2"), cause{args: []string{ca, "--json"}, want: `\{"verdict":"ok",.*"tls_version":"1\.2","tls_cipher":"TLS_ECDHE_ECDSA_WITH_\w+".*`}},
		{"TLS 1.3", with(server, "-tls1_3"), cause{args: []string{ca, "--json"}, want: `\{"verdict":"ok",.*"tls_version":"1\.3","tls_cipher":"TLS_AES_\w+".*`}},
		{"pin with colons", server, cause{args: []string{"--pin=" + colons}, want: `ok .*`}},
		{"pin in base64", server, cause{args: []string{"--pin=" + base64.StdEncoding.EncodeToString(digest)}, want: `ok .*`}},
		{"another pin", expired, cause{args: []string{"--pin=" + colons}, status: 8, want: `tls \S+: its certificate is not the one that is pinned: its SHA-256 is ` + certs.pin("expired") + `, not .*`}},
		{"expired", expired, cause{args: []string{ca}, status: 8, want: `tls \S+: its certificate expired at \S+Z \(tls, \S+\)`}},
		{"unknown authority", server, cause{args: []string{"--ca=" + file("other.pem")}, status: 8, want: `tls \S+: its certificate is signed by an authority that is not trusted here, "CN=Lab CA" .*`}},
		{"wrong name", server, cause{args: []string{ca, "--server-name=www.test"}, status: 8, want: `tls \S+: its certificate is for lab\.test, 127\.0\.0\.1, not for www\.test .*`}},
		{"our certificate wanted", asks, cause{args: []string{ca}, status: 8, want: `tls \S+: it wants a certificate of its clients, and there was none to give \(alert: certificate required\) .*`}},
		{"our certificate wanted, TLS 1.2", with(asks, "-tls1_2"), cause{args: []string{ca}, status: 8, want: `tls \S+: it wants a certificate of its clients, and there was none to give \(alert: handshake failure\) .*`}},
		{"our certificate taken", asks, cause{args: []string{ca, "--cert=" + file("ada.pem")}, want: `ok .*`}},
		{"our certificate taken, TLS 1.2", with(asks, "-tls1_2"), cause{args: []string{ca, "--cert=" + file("ada.crt"), "--key=" + file("ada.key")}, want: `ok .*`}},
		{"our certificate refused", asks, cause{args: []string{ca, "--cert=" + file("stranger.pem")}, status: 8, want: `tls \S+: it does not take our certificate \(alert: unknown certificate authority\) .*`}},
		{"old version", with(server, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"), cause{args: []string{ca}, status: 8, want: `tls \S+: it speaks no version of TLS that we speak, 1\.2 or 1\.3 \(alert: protocol version not supported\) .*`}},
		{"no cipher", with(server, "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"), cause{args: []string{ca}, status: 8, want: `tls \S+: it refuses the TLS handshake: it may find no cipher that both sides speak \(alert: handshake failure\) .*`}},
		{
			"unknown name", append(server, "-cert2", file("server.pem"), "-key2", file("server.pem"), "-servername", "lab.test", "-servername_fatal"),
			cause{args: []string{ca, "--server-name=www.test"}, status: 8, want: `tls \S+: it has no certificate for the name "www\.test" \(alert: unrecognized name\) .*`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			openssl := launch(t, command(slices.Concat([]string{"openssl", "s_server", "-accept", "127.0.0.1:0", "-rev"}, tt.server)...))
			openssl.stdout.await(t, `^ACCEPT 127\.0\.0\.1:\d+$`)
			address := strings.TrimPrefix(regexp.MustCompile(`ACCEPT \S+`).FindString(openssl.stdout.String()), "ACCEPT ")
			// One after the other, as it converses with one client at a time.
			for range 3 {
				p := launch(t, command(slices.Concat([]string{"parley", "probe", "--greeting=off", "--message=level"}, tt.args, []string{address})...))
				if got := p.status(); got != tt.status || !regexp.MustCompile(`\A`+tt.want+`\n\z`).MatchString(p.stdout.String()) {
					t.Errorf("status %d, want %d\n got %swant %s\n%s", got, tt.status, p.stdout, tt.want, p.stderr)
				}
			}
		})
	}
}
