//go:build system && linux

package faults_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/faults"
	"parley/faults/daemontest"
)

// A cable is what clients are connected by, each from an address of its own, and what can be cut: this network's firewall then
// drops what they send or are sent.
type cable struct {
	f         *fault
	table     string
	addresses map[string]string
}

func newCable(f *fault) *cable {
	c := &cable{f, "inet cable_" + f.transport, make(map[string]string)}
	c.nft("add table " + c.table + "; add chain " + c.table + " in { type filter hook input priority 0; }")
	f.Cleanup(func() { c.nft("delete table " + c.table) })
	return c
}

func (c *cable) nft(rules string) {
	c.f.Helper()
	if out, err := exec.Command("nft", rules).CombinedOutput(); err != nil {
		c.f.Fatalf("nft: %v: %s", err, out)
	}
}

// dial connects a client by this name.
func (c *cable) dial(name, address string) net.Conn {
	c.f.Helper()
	network := map[string]int{faults.Fast: 3, faults.Portable: 4}[c.f.transport]
	c.addresses[name] = fmt.Sprintf("127.0.%d.%d", network, len(c.addresses)+1)
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.addresses[name])}}).Dial("tcp", address)
	c.f.must(err)
	c.f.Cleanup(func() { conn.Close() })
	return conn
}

// cut loses from now on what the client sends (saddr) or is sent (daddr).
func (c *cable) cut(name, side string) {
	c.f.Helper()
	c.nft(fmt.Sprintf("add rule %s in ip %s %s drop", c.table, side, c.addresses[name]))
}

