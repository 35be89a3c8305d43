package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"parley/client"
	"parley/protocol"
)

func discard(r io.Reader) { _, _ = io.Copy(io.Discard, r) }

// helloTLS is a server that greets, echoes and ends its side when the client has ended its own.
func helloTLS(nc *tls.Conn) {
	_, _ = io.WriteString(nc, hello)
	_, _ = io.Copy(nc, nc)
}

// What a certificate may be that is taken.
func TestTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "Lab CA")
	cert := ca.issue(t, nil)
	alone := issue(t, template("alone"), nil)
	elsewhere := ca.issue(t, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"elsewhere.test"}, nil })
	expired := ca.issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	for _, tt := range []struct {
		name   string
		cert   tls.Certificate
		config client.TLSConfig
	}{
		{"an authority's", cert, client.TLSConfig{RootCAs: ca.pool}},
		{"an authority's, by name", elsewhere, client.TLSConfig{RootCAs: ca.pool, ServerName: "elsewhere.test"}},
		{"pinned, its own", alone, client.TLSConfig{Pin: client.PinOf(alone.Leaf)}},
		{"pinned, of another name and expired", expired, client.TLSConfig{Pin: client.PinOf(expired.Leaf), ServerName: "x.test"}},
		{"any", alone, client.TLSConfig{Insecure: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{tt.cert}}, helloTLS)
			conn := dial(t, client.Dialer{TLS: &tt.config}, server)
			if g, err := conn.Greeting(); err != nil || g.ClientID != 7 {
				t.Errorf("greeting %+v, %v", g, err)
			}
			state := conn.TLS()
			if state == nil || state.Version != tls.VersionTLS13 || !state.PeerCertificates[0].Equal(tt.cert.Leaf) {
				t.Errorf("state %+v", state)
			}
			if took := conn.Timings(); took.TLS <= 0 || took.Greeting <= 0 {
				t.Errorf("timings %+v", took)
			}
			for _, text := range []string{"hi", strings.Repeat("long ", 20000)} {
				if err := conn.Send(t.Context(), text); err != nil {
					t.Fatal(err)
				}
				if got := receive(t, conn); got != text {
					t.Errorf("echoed %d bytes of %d", len(got), len(text))
				}
			}
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if more := receiveAll(t, conn); len(more) != 0 {
				t.Errorf("and then %q", more)
			}
		})
	}
}

// Without TLS there is none to tell of.
func TestTLS_none(t *testing.T) {
	t.Parallel()
	conn := dial(t, client.Dialer{}, serve(t, says(hello)))
	if conn.TLS() != nil || conn.Timings().TLS != 0 {
		t.Errorf("%+v, %v", conn.TLS(), conn.Timings())
	}
}

// A greeting is waited for as without TLS, and no longer.
func TestTLS_silence(t *testing.T) {
	t.Parallel()
	alone := issue(t, template("alone"), nil)
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{alone}}, func(nc *tls.Conn) { _, _ = io.Copy(nc, nc) })
	conn := dial(t, client.Dialer{TLS: &client.TLSConfig{Insecure: true}, Silence: 10 * time.Millisecond}, server)
	if _, err := conn.Greeting(); !errors.Is(err, client.ErrSilent) {
		t.Fatalf("greeting: %v", err)
	}
	if err := conn.Send(t.Context(), "hi"); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, conn); strings.TrimSpace(got) != "hi" {
		t.Errorf("echoed %q", got)
	}
}

// Whoever asks for a certificate gets ours, whatever authorities it names, and the server's name.
func TestTLS_ourCertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "Lab CA")
	ours := ca.issue(t, func(c *x509.Certificate) { c.Subject.CommonName = "ada" })
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server := serveTLS(t, &tls.Config{
			Certificates: []tls.Certificate{ca.issue(t, nil)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool, MaxVersion: version,
		}, func(nc *tls.Conn) {
			state := nc.ConnectionState()
			greeting := protocol.Greeting{ClientID: 7, SNI: state.ServerName, ClientCN: state.PeerCertificates[0].Subject.CommonName}
			_, _ = nc.Write(protocol.Text{}.AppendGreeting(nil, greeting))
			discard(nc)
		})
		conn := dial(t, client.Dialer{TLS: &client.TLSConfig{RootCAs: ca.pool, ServerName: "lab.test", Certificate: &ours}}, server)
		if g, err := conn.Greeting(); err != nil || g.ClientCN != "ada" || g.SNI != "lab.test" {
			t.Errorf("%s: greeting %+v, %v", tls.VersionName(version), g, err)
		}
		if got := conn.TLS().Version; got != version {
			t.Errorf("spoke %s, want %s", tls.VersionName(got), tls.VersionName(version))
		}
	}
}

