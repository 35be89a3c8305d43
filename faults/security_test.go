//go:build system && linux

package faults_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"parley/faults/daemontest"
)

// proxyHeader is version 2 with a command, a family, an announced length and what follows.
func proxyHeader(command, family byte, length int, rest string) string {
	return "\r\n\r\n\x00\r\nQUIT\n" + string([]byte{0x20 | command, family, byte(length >> 8), byte(length)}) + rest
}

const (
	addresses4 = "\xcb\x00\x71\x05\xc6\x33\x64\x07\xc7\x38\x01\xbb" // 203.0.113.5:51000 to 198.51.100.7:443
	header1    = "PROXY TCP4 203.0.113.5 198.51.100.7 51000 443\r\n"
)

// PROXY headers, right and wrong, from those who are trusted and those who are not: nobody gets around a limit or a list.
func TestS1_proxyHeaders(t *testing.T) {
	eachTransport(t, func(f *fault) {
		const trusted = "proxy_protocol=on&proxy_trusted=127.0.0.0/8"
		p := f.serve("PARLEY_LOG_RATE=0", "PARLEY_HANDSHAKE_TIMEOUT=300ms",
			"echo://127.0.0.1:0?"+trusted,
			"echo://127.0.0.1:0?proxy_protocol=on&proxy_trusted=192.0.2.0/24",
			"echo://127.0.0.1:0",
			"echo://127.0.0.1:0?deny=203.0.113.0/24&"+trusted,
			"echo://127.0.0.1:0?allow=127.0.0.0/8&"+trusted,
			"echo://127.0.0.1:0?max_conns_per_ip=1&"+trusted,
			"echo+tls://127.0.0.1:0?deny=203.0.113.0/24&"+trusted)
		p.clientsAbort = true // Whoever is shut out leaves what it had to say unread, by the server.
		proxies, strangers, plain, denying, allowing, capped, secured := 0, 1, 2, 3, 4, 5, 6

		good := map[string]string{
			"version 1":                    header1,
			"version 2":                    proxyHeader(1, 0x11, 12, addresses4),
			"version 2 with a TLV":         proxyHeader(1, 0x11, 12+4, addresses4+"\x04\x00\x01x"),
			"version 1, nobody":            "PROXY UNKNOWN\r\n",
			"version 2, a health check":    proxyHeader(0, 0x00, 0, ""),
			"version 1 and the first line": header1 + "first\n",
		}
		for what, header := range good {
			c := f.dial(p.Addresses[proxies])
			f.must(c.Send(header))
			line, err := c.Line()
			f.must(err)
			named := strings.Contains(line, " you=203.0.113.5:51000 ") && strings.Contains(line, " via=127.0.0.1:")
			nobody := strings.Contains(what, "nobody") || strings.Contains(what, "health")
			if named == nobody {
				f.Errorf("%s: %q", what, line)
			}
			if strings.Contains(what, "first line") {
				f.must(c.Wants("ECHO: first"))
			}
			f.must(c.Echo("hi"))
			c.Close()
		}

		bad := map[string]string{
			"none":                             "hello, hello, hello, hello\r\n",
			"half of one":                      "PROXY TCP4 203.0.1",
			"version 1 over 107 bytes":         "PROXY TCP4 " + strings.Repeat("1", 120) + "\r\n",
			"version 1 with a bad address":     "PROXY TCP4 203.0.113.5 198.51.100 51000 443\r\n",
			"version 1 with a bad port":        "PROXY TCP4 203.0.113.5 198.51.100.7 510000 443\r\n",
			"version 1 of another family":      "PROXY TCP6 203.0.113.5 198.51.100.7 51000 443\r\n",
			"version 1 in lower case":          strings.ToLower(header1),
			"version 1 without CR":             strings.Replace(header1, "\r", "", 1),
			"version 2 that announces 65,535":  proxyHeader(1, 0x11, 65535, addresses4),
			"version 2, a TLV past the end":    proxyHeader(1, 0x11, 12+3, addresses4+"\x04\x01\x00"),
			"version 2 too short for it":       proxyHeader(1, 0x11, 4, "\xcb\x00\x71\x05"),
			"version 2 of version 3":           strings.Replace(proxyHeader(1, 0x11, 12, addresses4), "\x21", "\x31", 1),
			"version 2 with a command unknown": proxyHeader(7, 0x11, 12, addresses4),
		}
		for what, header := range bad {
			c := f.dial(p.Addresses[proxies])
			f.must(c.Send(header))
			if said := restOf(c); said != "" {
				f.Errorf("%s: it was told %q", what, said)
			}
			c.Close()
		}
		f.figure("headers that are none, shut out without a word", "%d", len(bad))
		f.eventually("each is counted", func() bool {
			return p.ended("bad_proxy_header", "handshake_timeout") == len(bad)
		})

		// A second header is the client's first message.
		c := f.dial(p.Addresses[proxies])
		f.must(firstOf(c.Send(header1+strings.Replace(header1, ".5", ".6", 1)), c.Matches(` you=203\.0\.113\.5:`),
			c.Wants("ECHO: PROXY TCP4 203.0.113.6 198.51.100.7 51000 443")))
		c.Close()

		// From a stranger a header says nothing, and where none is expected it is a message.
		c = f.dial(p.Addresses[strangers])
		_ = c.Send(header1)
		if said := restOf(c); said != "" {
			f.Errorf("a stranger with a header was told %q", said)
		}
		c.Close()
		c = f.dial(p.Addresses[plain])
		f.must(firstOf(c.Send(header1), c.Matches(` you=127\.0\.0\.1:`), c.Wants("ECHO: "+strings.TrimSpace(header1))))
		c.Close()

		// Lists and caps are about the client that the proxy names.
		for _, at := range []int{denying, allowing, secured} {
			c = f.dial(p.Addresses[at])
			f.must(c.Send(header1))
			if said := restOf(c); said != "" {
				f.Errorf("a client who is on no list was told %q", said)
			}
			c.Close()
		}
		first, second := f.dial(p.Addresses[capped]), f.dial(p.Addresses[capped])
		f.must(firstOf(first.Send(header1), greeted(first)))
		f.must(firstOf(second.Send(header1), second.Wants("ERR too_many_from_ip")))
		other := f.dial(p.Addresses[capped])
		f.must(firstOf(other.Send(strings.Replace(header1, "113.5", "113.6", 1)), greeted(other)))
		for _, c := range []*daemontest.Client{first, second, other} {
			c.Close()
		}

		f.eventually("the log has both addresses", func() bool {
			return regexp.MustCompile(`"peer":"203\.0\.113\.5:51000",.*"via":"127\.0\.0\.1:\d+"`).MatchString(p.Stdout.String())
		})
	})
}

