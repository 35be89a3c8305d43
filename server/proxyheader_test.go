package server_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pires/go-proxyproto"
	"go.uber.org/zap/zapcore"

	"parley/handler"
	"parley/server"
)

const handshakeTimeout = 10 * time.Second

// behind puts the listener behind proxies at these addresses.
func behind(proxies ...string) func(*role) {
	return func(r *role) {
		r.listener.Proxied = true
		r.listener.Proxies = prefixes(proxies...)
		r.listener.Limits.HandshakeTimeout = handshakeTimeout
	}
}

// everyone is a list of proxies for tests in which it does not matter who the proxy is.
var everyone = behind("0.0.0.0/0", "::/0")

// header1 and header2 name a client and what it reached, in version 1 and 2.
func header1(from, to string) string { return header(1, from, to) }
func header2(from, to string) string { return header(2, from, to) }

func header(version byte, from, to string) string {
	source, destination := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	h := proxyproto.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(source), net.TCPAddrFromAddrPort(destination))
	b, err := h.Format()
	if err != nil {
		panic(err)
	}
	return string(b)
}

// raw2 is a header of version 2 as it is told: its command and family, the length it announces, and what follows.
func raw2(command, family byte, announced uint16, block string) string {
	b := append([]byte(nil), proxyproto.SIGV2...)
	b = append(b, command, family)
	b = binary.BigEndian.AppendUint16(b, announced)
	return string(b) + block
}

const (
	ip4Block = "\xcb\x00\x71\x05\xc0\x00\x02\x63\xc7\x38\x01\xbb" // 203.0.113.5:51000 to 192.0.2.99:443
	local2   = 0x20
	proxy2   = 0x21
)

// A header, whoever sends it, is only told from data where the listener is behind a proxy.
func TestProxy_off(t *testing.T) {
	inTheClear(t, func(t *testing.T, n network) {
		s := serve(t, n, echo(""))
		c := s.dial()
		c.send(header1("203.0.113.5:51000", "192.0.2.99:443"))
		c.want("PROXY TCP4 203.0.113.5 192.0.2.99 51000 443")
	})
}