// Each cause is told apart, by what a server really does.
func TestTLS_why(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t, "Lab CA"), newAuthority(t, "Other CA")
	alone := issue(t, template("alone"), nil)
	withCert := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	of := func(change func(*x509.Certificate)) func(*net.TCPConn) {
		return overTLS(withCert(ca.issue(t, change)), helloTLS)
	}
	good := of(nil)
	asks := func(version uint16) func(*net.TCPConn) {
		config := withCert(ca.issue(t, nil))
		config.ClientAuth, config.ClientCAs, config.MaxVersion = tls.RequireAndVerifyClientCert, ca.pool, version
		return overTLS(config, helloTLS)
	}
	trusting := client.TLSConfig{RootCAs: ca.pool}
	as := func(cert tls.Certificate) client.TLSConfig {
		return client.TLSConfig{RootCAs: ca.pool, Certificate: &cert}
	}
	soon := client.Timings{TLS: 200 * time.Millisecond}
	ciphers := withCert(ca.issue(t, nil)) // for an ECDSA key, and the one cipher is for RSA
	ciphers.MaxVersion, ciphers.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}

	for _, tt := range []struct {
		name   string
		server func(*net.TCPConn)
		config client.TLSConfig
		soon   client.Timings
		want   string // a pattern
	}{
		{
			name: "expired", config: trusting, server: of(func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(time.Minute) }),
			want: `its certificate expired at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`,
		},
		{
			name: "not yet valid", config: trusting, server: of(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(30 * time.Minute) }),
			want: `its certificate is not valid before \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`,
		},
		{
			name: "authority expired", server: good,
			config: client.TLSConfig{RootCAs: expiredCopy(t, ca)},
			want:   `the certificate of its authority "CN=Lab CA" expired at \S+Z`,
		},
		{
			name: "unknown authority", server: good, config: client.TLSConfig{RootCAs: other.pool},
			want: `its certificate is signed by an authority that is not trusted here, "CN=Lab CA"`,
		},
		{
			name: "no names", server: overTLS(withCert(alone), helloTLS), config: trusting,
			want: `its certificate is for no host, not for 127\.0\.0\.1`,
		},
		{
			name: "signed by itself", config: trusting, server: overTLS(withCert(selfSigned(t)), helloTLS),
			want: `its certificate is signed by itself, and nobody here trusts it: its SHA-256 is [0-9a-f]{64}`,
		},
		{
			name: "wrong name", server: good, config: client.TLSConfig{RootCAs: ca.pool, ServerName: "www.lab.test"},
			want: `its certificate is for lab\.test, 127\.0\.0\.1, not for www\.lab\.test`,
		},
		{
			name: "wrong address", config: trusting, server: of(func(c *x509.Certificate) { c.IPAddresses = nil }),
			want: `its certificate is for lab\.test, not for 127\.0\.0\.1`,
		},
		{
			name: "many names", config: trusting,
			server: of(func(c *x509.Certificate) {
				c.IPAddresses, c.DNSNames = nil, []string{"a", "b", "c", "d", "e", "f", "g"}
			}),
			want: `its certificate is for a, b, c, d, e, 2 more, not for 127\.0\.0\.1`,
		},
		{
			name: "not a server's", config: trusting,
			server: of(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }),
			want:   `its certificate is not valid: certificate specifies an incompatible key usage`,
		},
		{
			name: "another pin", server: overTLS(withCert(alone), helloTLS), config: client.TLSConfig{Pin: client.PinOf(ca.cert)},
			want: `its certificate is not the one that is pinned: its SHA-256 is ` + client.PinOf(alone.Leaf).String() + `, not ` + client.PinOf(ca.cert).String(),
		},
		{
			name: "our certificate wanted, TLS 1.3", server: asks(tls.VersionTLS13), config: trusting,
			want: `it wants a certificate of its clients, and there was none to give \(alert: certificate required\)`,
		},
		{
			name: "our certificate wanted, TLS 1.2", server: asks(tls.VersionTLS12), config: trusting,
			want: `it wants a certificate of its clients, and there was none to give \(alert: [a-z ]+\)`,
		},
		{
			name: "our certificate refused, TLS 1.3", server: asks(tls.VersionTLS13), config: as(other.issue(t, nil)),
			want: `it does not take our certificate \(alert: unknown certificate authority\)`,
		},
		{
			name: "our certificate refused, TLS 1.2", server: asks(tls.VersionTLS12), config: as(other.issue(t, nil)),
			want: `it does not take our certificate \(alert: unknown certificate authority\)`,
		},
		{
			name: "our certificate expired", server: asks(tls.VersionTLS13),
			config: as(ca.issue(t, func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(time.Minute) })),
			want:   `it does not take our certificate \(alert: expired certificate\)`,
		},
		{
			name: "old version", server: overTLS(&tls.Config{MaxVersion: tls.VersionTLS11}, helloTLS), config: trusting,
			want: `it speaks no version of TLS that we speak, 1\.2 or 1\.3 \(alert: protocol version not supported\)`,
		},
		{
			name: "old version chosen", server: readsThenSays(serverHello11), config: trusting,
			want: `it speaks a version of TLS that is out of date: we speak 1\.2 and 1\.3`,
		},
		{
			name: "no cipher", server: overTLS(ciphers, helloTLS), config: trusting,
			want: `it refuses the TLS handshake: it may find no cipher that both sides speak \(alert: handshake failure\)`,
		},
		{
			name: "unknown name", config: client.TLSConfig{ServerName: "www.lab.test", Insecure: true},
			server: overTLS(&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}, helloTLS),
			want:   `it has no certificate for the name "www\.lab\.test" \(alert: unrecognized name\)`,
		},
		{
			name: "another alert", config: trusting,
			server: overTLS(&tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, io.EOF }}, helloTLS),
			want:   `it refuses the TLS handshake \(alert: internal error\)`,
		},
		{
			name: "plain greeting", server: says("HELLO clientid=17 you=203.0.113.9:51544\n"), config: trusting,
			want: `it speaks no TLS: it said "HELLO clientid=17 you=203\.0\.113\.9:51544"`,
		},
		{
			name: "plain greeting, a long one", server: says("HELLO clientid=17 " + strings.Repeat("x", 100) + "\n"), config: trusting,
			want: `it speaks no TLS: it said "HELLO clientid=17 x{42}"\.\.\.`,
		},
		{name: "SSH", server: says("SSH-2.0-OpenSSH_9.2\r\n"), config: trusting, want: `it speaks no TLS: it said "SSH-2\.0-OpenSSH_9\.2" \(is it an SSH server\?\)`},
		{name: "full", server: saysAndCloses("ERR server_full limit=1\n"), config: trusting, want: `it speaks no TLS: it said "ERR server_full limit=1"`},
		{name: "one word", server: saysAndCloses("hi\n"), config: trusting, want: `it speaks no TLS: it said "hi"`},
		{name: "one word, and waits", server: says("hi\n"), config: trusting, soon: soon, want: `it speaks no TLS: it said "hi"`},
		{name: "plain echo", server: sendsBack, config: trusting, want: `it speaks no TLS: it sends back what it is sent`},
		{name: "plain echo with a prefix", server: sendsBackBehind("ECHO: "), config: trusting, want: `it speaks no TLS: it sends back what it is sent`},
		{
			name: "silent", server: says(""), config: trusting, soon: soon,
			want: `it took the connection and did not answer the TLS handshake in time \(does it speak TLS\?\)`,
		},
		{
			name: "stalls", server: readsThenSays(serverHello11[:20]), config: trusting, soon: soon,
			want: `it began a TLS handshake and did not end it in time`,
		},
		{
			name: "closes", server: saysAndCloses(""), config: trusting,
			want: `it closed the connection instead of answering the TLS handshake \(does it speak TLS\?\)`,
		},
		{name: "closes within", server: saysAndCloses(serverHello11[:20]), config: trusting, want: `it began a TLS handshake and cut it off`},
		{
			name: "resets", server: readsThenResets, config: trusting,
			want: `it cut the connection off instead of answering the TLS handshake \(does it speak TLS\?\)`,
		},
		{
			name: "nonsense in TLS", server: readsThenSays("\x16\x03\x03\x00\x04\x63\x00\x00\x00"), config: trusting,
			want: `the TLS handshake went wrong: .+`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := fails(t, client.Dialer{TLS: &tt.config, Timeouts: tt.soon}, serve(t, tt.server))
			if got := e.Why(); !regexp.MustCompile(`\A(` + tt.want + `)\z`).MatchString(got) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if e.Timings.TLS <= 0 {
				t.Errorf("no time of the handshake: %+v", e.Timings)
			}
		})
	}
}