// restOf returns what a client is told until the connection ends, however it does.
func restOf(c *daemontest.Client) string {
	_ = c.SetReadDeadline(time.Now().Add(daemontest.Patience))
	said, _ := io.ReadAll(c.In)
	return string(said)
}

// Whatever byte a client sends, in whatever place, none but printable ASCII reaches the log, another client's terminal or the
// terminal of whoever probes.
func TestS2_injection(t *testing.T) {
	eachTransport(t, func(f *fault) {
		var evil strings.Builder
		for b := range 256 {
			if b != '\n' {
				evil.WriteByte(byte(b))
			}
		}
		evil.WriteString("\x1b[31mred\x1b[0m\x1b]0;title\x07 \u202eright\u2066 \u2028 \u0085 \x9b31m ")
		texts := 0
		for _, format := range []string{"json", "console"} {
			p := f.serve("PARLEY_LOG_FORMAT="+format, "PARLEY_LOG_MESSAGES=true", "echo://127.0.0.1:0", "echo://127.0.0.1:0?wire=json", "register://127.0.0.1:0",
				"chat://127.0.0.1:0", "echo+tls://127.0.0.1:0", "echo://127.0.0.1:0?wire=raw", "echo://127.0.0.1:0?proxy_protocol=on&proxy_trusted=127.0.0.0/8")
			p.clientsAbort, p.lossyLog = true, format == "console" // Its lines are not JSON.
			reader := f.dial(p.Addresses[3])
			f.must(greeted(reader))
			for at, sent := range []string{
				evil.String() + "\n", `"` + strings.ReplaceAll(evil.String(), `"`, "") + `"` + "\n" + `"\u001b[31m\u202e"` + "\n",
				"name=" + evil.String() + " email=\x1b[2J\n", "/name \x1b[2Jeve\n" + evil.String() + "\n", "GET /\x1b[2J HTTP/1.1\r\n\r\n",
				evil.String(), "PROXY TCP4 \x1b[2J\r\n",
			} {
				c := f.dial(p.Addresses[at])
				f.must(c.Send(sent))
				_ = c.HalfClose()
				restOf(c)
				c.Close()
				texts++
			}
			tlsClient := tls.Client(f.dial(p.Addresses[4]).Conn, &tls.Config{InsecureSkipVerify: true, ServerName: "a.test", NextProtos: []string{"\x1b[2J"}})
			_ = tlsClient.Handshake()
			tlsClient.Close()
			f.must(reader.Send("/who\n"))
			_ = reader.HalfClose()
			if said := restOf(reader); strings.IndexFunc(said, notPrintable) >= 0 {
				f.Errorf("a member of the chat was sent %q", said)
			}
			reader.Close()
			f.eventually("all is logged", func() bool { return p.active() == 0 })
			for line := range strings.Lines(p.Stdout.String()) {
				if strings.IndexFunc(strings.TrimSuffix(line, "\n"), notPrintable) >= 0 {
					f.Errorf("logged: %q", line)
				}
			}
		}

		// Nor does the log have what clients say, unless it is asked to.
		p := f.serve("echo://127.0.0.1:0", "echo://127.0.0.1:0?wire=json", "echo+tls://127.0.0.1:0", "chat://127.0.0.1:0", "echo://127.0.0.1:0?max_message=8")
		p.clientsAbort = true
		const secret = "open sesame"
		for _, address := range p.Addresses[:5] {
			for _, sent := range []string{secret + "\n", `"` + secret + `"` + "\n", "{" + secret} {
				c := f.dial(address)
				f.must(c.Send(sent))
				_ = c.HalfClose()
				restOf(c)
				c.Close()
			}
		}
		f.eventually("all have left", func() bool { return p.active() == 0 })
		if strings.Contains(p.Stdout.String(), secret) {
			f.Errorf("the log has what a client said:\n%s", p.Stdout)
		}
		f.figure("hostile texts, none of which reached a log or a terminal", "%d", texts)
	})
}