// The header names the client, to itself, the log and the handler, however it is cut, and what follows is the
// conversation.
func TestProxy(t *testing.T) {
	for name, test := range map[string]struct{ header, you, me string }{
		"v1":           {header1("203.0.113.5:51000", "192.0.2.99:443"), "203.0.113.5:51000", "192.0.2.99:443"},
		"v1, IPv6":     {header1("[2001:db8::5]:51000", "[2001:db8::99]:443"), "[2001:db8::5]:51000", "[2001:db8::99]:443"},
		"v1, mapped":   {"PROXY TCP6 ::ffff:203.0.113.5 ::ffff:192.0.2.99 51000 443\r\n", "203.0.113.5:51000", "192.0.2.99:443"},
		"v1, longest":  {"PROXY TCP6 " + strings.Repeat("ffff:", 7) + "ffff " + strings.Repeat("ffff:", 7) + "ffff 65535 65535\r\n", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
		"v2":           {header2("203.0.113.5:51000", "192.0.2.99:443"), "203.0.113.5:51000", "192.0.2.99:443"},
		"v2, IPv6":     {header2("[2001:db8::5]:51000", "[2001:db8::99]:443"), "[2001:db8::5]:51000", "[2001:db8::99]:443"},
		"v2, TLV":      {raw2(proxy2, 0x11, 12+4, ip4Block+"\x04\x00\x01x"), "203.0.113.5:51000", "192.0.2.99:443"},
		"v2, large":    {raw2(proxy2, 0x11, 4096, ip4Block+"\x04\x0f\xf1"+strings.Repeat("x", 4081)), "203.0.113.5:51000", "192.0.2.99:443"},
		"second is no": {header1("203.0.113.5:51000", "192.0.2.99:443") + "PROXY UNKNOWN\r\n", "203.0.113.5:51000", "192.0.2.99:443"},
	} {
		t.Run(name, func(t *testing.T) {
			inTheClear(t, func(t *testing.T, n network) {
				s := serve(t, n, handler.Func(func(s handler.Session) error {
					if s.RemoteAddr().String() != test.you || s.LocalAddr().String() != test.me {
						return fmt.Errorf("the session is of %v with %v", s.RemoteAddr(), s.LocalAddr())
					}
					return echo("")(s)
				}), greeting, everyone)
				end := func(c *client, id int) {
					c.want(fmt.Sprintf("HELLO clientid=%d you=%s me=%s handler=test via=%s", id, test.you, test.me, c.LocalAddr()))
					if strings.Contains(name, "second") {
						c.want("PROXY UNKNOWN")
					}
					c.want("hello")
					c.closeWrite()
					c.wantEnd()
					if e := s.wantEnd(server.ClientClosed); e.string("peer") != test.you || e.string("via") != c.LocalAddr().String() {
						t.Errorf("the log has %v", e.fields)
					}
				}
				id := 0
				dial := func() *client { id++; return s.dial() }

				whole := dial() // The header and the first message in one segment.
				whole.sends(test.header + "hello\n")
				end(whole, id)
				bytewise := dial()
				bytewise.sends(strings.SplitAfter(test.header+"hello\n", "")...)
				end(bytewise, id)
				for cut := 1; cut < min(len(test.header), 120); cut++ {
					c := dial()
					c.sends(test.header[:cut], test.header[cut:]+"hel", "lo\n")
					end(c, id)
				}
			})
		})
	}
}

// sends sends the pieces while the client reads: over a pipe, what is not read is not sent.
func (c *client) sends(pieces ...string) {
	go func() {
		for _, piece := range pieces {
			if _, err := io.WriteString(c.Conn, piece); err != nil {
				return // The client finds that it was not understood.
			}
		}
	}()
}

// Where the header names no client the connection is the proxy's own, as a health check is.
func TestProxy_own(t *testing.T) {
	for name, header := range map[string]string{
		"LOCAL":                        raw2(local2, 0x00, 0, ""),
		"LOCAL with an address":        raw2(local2, 0x11, 12, ip4Block),
		"LOCAL with less than that":    raw2(local2, 0x11, 3, "abc"),
		"UNKNOWN":                      "PROXY UNKNOWN\r\n",
		"UNKNOWN with addresses":       "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
		"a client of a unix socket":    raw2(proxy2, 0x31, 216, strings.Repeat("\x00", 216)),
		"LOCAL with what is a message": raw2(local2, 0x00, 5, "\x04\x00\x02a\n"),
	} {
		t.Run(name, func(t *testing.T) {
			inTheClear(t, func(t *testing.T, n network) {
				s := serve(t, n, echo(""), greeting, everyone)
				c := s.dial()
				c.send(header + "hello\n")
				c.want(fmt.Sprintf("HELLO clientid=1 you=%v me=%v handler=test", c.LocalAddr(), c.RemoteAddr()), "hello")
			})
		})
	}
}

// What is no header ends the connection, at once and without a word.
func TestProxy_bad(t *testing.T) {
	for name, sent := range map[string]string{
		"data":                  "hello\n",
		"one byte of data":      "h",
		"TLS":                   "\x16\x03\x01",
		"nearly v1":             "PROXIES",
		"v1, not of TCP":        "PROXY UDP4 203.0.113.5 192.0.2.99 51000 443\r\n",
		"v1, 107 bytes":         "PROXY UNKNOWN " + strings.Repeat("x", 93),
		"v1, over 107 bytes":    "PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n",
		"v1, without CR":        "PROXY TCP4 203.0.113.5 192.0.2.99 51000 443\n",
		"v1, no address":        "PROXY TCP4 203.0.113 192.0.2.99 51000 443\r\n",
		"v1, a zone":            "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n",
		"v1, no port":           "PROXY TCP4 203.0.113.5 192.0.2.99 51000 65536\r\n",
		"nearly v2":             "\r\n\r\n\x00\r\nQUIX",
		"v2, version 1":         raw2(0x11, 0x11, 12, ip4Block),
		"v2, unknown command":   raw2(0x22, 0x11, 12, ip4Block),
		"v2, of UDP":            raw2(proxy2, 0x12, 12, ip4Block),
		"v2, unknown family":    raw2(proxy2, 0x41, 12, ip4Block),
		"v2, too short":         raw2(proxy2, 0x11, 11, ip4Block[:11]),
		"v2, announces 65,535":  raw2(proxy2, 0x11, 65535, ""),
		"v2, announces 4,097":   raw2(proxy2, 0x11, 4097, ""),
		"v2, TLV past the end":  raw2(proxy2, 0x11, 12+4, ip4Block+"\x04\x00\x02x"),
		"v2, half a TLV":        raw2(proxy2, 0x11, 12+2, ip4Block+"\x04\x00"),
		"v2, LOCAL, TLV beyond": raw2(local2, 0x11, 12+4, ip4Block+"\x04\xff\xffx"),
	} {
		t.Run(name, func(t *testing.T) {
			inTheClear(t, func(t *testing.T, n network) {
				s := serve(t, n, echo(""), greeting, everyone)
				c := s.dial()
				c.send(sent)
				c.wantEnd()
				c.Close()
				if e := s.wantEnd(server.BadProxyHeader); e.Level != zapcore.DebugLevel || !strings.HasPrefix(e.string("error"), "no PROXY header: ") {
					t.Errorf("got %v %v", e.Level, e.fields)
				}
				if n := s.log.count("handshakes fail"); n != 1 {
					t.Errorf("%d lines about it, want one", n)
				}
			})
		})
	}
}

// A proxy that goes without a word has only looked whether there is anybody; one that goes within its header has failed.
func TestProxy_leaves(t *testing.T) {
	inTheClear(t, func(t *testing.T, n network) {
		s := serve(t, n, echo(""), greeting, everyone)
		for _, test := range []struct {
			sent   string
			reason server.Reason
		}{{"", server.ClientClosed}, {"PROXY TCP4", server.BadProxyHeader}} {
			c := s.dial()
			c.send(test.sent)
			c.closeWrite()
			c.wantEnd()
			if e := s.wantEnd(test.reason); e.Level != zapcore.DebugLevel {
				t.Errorf("it is logged at %v", e.Level)
			}
		}
	})
}

// Who is no proxy is shut out at once, whether a header comes or not.
func TestProxy_untrusted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), greeting, behind("10.0.0.0/8", "2001:db8::/32"))
		for _, ip := range []string{"10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"} {
			c := s.dialFrom(netip.MustParseAddr(ip))
			c.send(header1("203.0.113.5:51000", "192.0.2.99:443"))
			c.want("HELLO clientid=" + fmt.Sprint(c.id(s)) + " you=203.0.113.5:51000 me=192.0.2.99:443 handler=test via=" + c.LocalAddr().String())
		}
		began := time.Now()
		for _, ip := range []string{"11.0.0.1", "203.0.113.5", "2001:db9::1"} {
			c := s.dialFrom(netip.MustParseAddr(ip))
			c.wantEnd()
			s.wantEnd(server.UntrustedProxy)
		}
		wantAfter(t, began, 0)
		if n := s.log.count("turning connections away"); n != 1 {
			t.Errorf("%d lines about it, want one", n)
		}
	})
}