// expiredCopy returns a pool with the authority's certificate as it would be if it had expired.
func expiredCopy(t *testing.T, a *authority) *x509.CertPool {
	t.Helper()
	template := *a.cert
	template.NotAfter = time.Now().Add(-time.Minute)
	der, err := x509.CreateCertificate(nil, &template, &template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}

// selfSigned returns a certificate for 127.0.0.1 that has signed itself.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	template := template("alone")
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	return issue(t, template, nil)
}

// serverHello11 is a ServerHello of TLS 1.1 (RFC 4346, 7.4.1.3), as a server sends it that is too old to know how 1.3 is asked for.
var serverHello11 = "\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02" + strings.Repeat("r", 32) + "\x00\xc0\x13\x00"

// readsThenSays returns a server that waits for something and then says text.
func readsThenSays(text string) func(*net.TCPConn) {
	return func(nc *net.TCPConn) {
		var buf [1]byte
		_, _ = nc.Read(buf[:])
		says(text)(nc)
	}
}

func readsThenResets(nc *net.TCPConn) {
	var buf [1]byte
	_, _ = nc.Read(buf[:])
	reset(nc)
}

// sendsBack sends back what comes.
func sendsBack(nc *net.TCPConn) { _, _ = io.Copy(nc, nc) }

// sendsBackBehind sends back what one read returns, behind a prefix.
func sendsBackBehind(prefix string) func(*net.TCPConn) {
	return func(nc *net.TCPConn) {
		buf := make([]byte, 16<<10)
		n, _ := nc.Read(buf)
		says(prefix + string(buf[:n]))(nc)
	}
}