func notPrintable(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }

// Clients from thousands of addresses: as many series as before, as the ledger counts.
func TestS3_manyAddresses(t *testing.T) {
	eachTransport(t, func(f *fault) {
		clients, hosts := sized(f, 3000, 100_000), sized(f, 1000, 10_000)
		p := f.serve("echo://127.0.0.1:0?max_conns_per_ip=5")
		began := time.Now()
		numbers := make(chan int)
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				for n := range numbers {
					from := &net.TCPAddr{IP: net.IPv4(127, 1, byte(n%hosts>>8), byte(n%hosts))}
					nc, err := (&net.Dialer{LocalAddr: from, Timeout: daemontest.Patience}).Dial("tcp4", p.Addresses[0])
					if !f.note(err) {
						continue
					}
					c := &daemontest.Client{Conn: nc, In: bufio.NewReader(nc)}
					f.note(firstOf(greeted(c), c.Echo("hi")))
					c.Close()
				}
			})
		}
		for n := range clients {
			numbers <- n
		}
		close(numbers)
		all.Wait()
		f.figure("clients", "%d", clients)
		f.figure("addresses", "%d", hosts)
		f.figure("series of metrics, before and after", "%d", len(p.Scrape()))
		f.figure("clients a second", "%.0f", float64(clients)/time.Since(began).Seconds())
	})
}

