package server_test

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/server"
)

// caps are the server's own.
func caps(conns, perIP int) func(*role) {
	return func(r *role) { r.server.MaxConns, r.server.MaxConnsPerIP = conns, perIP }
}

// A thousand connect at once where there is room for a hundred. The others are told, also those beyond maxRefused, as long as they
// all stay.
func TestMaxConns_storm(t *testing.T) {
	t.Parallel()
	const clients, room = 1000, 100
	s := serve(t, overTCP, echo(""), greeting, caps(room, 0))
	began := time.Now()
	stop := make(chan struct{})
	most := make(chan float64)
	go func() {
		var n float64
		for {
			select {
			case <-stop:
				most <- n
				return
			default:
				n = max(n, s.metrics().of("parley_connections_active"))
			}
		}
	}()
	served, full := 0, 0
	for c, line := range connect(s, clients) {
		switch {
		case strings.HasPrefix(line, "HELLO "):
			served++
		case line == "ERR server_full\n":
			full++
		default:
			t.Errorf("%v got %q", c.LocalAddr(), line)
		}
	}
	close(stop)
	if n := <-most; n > room {
		t.Errorf("%v were active at a time", n)
	}
	if served != room || full != clients-room {
		t.Errorf("%d were served and %d told that it is full; want %d and %d", served, full, room, clients-room)
	}
	m := s.metrics()
	if n := m.of("parley_connections_active"); n != room {
		t.Errorf("%v are active", n)
	}
	if n := m.of("parley_connections_closed_total", "server_full"); n != clients-room {
		t.Errorf("%v were closed for server_full", n)
	}
	if n, most := s.log.count("turning connections away"), int(time.Since(began)/time.Second)+1; n == 0 || n > most {
		t.Errorf("%d log lines about turning away, want one a second, %d at most", n, most)
	}
}

// connect dials n clients at once and returns the first line that each reads.
func connect(s *stage, n int) map[*client]string {
	var mu sync.Mutex
	lines := make(map[*client]string)
	var done sync.WaitGroup
	for range n {
		done.Go(func() {
			c := s.dial()
			line, err := c.r.ReadString('\n')
			if err != nil {
				line += err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			lines[c] = line
		})
	}
	done.Wait()
	return lines
}

// More can be on their way out than are seen out; the others are told too, and not waited for.
func TestMaxConns_manyRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), caps(1, 0))
		in := s.dial()
		in.send("a\n")
		in.want("a")
		refused := make([]*client, server.MaxRefused+100)
		for i := range refused {
			refused[i] = s.dial()
			refused[i].want("ERR server_full")
		}
		began := time.Now()
		for i, c := range refused {
			c.wantEnd()
			want := time.Duration(0)
			if i < server.MaxRefused {
				c.Close()
			}
			wantAfter(t, began, want)
		}
		in.send("b\n")
		in.want("b")
	})
}

// Those who were turned away and stay are not waited for longer than a second.
func TestMaxConns_refusedStays(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), caps(1, 0))
		s.dial()
		began := time.Now()
		c := s.dial()
		c.wantEnd("ERR server_full")
		s.wantEnd(server.ServerFull)
		wantAfter(t, began, time.Second)
	})
}

func TestMaxConnsPerIP(t *testing.T) {
	type dial struct {
		ip   string
		told string
	}
	const many = "ERR too_many_from_ip"
	for name, dials := range map[string][]dial{
		"IPv4":        {{"203.0.113.5", ""}, {"203.0.113.5", ""}, {"203.0.113.5", many}, {"203.0.113.6", ""}},
		"IPv6 by /64": {{"2001:db8::1", ""}, {"2001:db8::ffff:0:0:2", ""}, {"2001:db8::3", many}, {"2001:db8:0:1::1", ""}},
		"mapped":      {{"203.0.113.5", ""}, {"::ffff:203.0.113.5", ""}, {"::ffff:203.0.113.5", many}, {"203.0.113.5", many}},
		"not by /64":  {{"::ffff:203.0.113.5", ""}, {"::ffff:203.0.113.6", ""}, {"::ffff:203.0.113.7", ""}},
		"zones":       {{"fe80::1%eth0", ""}, {"fe80::1%eth1", ""}, {"fe80::2", many}},
	} {
		for whose, as := range map[string]func(*role){
			"server's":   caps(0, 2),
			"listener's": limits(server.Limits{MaxConnsPerIP: 2}),
		} {
			t.Run(name+", "+whose, func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					s := serve(t, overPipe, echo(""), as)
					var first *client
					for _, d := range dials {
						c := s.dialFrom(netip.MustParseAddr(d.ip))
						if d.told != "" {
							c.wantEnd(d.told)
							c.Close()
							continue
						}
						c.send("a\n")
						c.want("a")
						if first == nil {
							first = c
						}
					}
					// When one has left, there is room for another.
					first.Close()
					synctest.Wait()
					c := s.dialFrom(netip.MustParseAddr(dials[0].ip))
					c.send("a\n")
					c.want("a")
				})
			})
		}
	}
}

// A listener's caps are its own, and the server's are everybody's.
func TestMaxConns_ofListener(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), caps(3, 0), limits(server.Limits{MaxConns: 2}))
		other := s.srv.NewListener(server.ListenerConfig{Label: "other://:0", HandlerName: "test", Handler: echo("")})
		pipes := listenPipe(t)
		go func() { _ = other.Serve(pipes) }()

		// try wants a client to be served on a socket, or told why not.
		try := func(where socket, told string) *client {
			t.Helper()
			c := s.dialTo(where, netip.Addr{})
			if told != "" {
				c.wantEnd(told)
				c.Close()
				return nil
			}
			c.send("a\n")
			c.want("a")
			return c
		}
		try(s.socket, "")
		second := try(s.socket, "")
		try(s.socket, "ERR server_full") // It has two.
		third := try(pipes, "")
		try(pipes, "ERR server_full") // The server has three.
		third.Close()
		synctest.Wait()
		try(s.socket, "ERR server_full")
		try(pipes, "")
		second.Close()
		synctest.Wait()
		try(pipes, "")
		try(s.socket, "ERR server_full") // It has one, but the server three.
	})
}

// However a connection ends, its place is free for the next.
func TestMaxConns_released(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var floods floods
		s := serve(t, overPipe, endsAsTold(&floods), caps(1, 1), limits(server.Limits{
			MaxConns: 1, MaxConnsPerIP: 1, MaxMessage: 100,
			MessageTimeout: 30 * time.Second, IdleTimeout: time.Minute, WriteTimeout: 10 * time.Second,
		}))
		for range 2 {
			for _, e := range endings {
				if e.tcp {
					continue
				}
				c := s.dial()
				e.end(c, &floods)
				c.Close()
				s.wantEnd(e.reason)
				synctest.Wait()
			}
		}
		c := s.dial()
		c.send("a\n")
		c.want("a")
	})
}
