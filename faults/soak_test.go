//go:build system && linux

package faults_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parley/faults/daemontest"
)

// soaked are the listeners of the soak, by the name under which soakEndings know them.
var soaked = []struct{ name, listener string }{
	{"echo", "echo://127.0.0.1:0?max_message=100"},
	{"json", "echo://127.0.0.1:0?wire=json"},
	{"pickle", "echo://127.0.0.1:0?wire=pickle"},
	{"happy", "happy://127.0.0.1:0"},
	{"tls", "echo+tls://127.0.0.1:0"},
	{"idle", "echo://127.0.0.1:0?idle_timeout=20ms"},
	{"hasty", "echo://127.0.0.1:0?message_timeout=20ms&flush=0"},
	{"brief", "echo://127.0.0.1:0?max_lifetime=20ms"},
	{"denied", "echo://127.0.0.1:0?deny=127.0.0.0/8"},
	{"full", "echo://127.0.0.1:0?max_conns=1"},
	{"proxied", "echo://127.0.0.1:0?proxy_protocol=on&proxy_trusted=127.0.0.0/8"},
}

// A soaking is what a client of the soak does until its connection is over, and for which of these reasons it then has ended.
type soaking struct {
	what     string
	listener string
	reasons  string // words, separated by spaces
	do       func(c *daemontest.Client) error
}

// soakEndings are those of the soak: more than the twelve that the catalogue asks for.
var soakEndings = []soaking{
	{"says nothing and leaves", "echo", "client_closed reset", func(*daemontest.Client) error { return nil }},
	{"converses", "echo", "client_closed", func(c *daemontest.Client) error {
		return firstOf(greeted(c), c.Echo("hi"), c.HalfClose(), c.Ends())
	}},
	{"knows no newline", "echo", "client_closed", func(c *daemontest.Client) error {
		return firstOf(greeted(c), c.Send("hi"), c.HalfClose(), c.Wants("ECHO: hi"), c.Ends())
	}},
	{"resets", "echo", "reset", func(c *daemontest.Client) error {
		err := firstOf(greeted(c), c.Echo("hi"))
		c.Reset()
		return err
	}},
	{"says too much", "echo", "line_too_long", func(c *daemontest.Client) error {
		return firstOf(greeted(c), c.Send(strings.Repeat("x", 200)), c.Wants("ERR line_too_long limit=100"), c.Ends())
	}},
	{"sends no JSON", "json", "bad_message", func(c *daemontest.Client) error {
		return firstOf(c.Matches(`^{"clientid":`), c.Send("}\n"), c.Matches(`^{"error":"bad_message"`), c.Ends())
	}},
	{"sends no pickle", "pickle", "bad_message", func(c *daemontest.Client) error {
		if err := c.Send("\x80\x02cos\nsystem\n."); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, c.In)
		return err
	}},
	{"is happy", "happy", "done", func(c *daemontest.Client) error {
		return firstOf(greeted(c), c.Send("hi\n"), c.Wants("HELLO. I am the Happy Server :-)"), c.Ends())
	}},
	{"speaks TLS", "tls", "client_closed", func(c *daemontest.Client) error {
		secured := &daemontest.Client{Conn: tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})}
		secured.In = bufio.NewReader(secured.Conn)
		return firstOf(greeted(secured), secured.Echo("hi"), secured.HalfClose(), secured.Ends())
	}},
	{"speaks no TLS", "tls", "bad_tls", func(c *daemontest.Client) error {
		if err := c.Send("hello, hello\n"); err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, c.In) // An alert.
		return nil
	}},
	{"is silent", "idle", "idle_timeout", func(c *daemontest.Client) error {
		return firstOf(greeted(c), c.Wants("ERR idle_timeout"), c.Ends())
	}},
	{"does not end its message", "hasty", "message_timeout", func(c *daemontest.Client) error {
		return firstOf(c.Send("hal"), greeted(c), c.Wants("ERR message_timeout"), c.Ends())
	}},
	{"stays for too long", "brief", "lifetime", func(c *daemontest.Client) error {
		return firstOf(greeted(c), c.Wants("ERR lifetime"), c.Ends())
	}},
	{"may not come", "denied", "denied", func(c *daemontest.Client) error { return c.Ends() }},
	{"is one too many", "full", "server_full", func(c *daemontest.Client) error {
		return firstOf(c.Wants("ERR server_full"), c.Ends())
	}},
	{"comes by a proxy", "proxied", "client_closed", func(c *daemontest.Client) error {
		return firstOf(c.Send("PROXY TCP4 203.0.113.5 198.51.100.7 51000 443\r\nhi\n"), greeted(c), c.Wants("ECHO: hi"), c.HalfClose(), c.Ends())
	}},
	{"comes by no proxy", "proxied", "bad_proxy_header", func(c *daemontest.Client) error {
		_ = firstOf(c.Send("hello, hello\r\n"), c.HalfClose())
		_, _ = io.Copy(io.Discard, c.In) // It is reset, or not.
		return nil
	}},
}