// The admin side as it comes: on loopback only, without pprof, and it reads no body.
func TestS4_admin(t *testing.T) {
	once(t, func(f *fault) {
		cmd := daemontest.Command(program, "serve", "echo://127.0.0.1:12345")
		cmd.Env = daemontest.Environment() // Without the admin port of the tests.
		p := daemontest.Launch(f, cmd)
		f.eventually("it listens", func() bool { return strings.Contains(p.Stdout.String(), "admin listening") })
		tables, err := exec.Command("cat", "/proc/net/tcp", "/proc/net/tcp6").Output()
		f.must(err)
		const port, listening = ":2EE1", " 0A " // 12001
		var at []string
		for line := range strings.Lines(string(tables)) {
			if fields := strings.Fields(line); strings.Contains(line, listening) && strings.HasSuffix(fields[1], port) {
				at = append(at, fields[1])
			}
		}
		if len(at) != 1 || at[0] != "0100007F"+port {
			f.Errorf("the admin side listens on %v (hexadecimal), want 127.0.0.1:12001 alone", at)
		}
		ask := func(head string) *daemontest.Client {
			c := f.dial("127.0.0.1:12001")
			f.must(c.Send(head))
			return c
		}
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/cmdline", "/debug/vars", "/debug/pprof/heap"} {
			f.must(ask("GET " + path + " HTTP/1.0\r\n\r\n").Matches(`^HTTP/1\.[01] 404 `))
		}
		c := ask("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1073741824\r\n\r\n")
		f.must(c.Matches(`^HTTP/1\.1 405 `))
		taken := 0
		for piece := make([]byte, 64<<10); taken < 1<<30; {
			_ = c.SetWriteDeadline(time.Now().Add(daemontest.Patience))
			n, err := c.Write(piece)
			taken += n
			if err != nil {
				break
			}
		}
		f.figure("of a POST of 1 GiB taken before it was cut off, most of it by the system", "%.1f MiB", float64(taken)/(1<<20))
		if taken > 64<<20 {
			f.Errorf("%d bytes of the POST were taken", taken)
		}
		f.figure("memory then, at most", "%.1f MiB", float64(p.Memory("VmHWM"))/1024)
		p.Signal(syscall.SIGTERM)
		p.Exits(0)
	})
}

// helloBound and silenceBound are what a client may cost that stalls in its handshake behind the ClientHello, or before it:
// resident KiB of the daemon.
const (
	helloBound   = 48
	silenceBound = 10
)

