//go:build system && linux

package main_test

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// openssl makes a certificate for name, signed by signer; by itself if that is empty.
func opensslCertificate(t *testing.T, folder, name, signer string) {
	t.Helper()
	file := func(name, kind string) string { return filepath.Join(folder, name+kind) }
	words := []string{
		"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
		"-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:" + name,
		"-keyout", file(name, ".key"), "-out", file(name, ".crt"),
	}
	if signer != "" {
		words = append(words, "-CA", file(signer, ".crt"), "-CAkey", file(signer, ".key"), "-addext", "basicConstraints=critical,CA:FALSE")
	}
	launch(t, command(words...)).exits(0)
}

// OpenSSL's client is answered in TLS 1.2 and 1.3, and refused below; it verifies our chain, and we verify its
// certificate.
func TestTLS_openssl(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	opensslCertificate(t, folder, "authority", "")
	opensslCertificate(t, folder, "parley.test", "authority")
	opensslCertificate(t, folder, "ada", "authority")
	in := func(name string) string { return filepath.Join(folder, name) }
	d := serve(t, "PARLEY_TLS_CERT="+in("parley.test.crt"), "PARLEY_TLS_KEY="+in("parley.test.key"), "--log-level=debug",
		"echo+tls://127.0.0.1:0", "echo+tls://127.0.0.1:0?tls_client_ca="+in("authority.crt"))
	try := func(address, options, pattern string) {
		t.Helper()
		p := launch(t, command("sh", "-c", "(echo hi; sleep 0.5) | openssl s_client -no_ign_eof -verify_return_error -CAfile "+in("authority.crt")+
			" -servername parley.test -verify_hostname parley.test -connect "+address+" "+options))
		p.status()
		if said := p.stdout.String() + p.stderr.String(); !regexp.MustCompile(pattern).MatchString(said) {
			t.Errorf("with %q, got %s\nwant %s", options, said, pattern)
		}
	}
	plain, mutual := d.addresses[0], d.addresses[1]
	client := "-cert " + in("ada.crt") + " -key " + in("ada.key")
	try(plain, "-tls1_3", `handler=echo tls=1\.3 sni=parley\.test\nECHO: hi\n`)
	try(plain, "-tls1_2", `handler=echo tls=1\.2 sni=parley\.test\nECHO: hi\n`)
	try(plain, "-tls1_1 -cipher DEFAULT@SECLEVEL=0", `alert protocol version`)
	try(mutual, client, `handler=echo tls=1\.3 sni=parley\.test client_cn=ada\nECHO: hi\n`)
	try(mutual, "", `alert certificate required`)
	d.stdout.await(t, `"reason":"bad_tls","error":"tls: client offered only unsupported versions: `)
	d.stdout.await(t, `"reason":"bad_tls","error":"tls: client didn't provide a certificate"`)
	d.stdout.await(t, `"reason":"client_closed","tls":"1\.3","sni":"parley\.test","client_cn":"ada"`)

	// Of a renewed certificate OpenSSL shows the new fingerprint; who is there stays.
	before := regexp.MustCompile(`"cert_sha256":"([0-9a-f]{64})"`).FindStringSubmatch(d.stdout.String())[1]
	shown := func() string {
		p := launch(t, command("sh", "-c", "openssl s_client -connect "+plain+" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256"+
			" | sed 's/.*=//; s/://g' | tr A-F a-f"))
		p.status()
		return p.stdout.String()
	}
	if got := shown(); got != before+"\n" {
		t.Errorf("OpenSSL sees %q, and the log has %q", got, before)
	}
	opensslCertificate(t, folder, "parley.test", "authority")
	eventually(t, "the new certificate", func() bool { got := shown(); return got != "" && got != before+"\n" })
	d.stdout.await(t, `"msg":"TLS files have changed","cert_sha256":"[0-9a-f]{64}"`)
	d.stop()
}

// tlsLab is a client that takes it for an attack when the connection ends without TLS saying so.
const tlsLab = `
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
s = context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))), server_hostname="parley.test", suppress_ragged_eofs=False)
f = s.makefile("rw")
print(f.readline(), end="")
f.write("x" * 20000 + "\n")
f.flush()
print(f.readline(), end="")
print("end:", f.read() == "", s.version())
`

// Python's client reads the answer, the reason and the end, which is said in TLS.
func TestTLS_python(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	opensslCertificate(t, folder, "parley.test", "")
	in := func(name string) string { return filepath.Join(folder, name) }
	must(t, os.WriteFile(in("lab.py"), []byte(tlsLab), 0o600))
	d := serve(t, "echo+tls://127.0.0.1:0?tls_cert="+in("parley.test.crt")+"&tls_key="+in("parley.test.key"))
	_, port, err := net.SplitHostPort(d.addresses[0])
	must(t, err)
	p := launch(t, command("python3", in("lab.py"), port, in("parley.test.crt")))
	p.exits(0)
	if got := p.stdout.String(); !regexp.MustCompile(`^HELLO .* tls=1\.3 sni=parley\.test\nERR line_too_long limit=8192\nend: True TLSv1\.3\n$`).MatchString(got) {
		t.Errorf("got %q\n%s", got, p.stderr)
	}
	d.stop()
}