// id is how many connections there have been.
func (c *client) id(s *stage) int {
	c.t.Helper()
	synctest.Wait()
	return int(s.metrics().of("parley_connections_accepted_total"))
}

// The time for the header counts from the connection, and is not renewed by a byte now and then.
func TestProxy_timeout(t *testing.T) {
	for name, pieces := range map[string][]string{
		"silent":   nil,
		"trickles": strings.Split(header1("203.0.113.5:51000", "192.0.2.99:443"), ""),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, overPipe, echo(""), greeting, everyone)
				began := time.Now()
				c := s.dial()
				if pieces != nil {
					trickle(c, time.Second, pieces...)
				}
				// Nobody else waits for it.
				time.Sleep(time.Second / 2)
				other := s.dial()
				other.send(header1("203.0.113.6:51000", "192.0.2.99:443"))
				other.want("HELLO clientid=2 you=203.0.113.6:51000 me=192.0.2.99:443 handler=test via=" + other.LocalAddr().String())
				if _, err := io.ReadAll(c.r); err != nil {
					t.Error(err)
				}
				wantAfter(t, began, handshakeTimeout)
				s.wantEnd(server.HandshakeTimeout)
				// Once the header is there, the time is no bound any more.
				time.Sleep(2 * handshakeTimeout)
				other.send("a\n")
				other.want("a")
			})
		})
	}
}

