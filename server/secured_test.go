package server_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zapcore"

	"parley/handler"
	"parley/server"
)

// secured has the listener speak TLS as config says, without session tickets, which over a pipe wait for the client to
// read.
func secured(config *tls.Config) func(*role) {
	return func(r *role) {
		r.listener.TLS = with(config, func(c *tls.Config) { c.SessionTicketsDisabled = true })
		r.listener.Limits.HandshakeTimeout = handshakeTimeout
	}
}

// with returns a copy of config with changes.
func with(config *tls.Config, change func(*tls.Config)) *tls.Config {
	config = config.Clone()
	change(config)
	return config
}

// speaks has a client speak TLS from now on.
func (c *client) speaks(config *tls.Config) *tls.Conn {
	secured := tls.Client(c.Conn, config)
	c.Conn = secured
	c.r.Reset(secured)
	return secured
}

// Client and log are told what was agreed upon.
func TestTLS(t *testing.T) {
	mutual := with(serverTLS, func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, theAuthority.pool })
	for name, test := range map[string]struct {
		server, client *tls.Config
		facts          string
	}{
		"1.3": {serverTLS, clientTLS, "tls=1.3 sni=parley.test"},
		"1.2": {serverTLS, with(clientTLS, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), "tls=1.2 sni=parley.test"},
		"no name": {serverTLS, with(clientTLS, func(c *tls.Config) {
			c.ServerName, c.InsecureSkipVerify = "", true
		}), "tls=1.3"},
		"ALPN": {
			with(serverTLS, func(c *tls.Config) { c.NextProtos = []string{"parley"} }),
			with(clientTLS, func(c *tls.Config) { c.NextProtos = []string{"other", "parley"} }), "tls=1.3 sni=parley.test alpn=parley",
		},
		"mutual": {mutual, with(clientTLS, func(c *tls.Config) {
			c.Certificates = []tls.Certificate{theAuthority.issue("Ada Lovelace")}
		}), "tls=1.3 sni=parley.test client_cn=Ada_Lovelace"},
		"mutual, 1.2": {mutual, with(clientTLS, func(c *tls.Config) {
			c.Certificates, c.MaxVersion = []tls.Certificate{theAuthority.issue("ada")}, tls.VersionTLS12
		}), "tls=1.2 sni=parley.test client_cn=ada"},
	} {
		t.Run(name, func(t *testing.T) {
			inTheClear(t, func(t *testing.T, n network) {
				s := serve(t, n, echo(""), greeting, secured(test.server))
				c := s.dial()
				c.speaks(test.client)
				c.want(fmt.Sprintf("HELLO clientid=1 you=%v me=%v handler=test %s", c.LocalAddr(), c.RemoteAddr(), test.facts))
				c.send("hello\n")
				c.want("hello")
				c.closeWrite()
				c.wantEnd()
				e := s.wantEnd(server.ClientClosed)
				for word := range strings.FieldsSeq(test.facts) {
					key, value, _ := strings.Cut(word, "=")
					if got := strings.ReplaceAll(e.string(key), " ", "_"); got != value {
						t.Errorf("the log has %s=%q, want %q", key, got, value)
					}
				}
			})
		})
	}
}