// Stalled handshakes, versions that are out of date, and a certificate that is renewed.
func TestS5_tls(t *testing.T) {
	eachTransport(t, func(f *fault) {
		folder := f.TempDir()
		first := writeCertificate(f, folder, "first")
		stalled := sized(f, 1000, 4090) // There is room for 4,096.
		p := f.serve("PARLEY_HANDSHAKE_TIMEOUT=60s", "echo+tls://127.0.0.1:0?tls_cert="+folder+"/cert.pem&tls_key="+folder+"/key.pem")
		p.clientsAbort = true // They have never read the server's part of the handshake.

		for version, name := range map[uint16]string{tls.VersionTLS10: "1.0", tls.VersionTLS11: "1.1"} {
			c := f.dial(p.Addresses[0])
			err := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}).Handshake()
			if err == nil || !strings.Contains(err.Error(), "protocol version not supported") {
				f.Errorf("TLS %s: %v, want that its version is refused", name, err)
			}
			c.Close()
		}

		hello := clientHello(f)
		for _, kind := range []struct {
			what  string
			sends string
			bound float64
		}{{"before the ClientHello", "", silenceBound}, {"behind the ClientHello", hello, helloBound}} {
			before := p.Memory("VmRSS")
			all := make([]net.Conn, stalled)
			for i := range all {
				nc, err := net.Dial("tcp", p.Addresses[0])
				f.must(err)
				_, err = io.WriteString(nc, kind.sends)
				f.must(err)
				all[i] = nc
			}
			if kind.sends != "" { // It has answered the last of them.
				_ = all[stalled-1].SetReadDeadline(time.Now().Add(daemontest.Patience))
				_, err := io.ReadFull(all[stalled-1], make([]byte, 100))
				f.must(err)
			}
			f.eventually("all are there", func() bool { return p.active() == stalled })
			each := float64(p.Memory("VmRSS")-before) / float64(stalled)
			f.figure(fmt.Sprintf("a client that stalls %s costs, resident", kind.what), "%.1f KiB", each)
			if each > kind.bound && !raceDetector {
				f.Errorf("one that stalls %s costs %.1f KiB, want at most %.0f", kind.what, each, kind.bound)
			}
			var times []time.Duration
			for range 20 {
				times = append(times, daemontest.Took(func() {
					c, _, err := secureDial(p.Addresses[0])
					f.must(err)
					f.must(c.Echo("hi"))
					c.Close()
				}))
			}
			f.figure(fmt.Sprintf("while so many stall %s, the slowest of 20 handshakes with greeting and echo took", kind.what), "%v", daemontest.Quantile(times, 1))
			for _, nc := range all {
				nc.Close()
			}
			f.eventually("all have left", func() bool { return p.active() == 0 })
		}

		// Who is connected keeps the old certificate, who comes sees the new one.
		stays, shown, err := secureDial(p.Addresses[0])
		f.must(err)
		if !bytes.Equal(shown.Raw, first) {
			f.Errorf("it shows %s", shown.Subject)
		}
		second := writeCertificate(f, folder, "second")
		renewed := time.Now()
		f.eventually("a new client sees the new certificate", func() bool {
			c, shown, err := secureDial(p.Addresses[0])
			f.must(err)
			defer c.Close()
			return bytes.Equal(shown.Raw, second)
		})
		f.figure("a renewed certificate is shown after", "%v", time.Since(renewed))
		f.must(stays.Echo("still here"))
		stays.Close()
	})
}

// secureDial connects by TLS, is greeted, and returns the certificate that was shown.
func secureDial(address string) (*daemontest.Client, *x509.Certificate, error) {
	nc, err := tls.DialWithDialer(&net.Dialer{Timeout: daemontest.Patience}, "tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return nil, nil, err
	}
	c := &daemontest.Client{Conn: nc, In: bufio.NewReader(nc)}
	return c, nc.ConnectionState().PeerCertificates[0], greeted(c)
}

// clientHello is the first thing that a client of TLS sends.
func clientHello(f *fault) string {
	f.Helper()
	ours, theirs := net.Pipe()
	go func() {
		_ = tls.Client(theirs, &tls.Config{InsecureSkipVerify: true, ServerName: "lab.test"}).Handshake()
		theirs.Close()
	}()
	hello := make([]byte, 8<<10)
	n, err := ours.Read(hello)
	f.must(err)
	ours.Close()
	return string(hello[:n])
}

// writeCertificate writes cert.pem and key.pem, and returns the certificate in DER.
func writeCertificate(f *fault, folder, name string) []byte {
	f.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	f.must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	f.must(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	f.must(err)
	for file, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		f.must(os.WriteFile(filepath.Join(folder, file), pem.EncodeToMemory(block), 0o600))
	}
	return der
}