// Lists, caps and the idle timeout are for the client, not for the proxy, and the client is told.
func TestProxy_limits(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), caps(0, 2), limits(server.Limits{
			Deny: prefixes("203.0.113.66/32"), IdleTimeout: time.Minute,
		}), everyone)
		from := func(ip string) *client {
			c := s.dial()
			c.send(header2(ip+":51000", "192.0.2.99:443"))
			return c
		}
		from("203.0.113.66").wantEnd()
		s.wantEnd(server.Denied)

		began := time.Now()
		first := from("203.0.113.5")
		first.send("a\n")
		first.want("a")
		second := from("203.0.113.5")
		second.send("a\n")
		second.want("a")
		third := from("203.0.113.5")
		third.wantEnd("ERR too_many_from_ip")
		third.Close()
		s.wantEnd(server.TooManyFromIP)
		other := from("203.0.113.6")
		other.send("a\n")
		other.want("a")
		first.Close()
		s.wantEnd(server.ClientClosed)
		again := from("203.0.113.5")
		again.send("a\n")
		again.want("a")
		again.wantEnd("ERR idle_timeout")
		if took := time.Since(began); took < time.Minute {
			t.Errorf("idle after %v", took)
		}
	})
}

// A deny list that has the proxy does not shut out its clients, but its own connections.
func TestProxy_denied(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), limits(server.Limits{Deny: prefixes("192.0.2.0/24")}), everyone)
		c := s.dial()
		c.send(header1("203.0.113.5:51000", "192.0.2.99:443") + "a\n")
		c.want("a")
		own := s.dial()
		own.send("PROXY UNKNOWN\r\n")
		own.wantEnd()
		s.wantEnd(server.Denied)
	})
}

// Those whose header has not come count as connections, and are bounded by themselves.
func TestProxy_pending(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), caps(server.MaxHandshakes+10, 0), everyone)
		for range server.MaxHandshakes {
			s.dial()
		}
		c := s.dial()
		c.wantEnd("ERR server_full")
		c.Close()
		s.wantEnd(server.ServerFull)
		for range server.MaxHandshakes {
			s.wantEnd(server.HandshakeTimeout)
		}
		c = s.dial()
		c.send("PROXY UNKNOWN\r\na\n")
		c.want("a")
	})
}

func TestProxy_maxConns(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), caps(1, 0), everyone)
		s.dial()
		c := s.dial()
		c.sends("PROXY UNKNOWN\r\n")
		c.wantEnd("ERR server_full")
	})
}

// The drain does not wait for headers, but for what has come with one.
func TestProxy_drain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), everyone)
		silent, half, whole := s.dial(), s.dial(), s.dial()
		half.send("PROXY UNK")
		whole.send("PROXY UNKNOWN\r\na\n")
		whole.want("a")
		done := make(chan server.Outcome)
		go func() { done <- s.stop(longDrain) }()
		for _, c := range []*client{silent, half, whole} {
			c.wantEnd("ERR shutting_down")
			c.Close()
		}
		if got, want := <-done, (server.Outcome{Drained: 3}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}