// A client is told nothing when the handshake fails, but the log says why, and the causes are told apart.
func TestTLS_fails(t *testing.T) {
	t.Parallel()
	mutual := with(serverTLS, func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, theAuthority.pool })
	plain := func(text string) func(*client) {
		return func(c *client) { c.send(text) }
	}
	speaks := func(config *tls.Config) func(*client) {
		return func(c *client) {
			secured := c.speaks(config)
			_ = secured.Handshake() // In TLS 1.3 it is only the answer that tells.
		}
	}
	for name, test := range map[string]struct {
		server *tls.Config
		act    func(*client)
		cause  string
	}{
		"HTTP":         {serverTLS, plain("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "the client sent HTTP to a TLS listener"},
		"plain text":   {serverTLS, plain("hello\n"), `the client sent plain text to a TLS listener: "hello"`},
		"SSH":          {serverTLS, plain("SSH-2.0-OpenSSH_9.2\r\n"), `the client sent plain text to a TLS listener: "SSH-2"`},
		"PROXY header": {serverTLS, plain(header1("203.0.113.5:51000", "192.0.2.99:443")), `the client sent plain text to a TLS listener: "PROXY"`},
		"other":        {serverTLS, plain("\x00\xff\x01\x02\x03\x04"), `the client sent what is no TLS: "\x00\xff\x01\x02\x03"`},
		"half a hello": {serverTLS, func(c *client) { c.send("\x16\x03\x01\x00\xf1\x01"); c.closeWrite() }, "the client left in the handshake"},
		"TLS 1.1": {serverTLS, speaks(with(clientTLS, func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		})), "tls: client offered only unsupported versions: [302 301]"},
		"not trusted": {serverTLS, speaks(with(clientTLS, func(c *tls.Config) {
			c.RootCAs = newAuthority("stranger").pool
		})), "remote error: tls: bad certificate"},
		"no certificate": {mutual, speaks(clientTLS), "tls: client didn't provide a certificate"},
		"wrong certificate": {mutual, speaks(with(clientTLS, func(c *tls.Config) {
			c.Certificates = []tls.Certificate{newAuthority("authority").issue("mallory")}
		})), "tls: failed to verify certificate: x509: certificate signed by unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, overTCP, echo(""), greeting, secured(with(test.server, func(c *tls.Config) { c.MinVersion = tls.VersionTLS12 })))
			c := s.dial()
			test.act(c)
			_, _ = io.ReadAll(c.r)
			c.Close()
			e := s.wantEnd(server.BadTLS)
			if !strings.HasPrefix(e.string("error"), test.cause) || e.Level != zapcore.DebugLevel {
				t.Errorf("%v, %q; want %q at debug", e.Level, e.string("error"), test.cause)
			}
			lines := s.log.lines("handshakes fail")
			if len(lines) != 1 || !strings.HasPrefix(lines[0].string("error"), test.cause) {
				t.Errorf("%v, want one line with the cause", lines)
			}
		})
	}
}

// Who says nothing at all has only looked whether there is anybody.
func TestTLS_looks(t *testing.T) {
	inTheClear(t, func(t *testing.T, n network) {
		s := serve(t, n, echo(""), greeting, secured(serverTLS))
		s.dial().Close()
		if e := s.wantEnd(server.ClientClosed); e.Level != zapcore.DebugLevel {
			t.Errorf("it is logged at %v", e.Level)
		}
	})
}

// A handshake that stalls, wherever, is cut at its time, and holds up nobody: also more of them than may work at a time.
func TestTLS_stalls(t *testing.T) {
	for name, stall := range map[string]func(*client){
		"at once":              func(*client) {},
		"in the hello":         func(c *client) { c.send("\x16\x03\x01\x00\xf1\x01") },
		"trickling":            func(c *client) { trickle(c, time.Second, "\x16", "\x03", "\x01", "\x3f", "\xf1", "\x01", "\x00") },
		"not reading an alert": func(c *client) { c.send("hello\n") },
		"not reading the answer": func(c *client) {
			_ = tls.Client(writeOnly{c.Conn}, clientTLS).Handshake()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, overPipe, echo(""), secured(serverTLS))
				began := time.Now()
				stalled := make([]*client, runtime.GOMAXPROCS(0)+1)
				for i := range stalled {
					stalled[i] = s.dial()
					go stall(stalled[i])
				}
				time.Sleep(time.Second)
				other := s.dial()
				other.speaks(clientTLS)
				other.send("a\n")
				other.want("a")
				wantAfter(t, began, time.Second)
				for range stalled {
					if name == "not reading an alert" {
						s.wantEnd(server.BadTLS) // There is none to be read.
						continue
					}
					s.wantEnd(server.HandshakeTimeout)
					wantAfter(t, began, handshakeTimeout)
				}
				for _, c := range stalled {
					c.Close()
				}
			})
		})
	}
}

// writeOnly is a connection that is not read from.
type writeOnly struct{ net.Conn }

func (writeOnly) Read([]byte) (int, error) { return 0, io.EOF }