// A unix socket has no name that a certificate could be for: one has to be given, or a pin.
func TestTLS_unixSocket(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "Lab CA")
	cert := ca.issue(t, nil)
	address := serveUnix(t, func(nc net.Conn) {
		conn := tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}})
		_, _ = io.WriteString(conn, hello)
		discard(conn)
	})
	e := fails(t, client.Dialer{TLS: &client.TLSConfig{RootCAs: ca.pool}}, address)
	if want := "there is no name that its certificate could be checked against"; e.Why() != want {
		t.Errorf("got %s, want %s", e.Why(), want)
	}
	dial(t, client.Dialer{TLS: &client.TLSConfig{RootCAs: ca.pool, ServerName: "lab.test"}}, address)
	dial(t, client.Dialer{TLS: &client.TLSConfig{Pin: client.PinOf(cert.Leaf)}}, address)
	dial(t, client.Dialer{TLS: &client.TLSConfig{Insecure: true}}, address)
}

// Which of a name's addresses it was is said, too.
func TestTLS_peer(t *testing.T) {
	t.Parallel()
	server := serve(t, says("hi, this is no TLS\n"))
	_, port, _ := net.SplitHostPort(server.String())
	d := patiently(client.Dialer{TLS: new(client.TLSConfig)}).On(func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", server.String())
	})
	_, err := d.Dial(t.Context(), parse(t, "localhost:"+port))
	want := `tls localhost:` + port + `: it speaks no TLS: it said "hi, this is no TLS" (tls to ` + server.String() + `, `
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Ctrl-C in the middle of a handshake says nothing about the server.
func TestTLS_interrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := serve(t, func(nc *net.TCPConn) {
		var buf [1]byte
		_, _ = nc.Read(buf[:])
		cancel()
		discard(nc)
	})
	_, err := patiently(client.Dialer{TLS: new(client.TLSConfig)}).Dial(ctx, server)
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Kind != client.Failed || e.Why() != "interrupted" {
		t.Errorf("%v", err)
	}
}

// Who has no time left says so, and not what a server might have said.
func TestTLS_noTime(t *testing.T) {
	t.Parallel()
	e := fails(t, client.Dialer{TLS: new(client.TLSConfig), Timeouts: client.Timings{TLS: time.Nanosecond}}, serve(t, says("")))
	if want := "it took the connection and did not answer the TLS handshake in time (does it speak TLS?)"; e.Why() != want {
		t.Errorf("got %s, want %s", e.Why(), want)
	}
}