// Who vanishes without a word, as when a cable is pulled, is gone in about 30 s: the silent one by keep-alives, and one whom an
// answer is on its way to as well, for whom the system would otherwise go on for 15 minutes.
func TestN2_vanished(t *testing.T) {
	eachTransportWaiting(t, func(f *fault) {
		const earliest, latest = 20 * time.Second, 35 * time.Second
		p := f.serve("echo://127.0.0.1:0", "echo+tls://127.0.0.1:0?greeting=off")
		cable := newCable(f)
		silent, waiting := daemontest.NewClient(cable.dial("silent", p.Addresses[0])), daemontest.NewClient(cable.dial("waiting", p.Addresses[0]))
		for _, c := range []*daemontest.Client{silent, waiting} {
			_, err := c.Greeting()
			f.must(err)
		}
		secure := tls.Client(cable.dial("secure", p.Addresses[1]), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // as in connect
		f.must(sends(secure, "here\n"))
		f.must(readLines(secure, 1))
		cable.cut("waiting", "daddr") // It is heard and does not hear.
		f.must(waiting.Send("you hear me\n"))
		f.eventually("it is heard", func() bool { return p.own("parley_messages_total") == 2 })
		cable.cut("waiting", "saddr")
		for _, name := range []string{"silent", "secure"} {
			cable.cut(name, "saddr")
			cable.cut(name, "daddr")
		}
		began := time.Now()
		daemontest.EventuallyWithin(f, 2*latest, "all are gone", func() bool { return p.ended("lost") == 3 })
		took := time.Since(began)
		f.figure("a silent client, one who waits for an answer and one of TLS are gone after", "%v", took)
		if took < earliest || took > latest {
			f.Errorf("all are gone after %v, want some 30 s", took)
		}
	})
}

// Over a path that is slow, far and cuts what it carries into pieces, the same bytes arrive.
func TestN3_slowPath(t *testing.T) {
	eachTransportWaiting(t, func(f *fault) {
		const (
			latency = 40 * time.Millisecond
			rate    = 100 << 10 // bytes a second
			most    = 1000      // bytes of a piece
		)
		size := sized(f, 300<<10, 1<<20)
		p := f.serve("echo://127.0.0.1:0?wire=raw&prefix=", "echo+tls://127.0.0.1:0?wire=raw&prefix=", "echo://127.0.0.1:0?greeting=off&prefix=")
		var lines strings.Builder
		for i := 0; lines.Len() < size; i++ {
			fmt.Fprintf(&lines, "line %d %s\n", i, strings.Repeat("z", i%200))
		}
		sent := lines.String()
		var conversations sync.WaitGroup
		began := time.Now()
		for i, name := range []string{"raw", "raw, TLS", "text"} {
			conversations.Go(func() {
				conn, err := connect(slowPath(f, p.Addresses[i], latency, rate, most), i == 1)
				if err != nil {
					f.Errorf("%s: %v", name, err)
					return
				}
				defer conn.Close()
				go func() {
					_, _ = io.WriteString(conn, sent)
					_ = conn.CloseWrite()
				}()
				got, err := io.ReadAll(conn)
				if err != nil || string(got) != sent {
					f.Errorf("%s: %d bytes came back of %d, %v; the same: %v", name, len(got), len(sent), err, string(got) == sent)
				}
			})
		}
		conversations.Wait()
		f.figure("sent and got back the same, at 100 KB/s in pieces of up to 1,000 bytes, 40 ms away, thrice at a time", "%d KiB", len(sent)>>10)
		f.figure("in", "%v", time.Since(began))
	})
}

// slowPath returns an address from which a path leads to another.
func slowPath(f *fault, to string, latency time.Duration, rate, most int) string {
	f.Helper()
	return f.listen(func(near net.Conn) {
		far, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer far.Close()
		var both sync.WaitGroup
		both.Go(func() { carry(far.(halfCloser), near.(halfCloser), latency, rate, most) })
		both.Go(func() { carry(near.(halfCloser), far.(halfCloser), latency, rate, most) })
		both.Wait()
	})
}

// carry takes what comes from one to the other, in pieces of any size up to most, each so much later, and no more than rate bytes
// a second.
func carry(to, from halfCloser, latency time.Duration, rate, most int) {
	type piece struct {
		bytes []byte
		due   time.Time
	}
	pieces := make(chan piece, 64)
	go func() {
		defer close(pieces)
		free := time.Now() // when the path has room again
		for {
			b := make([]byte, 1+rand.IntN(most))
			n, err := from.Read(b)
			if n > 0 {
				if now := time.Now(); free.Before(now) {
					free = now
				}
				free = free.Add(time.Second * time.Duration(n) / time.Duration(rate))
				pieces <- piece{b[:n], free.Add(latency)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.bytes); err != nil {
			from.Close() // So that the one above ends.
		}
	}
	_ = to.CloseWrite()
}

// What is listened on is what was written.
func TestN8_addresses(t *testing.T) {
	once(t, func(f *fault) {
		path := filepath.Join(f.TempDir(), "s")
		p := f.serve("echo://0.0.0.0:0", "echo://[::]:0", "echo://:0", "echo://localhost:0", "echo+unix://"+path, "echo+unix://@parley-n8")
		for i, tt := range []struct {
			name   string
			v4, v6 bool
			other  bool // another address of this machine
		}{
			{"0.0.0.0", true, false, true},
			{"[::]", false, true, false},
			{":port", true, true, true},
			{"localhost", true, false, false},
		} {
			_, port, err := net.SplitHostPort(p.Addresses[i])
			f.must(err)
			for host, want := range map[string]bool{"127.0.0.1": tt.v4, "::1": tt.v6, "127.0.0.9": tt.other} {
				if tt.name == "localhost" && host == "::1" {
					continue // It depends on the machine's hosts file.
				}
				c, err := daemontest.Connect(net.JoinHostPort(host, port))
				if (err == nil) != want {
					f.Errorf("%s: connecting to %s: %v, want %v", tt.name, host, err, want)
				}
				if err != nil {
					continue
				}
				greeting, err := c.Greeting()
				f.must(err)
				c.Close()
				if you, me := greeting.You, greeting.Me; you != c.LocalAddr().String() || me != c.RemoteAddr().String() {
					f.Errorf("%s: the client %v of %v was told you=%s me=%s", tt.name, c.LocalAddr(), c.RemoteAddr(), you, me)
				}
			}
		}
		for _, path := range []string{path, "@parley-n8"} {
			conn, err := net.Dial("unix", path)
			f.must(err)
			c := daemontest.NewClient(conn)
			_, err = c.Greeting()
			f.must(err)
			f.must(c.Echo("over a unix socket"))
			c.Close()
		}
		if mapped := regexp.MustCompile(`"peer":"\[?::ffff:`).FindString(p.Stdout.String()); mapped != "" {
			f.Errorf("a client of IPv4 is logged as %s", mapped)
		}
	})
}