// In TLS nobody is told that the server is full: there is no handshake to be had for that.
func TestTLS_refused(t *testing.T) {
	t.Parallel()
	s := serve(t, overTCP, echo(""), caps(1, 0), secured(serverTLS))
	in := s.dial()
	in.speaks(clientTLS)
	in.send("a\n")
	in.want("a")
	out := s.dial()
	if err := out.speaks(clientTLS).Handshake(); err == nil {
		t.Error("one too many had a handshake")
	}
	s.wantEnd(server.ServerFull)
	in.send("b\n")
	in.want("b")
}

// The header of a proxy comes before the handshake, together with it, or in pieces.
func TestTLS_behindProxy(t *testing.T) {
	for name, header := range map[string]string{
		"v1": header1("203.0.113.5:51000", "192.0.2.99:443"),
		"v2": header2("203.0.113.5:51000", "192.0.2.99:443"),
	} {
		for cut, pieces := range map[string]func(conn net.Conn) net.Conn{
			"one segment": func(conn net.Conn) net.Conn { return &prefixed{Conn: conn, prefix: []byte(header)} },
			"bytes": func(conn net.Conn) net.Conn {
				for i := range header {
					_, _ = io.WriteString(conn, header[i:i+1])
				}
				return conn
			},
		} {
			t.Run(name+", "+cut, func(t *testing.T) {
				inTheClear(t, func(t *testing.T, n network) {
					s := serve(t, n, echo(""), greeting, secured(serverTLS), everyone, limits(server.Limits{Allow: prefixes("203.0.113.0/24")}))
					c := s.dial()
					c.Conn = pieces(c.Conn)
					c.speaks(clientTLS)
					c.want("HELLO clientid=1 you=203.0.113.5:51000 me=192.0.2.99:443 handler=test via=" + c.LocalAddr().String() +
						" tls=1.3 sni=parley.test")
					c.send("hello\n")
					c.want("hello")
				})
			})
		}
	}
}

// A prefixed connection sends something in front of the first that is sent.
type prefixed struct {
	net.Conn
	prefix []byte
}

func (p *prefixed) Write(b []byte) (int, error) {
	n := len(p.prefix)
	sent, err := p.Conn.Write(append(p.prefix, b...))
	p.prefix = nil
	return max(0, sent-n), err
}

// Whatever is sent comes back, in records of any size, while both sides send.
func TestTLS_bytes(t *testing.T) {
	for _, size := range []int{1, 100, 16 << 10, 16<<10 + 1, 100 << 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			inTheClear(t, func(t *testing.T, n network) {
				s := serve(t, n, echo(""), raw, secured(serverTLS), limits(server.Limits{WriteTimeout: time.Minute}))
				c := s.dial()
				c.speaks(clientTLS)
				sent := bytes.Repeat([]byte("0123456789abcde\n"), 1+min(64*size, 1<<20)/16)
				done := make(chan error, 1)
				go func() {
					for i := 0; i < len(sent); i += size {
						if _, err := c.Write(sent[i:min(i+size, len(sent))]); err != nil {
							done <- err
							return
						}
					}
					done <- c.Conn.(*tls.Conn).CloseWrite()
				}()
				got, err := io.ReadAll(c.r)
				if err := errors.Join(err, <-done); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, sent) {
					t.Errorf("got %d bytes, which are not the %d that were sent", len(got), len(sent))
				}
				s.wantEnd(server.ClientClosed)
			})
		})
	}
}

// What came with the record at which the handler left the loop is there when it comes again.
func TestTLS_leavesLoop(t *testing.T) {
	inTheClear(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			for more := true; more; {
				more = false
				for msg := range s.Messages() {
					more = true
					if err := s.Echo("", msg); err != nil {
						return err
					}
					break
				}
			}
			return nil
		}), secured(serverTLS))
		c := s.dial()
		below := &recorded{Conn: c.Conn}
		c.Conn = below
		records := c.speaks(clientTLS)
		if err := records.Handshake(); err != nil {
			t.Fatal(err)
		}
		below.hold = true
		for _, line := range []string{"a\nb\n", "c\n", "d\ne"} {
			c.send(line)
		}
		if err := records.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		below.flush() // Several records in one segment.
		c.wantEnd("a", "b", "c", "d", "e")
		s.wantEnd(server.ClientClosed)
	})
}

