//go:build system && linux

package faults_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/faults/daemontest"
)

// Clients that end their side: who goes on to read has all answers and the end, who vanishes leaves nothing behind.
func TestH7_halfClose(t *testing.T) {
	eachTransport(t, func(f *fault) {
		const lines = 20
		clients := sized(f, 300, 1000)
		p := f.serve("echo://127.0.0.1:0?greeting=off", "echo+tls://127.0.0.1:0?greeting=off")
		p.clientsAbort = true // Those who vanish leave answers unread.
		says := strings.Repeat("a line\n", lines)
		hears := strings.Repeat("ECHO: a line\n", lines)
		for i, address := range p.Addresses[:2] {
			atOnce(clients, 100, func(int) {
				if got, err := talk(address, i == 1, says); err != nil || got != hears {
					f.Errorf("answered %q, %v", clip(got), err)
				}
			})
		}
		p.awaitEnded(2*clients, "client_closed")
		atOnce(clients, 100, func(int) {
			conn, err := connect(p.Addresses[0], false)
			if err != nil {
				f.Error(err)
				return
			}
			_, _ = io.WriteString(conn, says)
			_ = conn.CloseWrite()
			conn.Close()
		})
		p.awaitEnded(3 * clients)
		left := f.inState("close-wait", p.Addresses[0])
		f.figure("clients that end their side and read, with and without TLS: all answered", "%d", 2*clients)
		f.figure("connections in CLOSE-WAIT after as many have vanished", "%d", left)
		if left != 0 {
			f.Errorf("%d connections are in CLOSE-WAIT", left)
		}
	})
}

// A phase of a connection at whose end its client resets it.
type phase struct {
	name   string
	secure bool
	act    func(conn net.Conn) error
}

// phases are those of an echo connection with a greeting.
var phases = []phase{
	{"connected", false, func(net.Conn) error { return nil }},
	{"greeted", false, func(conn net.Conn) error { return readLines(conn, 1) }},
	{"in mid-message", false, func(conn net.Conn) error { return sends(conn, "half a l") }},
	{"asked", false, func(conn net.Conn) error { return sends(conn, "a question\n") }},
	{"answered", false, func(conn net.Conn) error {
		if err := sends(conn, "a question\n"); err != nil {
			return err
		}
		return readLines(conn, 2)
	}},
	{"while much is on its way", false, func(conn net.Conn) error { return sends(conn, strings.Repeat("a line that is echoed\n", 20_000)) }},
	{"half-closed", false, func(conn net.Conn) error {
		if err := sends(conn, "a question\n"); err != nil {
			return err
		}
		return conn.(*net.TCPConn).CloseWrite()
	}},
	{"told", false, func(conn net.Conn) error {
		if err := sends(conn, strings.Repeat("x", 10_000)); err != nil {
			return err
		}
		return readLines(conn, 2)
	}},
	{"before TLS", true, func(net.Conn) error { return nil }},
	{"in the TLS handshake", true, func(conn net.Conn) error { return sends(conn, "\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03") }},
	{"after the TLS handshake", true, func(conn net.Conn) error {
		return tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).Handshake() //nolint:gosec // as in connect
	}},
	{"within TLS", true, func(conn net.Conn) error {
		secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // as in connect
		if err := sends(secure, "a question\n"); err != nil {
			return err
		}
		return readLines(secure, 1)
	}},
}

func sends(conn net.Conn, text string) error {
	_, err := io.WriteString(conn, text)
	return err
}

// readLines reads so many lines, byte by byte: none of what is behind them.
func readLines(conn net.Conn, n int) error {
	b := make([]byte, 1)
	for n > 0 {
		if _, err := conn.Read(b); err != nil {
			return err
		}
		if b[0] == '\n' {
			n--
		}
	}
	return nil
}

// A reset is everyday life, in whatever phase it comes.
func TestH8_resets(t *testing.T) {
	eachTransport(t, func(f *fault) {
		const each = 20
		p := f.serve("echo://127.0.0.1:0", "echo+tls://127.0.0.1:0")
		p.clientsAbort = true
		for _, phase := range phases {
			atOnce(each, each, func(int) {
				address := p.Addresses[0]
				if phase.secure {
					address = p.Addresses[1]
				}
				conn, err := net.DialTimeout("tcp", address, daemontest.Patience)
				if err != nil {
					f.Errorf("%s: %v", phase.name, err)
					return
				}
				conn.SetDeadline(time.Now().Add(daemontest.Patience))
				if err := phase.act(conn); err != nil {
					f.Errorf("%s: %v", phase.name, err)
				}
				_ = conn.(*net.TCPConn).SetLinger(0)
				conn.Close()
			})
		}
		p.awaitEnded(each * len(phases))
		f.figure("resets, in 12 phases", "%d", each*len(phases))
		for line := range strings.Lines(p.Stdout.String()) {
			if strings.Contains(line, `"level":"warn"`) || strings.Contains(line, `"level":"error"`) || strings.Contains(line, "goroutine") {
				f.Errorf("logged: %s", line)
			}
		}
		for _, bad := range []string{"internal", "bad_message", "write_timeout"} {
			if n := p.ended(bad); n != 0 {
				f.Errorf("%d ended with %s", n, bad)
			}
		}
	})
}

// Many clients connect as fast as they can, plain and over TLS; below the limit none is refused or reset.
func TestH10_storm(t *testing.T) {
	for _, secure := range []bool{false, true} {
		name := map[bool]string{false: "plain", true: "TLS"}[secure]
		t.Run(name, func(t *testing.T) {
			eachTransport(t, func(f *fault) { storm(f, secure) })
		})
	}
}

func storm(f *fault, secure bool) {
	const lanes = 64
	lasts := sized(f, 1500*time.Millisecond, 30*time.Second)
	listener := map[bool]string{false: "echo://", true: "echo+tls://"}[secure]
	p := f.serve("PARLEY_LOG_LEVEL=info", listener+"0.0.0.0:0?greeting=off")
	_, port, err := net.SplitHostPort(p.Addresses[0])
	f.must(err)
	overflows := netstat(f, "TcpExt:", "ListenOverflows")
	var mu sync.Mutex
	var times []time.Duration
	failures := make(map[string]int)
	var storming sync.WaitGroup
	end := time.Now().Add(lasts)
	for lane := range lanes {
		storming.Go(func() {
			// Each lane has an address of the daemon's to itself, so that the ports of one are not used up.
			address := net.JoinHostPort(fmt.Sprintf("127.0.1.%d", lane+1), port)
			for time.Now().Before(end) {
				began := time.Now()
				got, err := talk(address, secure, "in a storm\n")
				took := time.Since(began)
				mu.Lock()
				times = append(times, took)
				if err != nil {
					failures[err.Error()]++
				} else if got != "ECHO: in a storm\n" {
					failures[fmt.Sprintf("answered %q", got)]++
				}
				mu.Unlock()
			}
		})
	}
	storming.Wait()
	f.figure("connections a second, each with an echo", "%.0f", float64(len(times))/lasts.Seconds())
	f.figure("refused, reset or not answered", "%d", len(failures))
	f.figure("99 % served within", "%v", daemontest.Quantile(times, .99))
	for what, n := range failures {
		f.Errorf("%d times: %s", n, what)
	}
	if now := netstat(f, "TcpExt:", "ListenOverflows"); now != overflows {
		f.Errorf("the queue of those who wait to be accepted overflowed %d times", now-overflows)
	}
	p.awaitEnded(len(times), "client_closed")
}