// Close does not wait for a server that reads nothing, which may keep the last alert from being sent.
func TestTLS_closeStuck(t *testing.T) {
	t.Parallel()
	alone := issue(t, template("alone"), nil)
	synctest.Test(t, func(t *testing.T) {
		config := &tls.Config{
			Certificates: []tls.Certificate{alone}, SessionTicketsDisabled: true, Time: func() time.Time { return alone.Leaf.NotBefore },
		}
		d := client.Dialer{TLS: &client.TLSConfig{Insecure: true}, NoGreeting: true}
		conn, server := handshaken(t, d, config)
		began := time.Now()
		conn.Close()
		if took := time.Since(began); took == 0 || took > time.Second {
			t.Errorf("it took %v", took)
		}
		server.NetConn().Close()
	})
}

// A probe's verdict has the handshake's time, and as an object what was agreed upon.
func TestTLS_verdict(t *testing.T) {
	t.Parallel()
	alone := issue(t, template("alone"), nil)
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{alone}}, func(nc *tls.Conn) {
		g := protocol.Greeting{ClientID: 7, You: "203.0.113.9:51544", Handler: "echo", Via: "127.0.0.1:5000", TLS: "1.3", SNI: "lab.test", ALPN: "x", ClientCN: "ada", Fault: "delay:1ms"}
		_, _ = nc.Write(protocol.Text{}.AppendGreeting(nil, g))
		_, _ = io.Copy(nc, nc)
	})
	p := client.Probe{Address: server, Timeout: patience, Dialer: client.Dialer{TLS: &client.TLSConfig{Insecure: true}, Silence: patience}}
	v := p.Once(t.Context(), 0)
	want := regexp.MustCompile(`\Aok \S+ clientid=7 dns=0\.0ms connect=[\d.]+ms tls=[\d.]+ms greeting=[\d.]+ms echo=[\d.]+ms path=proxy fault=delay:1ms\z`)
	if !want.MatchString(v.String()) {
		t.Errorf("got %s\nwant %v", v, want)
	}
	object, err := v.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`"via":"127.0.0.1:5000","tls":"1.3","sni":"lab.test","alpn":"x","client_cn":"ada","fault":"delay:1ms",`,
		`"tls_version":"1.3","tls_cipher":"TLS_`,
		`"cert_sha256":"` + client.PinOf(alone.Leaf).String() + `","cert_expires":"` + alone.Leaf.NotAfter.UTC().Format(time.RFC3339) + `"`,
		`"path":"proxy"`, `"tls_ms":`,
	} {
		if !bytes.Contains(object, []byte(part)) {
			t.Errorf("no %s in %s", part, object)
		}
	}
	s := client.NewStats(server)
	s.Add(v)
	if text := s.String(); !strings.Contains(text, "\ntls      min=") {
		t.Errorf("no row of tls:\n%s", text)
	}
	if object, err := s.MarshalJSON(); err != nil || !bytes.Contains(object, []byte(`"tls_ms":{"min":`)) {
		t.Errorf("%s, %v", object, err)
	}
}

// A server of TLS 1.3 that refuses our certificate may find out when we are sending something already. That it is TLS is said all the
// same, even where nothing more can be sent.
func TestTLS_refusedWhileSending(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "Lab CA")
	server := serveTLS(t, &tls.Config{
		Certificates: []tls.Certificate{ca.issue(t, nil)}, ClientAuth: tls.RequireAnyClientCert,
	}, helloTLS)
	dialer := client.Dialer{TLS: &client.TLSConfig{RootCAs: ca.pool}, NoGreeting: true}
	for _, d := range []client.Dialer{dialer, dialer.On(func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, address)
		return &cutSender{Conn: nc}, err
	})} {
		p := client.Probe{Address: server, Timeout: patience, Dialer: d, Message: strings.Repeat("x", 2*cutLength)}
		v := p.Once(t.Context(), 0)
		const want = "it wants a certificate of its clients, and there was none to give (alert: certificate required)"
		if v.Kind != client.BadTLS || v.Err.Why() != want {
			t.Errorf("got %v, want %s", v, want)
		}
	}
}

// A cutSender can send no message of cutLength. What a handshake sends behind the first is shorter.
type cutSender struct {
	net.Conn
	begun bool
}

const cutLength = 1000

func (c *cutSender) Write(p []byte) (int, error) {
	if c.begun && len(p) >= cutLength {
		return 0, syscall.EPIPE
	}
	c.begun = true
	return c.Conn.Write(p)
}