// The cap of an address, by whatever it connects: IPv6 counts by /64, and the table is empty when all have left, however they did.
func TestS6_perAddress(t *testing.T) {
	for _, address := range []string{"fd00:1::1", "fd00:1::2", "fd00:1:0:1::1"} {
		if out, err := exec.Command("ip", "-6", "address", "replace", address+"/128", "dev", "lo").CombinedOutput(); err != nil {
			t.Fatalf("ip: %v: %s", err, out)
		}
	}
	eachTransport(t, func(f *fault) {
		const room = 3
		p := f.serve("PARLEY_LOG_RATE=0", fmt.Sprintf("echo://:0?max_conns_per_ip=%d&idle_timeout=300ms&max_message=100", room))
		p.clientsAbort = true
		_, port, err := net.SplitHostPort(p.Addresses[0])
		f.must(err)
		from := func(address string) *daemontest.Client {
			f.Helper()
			to := "[::1]:" + port
			if !strings.Contains(address, ":") {
				to = "127.0.0.1:" + port
			}
			nc, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: daemontest.Patience}).Dial("tcp", to)
			f.must(err)
			f.Cleanup(func() { nc.Close() })
			return &daemontest.Client{Conn: nc, In: bufio.NewReader(nc)}
		}
		ends := []func(c *daemontest.Client){
			func(c *daemontest.Client) { c.Close() },
			func(c *daemontest.Client) { c.Reset() },
			func(c *daemontest.Client) {
				f.must(firstOf(c.Send(strings.Repeat("x", 200)), c.Matches("^ERR line"), c.Ends()))
				c.Close()
			},
			func(c *daemontest.Client) { f.must(firstOf(c.Wants("ERR idle_timeout"), c.Ends())); c.Close() },
		}
		refused := 0
		for _, end := range ends {
			// Twice two of one /64 and two of an IPv4 address, so that each has one place left; another /64 has its own places.
			var all []*daemontest.Client
			for _, address := range []string{"fd00:1::1", "fd00:1::2", "fd00:1::2", "127.0.0.9", "127.0.0.9", "127.0.0.9", "fd00:1:0:1::1"} {
				c := from(address)
				f.must(greeted(c))
				all = append(all, c)
			}
			for _, address := range []string{"fd00:1::1", "fd00:1::2", "127.0.0.9"} {
				c := from(address)
				f.must(firstOf(c.Wants("ERR too_many_from_ip"), c.Ends()))
				c.Close()
				refused++
			}
			for _, c := range all {
				end(c)
			}
			f.eventually("all have left", func() bool { return p.active() == 0 })
		}
		f.figure("turned away beyond 3 of an IPv4 address or a /64", "%d", refused)

		// Addresses without number, one after the other: none is kept.
		times := sized(f, 1500, 30_000)
		for i := range 20 {
			if out, err := exec.Command("ip", "-6", "address", "replace", fmt.Sprintf("fd00:2:0:%x::1/128", i), "dev", "lo").CombinedOutput(); err != nil {
				f.Fatalf("ip: %v: %s", err, out)
			}
		}
		p.steadily(10, 4, func(round int) {
			for i := range times / 10 {
				c := from(fmt.Sprintf("fd00:2:0:%x::1", i%20))
				f.must(greeted(c))
				c.Close()
			}
		})
	})
}