// A recorded connection may hold back what it is to send.
type recorded struct {
	net.Conn
	out  bytes.Buffer
	hold bool
}

func (r *recorded) Write(b []byte) (int, error) {
	if r.hold {
		return r.out.Write(b)
	}
	return r.Conn.Write(b)
}

// SetWriteDeadline does nothing: the last that a tls.Conn does is to set one that has passed.
func (r *recorded) SetWriteDeadline(time.Time) error { return nil }

func (r *recorded) flush() { go func() { _, _ = r.Conn.Write(r.out.Bytes()) }() }

// In TLS too no answer is lost because the client goes on sending.
func TestTLS_unreadInput(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		limits server.Limits
		end    func() error
		send   string
		told   string
		reason server.Reason
	}{
		"line too long": {server.Limits{MaxMessage: 8192}, nil, strings.Repeat("y", unreadInput), "ERR line_too_long limit=8192\n", server.LineTooLong},
		"done":          {server.Limits{}, func() error { return nil }, strings.Repeat("y\n", unreadInput/2), "", server.Done},
		"panic":         {server.Limits{}, func() error { panic("broken") }, strings.Repeat("y\n", unreadInput/2), "ERR internal\n", server.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const clients = 100
			s := serve(t, overTLS, answersBig(test.end), limits(test.limits))
			var done sync.WaitGroup
			for range clients {
				c := s.dial()
				c.send(test.send)
				done.Go(func() {
					_, _ = io.WriteString(c.Conn, strings.Repeat("z", unreadInput/4))
					got, err := io.ReadAll(c.r)
					c.Close()
					if err != nil || string(got) != bigLine+"\n"+test.told {
						t.Errorf("%d bytes, ending in %q, %v", len(got), got[max(0, len(got)-30):], err)
					}
				})
			}
			done.Wait()
			for range clients {
				s.wantEnd(test.reason)
			}
		})
	}
}

// Who does not read is cut at the write timeout, and who reads slowly is not: the slices are below TLS, to which each
// write either succeeds or is the last.
func TestTLS_writeTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, handler.Func(flood), secured(serverTLS), limits(server.Limits{WriteTimeout: 10 * time.Second}))
		c := s.dial()
		if err := c.speaks(clientTLS).Handshake(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		s.wantEnd(server.WriteTimeout)
		if took := time.Since(began); took < 10*time.Second || took > 12500*time.Millisecond {
			t.Errorf("cut after %v", took)
		}
	})
}

func TestTLS_slowReader(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		answer := strings.Repeat("x", 100<<10)
		s := serve(t, overPipe, handler.Func(func(s handler.Session) error { return s.Reply(answer) }),
			secured(serverTLS), limits(server.Limits{WriteTimeout: 10 * time.Second}))
		nc, err := s.socket.dial(netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		slow := &slowReader{Conn: nc, every: 5 * time.Second}
		c := tls.Client(slow, clientTLS)
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		slow.slow = true
		began := time.Now()
		got, err := io.ReadAll(c)
		if err != nil || string(got) != answer+"\n" {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
		if took := time.Since(began); took < time.Minute {
			t.Errorf("it was not slow: %v", took)
		}
		nc.Close()
		s.wantEnd(server.Done)
	})
}

// A slowReader reads at most 2 KiB each time, and waits before it.
type slowReader struct {
	net.Conn
	every time.Duration
	slow  bool
}

func (r *slowReader) Read(b []byte) (int, error) {
	if r.slow {
		time.Sleep(r.every)
		b = b[:min(len(b), 2<<10)]
	}
	return r.Conn.Read(b)
}

// The drain does not wait for handshakes.
func TestTLS_drain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), secured(serverTLS))
		silent, in := s.dial(), s.dial()
		in.speaks(clientTLS)
		in.send("a\n")
		in.want("a")
		began := time.Now()
		done := make(chan server.Outcome)
		go func() { done <- s.stop(longDrain) }()
		in.wantEnd("ERR shutting_down")
		in.Close()
		silent.wantEnd()
		silent.Close()
		if got, want := <-done, (server.Outcome{Drained: 2}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
		synctest.Wait()
	})
}