func greeted(c *daemontest.Client) error { return c.Matches("^HELLO clientid=") }

// firstOf returns the first error. What it is given was all done, each in its turn.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Connections without end, in all their kinds of ending: nothing is left of them.
func TestR7_soak(t *testing.T) {
	eachTransport(t, func(f *fault) {
		total := sized(f, 3_400, 200_000)
		var words []string
		for _, s := range soaked {
			words = append(words, s.listener)
		}
		p := f.serve(words...)
		p.clientsAbort = true // Who is denied, or says nothing, leaves a greeting unread.
		at := make(map[string]string)
		for i, s := range soaked {
			at[s.name] = p.Addresses[i]
		}
		holder := f.dial(at["full"]) // It takes the only place.
		f.must(greeted(holder))

		const rounds, workers = 20, 16
		each := total / rounds
		var failed atomic.Int64
		began := time.Now()
		p.steadily(rounds, 8, func(round int) {
			numbers := make(chan int)
			var all sync.WaitGroup
			for range workers {
				all.Go(func() {
					for n := range numbers {
						e := soakEndings[n%len(soakEndings)]
						if err := soak(at[e.listener], e); err != nil && failed.Add(1) <= 10 {
							f.Errorf("a client that %s: %v", e.what, err)
						}
					}
				})
			}
			for i := range each {
				numbers <- round*each + i
			}
			close(numbers)
			all.Wait()
		})
		f.figure("connections a second", "%.0f", float64(total)/time.Since(began).Seconds())
		f.figure("connections", "%d", total)
		holder.Close()
		f.eventually("all have ended", func() bool { return p.active() == 0 })
		want := make(map[string]int) // by the reasons that a kind may have
		for n := range rounds * each {
			want[soakEndings[n%len(soakEndings)].reasons]++
		}
		want["client_closed"]++ // the holder
		got := func(reasons string) int { return p.ended(strings.Fields(reasons)...) }
		for reasons, n := range want {
			if strings.Contains(reasons, "client_closed") || reasons == "reset" {
				continue // They may stand for one another; see below.
			}
			if g := got(reasons); g != n {
				f.Errorf("%d ended for %s, want %d", g, reasons, n)
			}
		}
		if g, n := got("client_closed reset"), want["client_closed"]+want["client_closed reset"]+want["reset"]; g != n {
			f.Errorf("%d ended for client_closed or reset, want %d", g, n)
		}
	})
}

// soak has one client come and end so.
func soak(address string, e soaking) error {
	nc, err := net.DialTimeout("tcp", address, daemontest.Patience)
	if err != nil {
		return err
	}
	c := &daemontest.Client{Conn: nc, In: bufio.NewReader(nc)}
	defer c.Close()
	if err := e.do(c); err != nil {
		return fmt.Errorf("on %s: %w", e.listener, err)
	}
	return nil
}