// A server that wishes our own clients ill: they end in time, hold little, and what they print moves no cursor.
func TestS12_hostileServer(t *testing.T) {
	once(t, func(f *fault) {
		servers := map[string]func(c net.Conn){
			"a line without end": func(c net.Conn) { flood(c, "x") },
			"lines without end":  func(c net.Conn) { flood(c, "x\n") },
			"escapes":            func(c net.Conn) { flood(c, "\x1b[2J\x1b]0;owned\x07\u202e\n") },
			"a greeting of escapes": func(c net.Conn) {
				_, _ = io.WriteString(c, "HELLO clientid=1 name=\x1b[2J\x9b31m\n")
				flood(c, "\x1b[2J\n")
			},
			"an ERR of escapes": func(c net.Conn) { _, _ = io.WriteString(c, "ERR \x1b[2J \x1b]0;owned\x07\n") },
			"JSON without end":  func(c net.Conn) { flood(c, "[[[[[[[[") },
			"a pickle of 2^63": func(c net.Conn) {
				_, _ = io.WriteString(c, "\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f")
				flood(c, "x")
			},
			"a certificate of rubbish": func(c net.Conn) { flood(c, "\x16\x03\x03\xff\xff") },
			"nothing":                  func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
			"a reset":                  func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
		}
		commands := [][]string{
			{"probe", "--timeout=2s"},
			{"probe", "--timeout=2s", "--json"},
			{"probe", "--timeout=2s", "--tls"},
			{"probe", "--timeout=2s", "--wire=pickle"},
			{"bench", "-c", "2", "-d", "1s", "--timeout=2s"},
			{"connect", "--timeout=2s", "-m", "hi"},
		}
		type ran struct {
			what   string
			words  []string
			took   time.Duration
			memory int64 // KiB, at most
			said   string
		}
		runs := make(chan ran)
		var all sync.WaitGroup
		for what, serve := range servers {
			address := f.hostile(serve)
			for _, words := range commands {
				all.Go(func() {
					cmd := daemontest.Command(slices.Concat([]string{program}, words, []string{address})...)
					said := new(daemontest.Transcript)
					cmd.Stdout, cmd.Stderr = said, said
					began := time.Now()
					if !f.note(cmd.Start()) {
						return
					}
					ended := make(chan struct{})
					go func() {
						_ = cmd.Wait() // It is to fail.
						close(ended)
					}()
					memory := mostMemory(cmd.Process.Pid, ended)
					runs <- ran{what, words, time.Since(began), memory, said.String()}
				})
			}
		}
		go func() {
			all.Wait()
			close(runs)
		}()
		var longest time.Duration
		var largest int64
		n := 0
		for r := range runs {
			n++
			longest, largest = max(longest, r.took), max(largest, r.memory)
			if strings.IndexFunc(strings.ReplaceAll(r.said, "µs", ""), notPrintable) >= 0 {
				f.Errorf("%s, %v: it printed %q", r.what, r.words, r.said)
			}
			if r.said == "" || len(r.said) > 4<<10 && r.words[0] != "connect" { // It shows what the server says, as long as that may take.
				f.Errorf("%s, %v: it printed %d bytes", r.what, r.words, len(r.said))
			}
			if r.took > daemontest.Patience {
				f.Errorf("%s, %v: it took %v", r.what, r.words, r.took)
			}
			if r.memory > 128<<10 && !raceDetector {
				f.Errorf("%s, %v: it had %d KiB", r.what, r.words, r.memory)
			}
		}
		f.figure("conversations with a hostile server", "%d", n)
		f.figure("with a time limit of 2 s for each step, the longest took", "%v", longest)
		f.figure("the largest client had", "%.0f MiB", float64(largest)/1024)
	})
}

// mostMemory returns how many KiB a process had at most, when it has ended. (What wait4(2) says of that is also of the process
// that it was forked from.)
func mostMemory(pid int, ended <-chan struct{}) (most int64) {
	for {
		select {
		case <-ended:
			return most
		case <-time.After(2 * time.Millisecond):
		}
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // It may have ended.
		if match := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status); match != nil {
			n, _ := strconv.ParseInt(string(match[1]), 10, 64)
			most = max(most, n)
		}
	}
}

// flood writes text until the client has gone.
func flood(c net.Conn, text string) {
	b := bytes.Repeat([]byte(text), 64<<10/len(text))
	for {
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

// hostile starts a server that deals so with whoever connects.
func (f *fault) hostile(serve func(c net.Conn)) (address string) {
	f.Helper()
	return f.listen(func(c net.Conn) {
		_ = c.SetDeadline(time.Now().Add(daemontest.Patience))
		serve(c)
	})
}
