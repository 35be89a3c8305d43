package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"parley/server"
)

// hasIPv6 reports whether this machine has IPv6 on loopback.
func hasIPv6() bool {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// open is sockets that a server serves with an echo, until the test ends.
func open(t *testing.T, sockets []net.Listener, as ...func(*role)) {
	t.Helper()
	r := role{listener: server.ListenerConfig{Handler: echo(""), Greeting: true}}
	for _, f := range as {
		f(&r)
	}
	srv := server.New(r.server)
	listener := srv.NewListener(r.listener)
	served := make(chan error)
	for _, socket := range sockets {
		go func() { served <- listener.Serve(socket) }()
	}
	t.Cleanup(func() {
		srv.Shutdown(context.Background())
		for range sockets {
			if err := <-served; !errors.Is(err, server.ErrServerClosed) {
				t.Error(err)
			}
		}
	})
}

// What is listened on is what was written, and nothing else. IPv4 clients are called by their IPv4 address.
func TestListen(t *testing.T) {
	t.Parallel()
	v6 := hasIPv6()
	localhost, err := net.DefaultResolver.LookupHost(t.Context(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	for address, ips := range map[string][]string{
		"127.0.0.1:0":          {"127.0.0.1"},
		"0.0.0.0:0":            {"127.0.0.1"},
		"[::ffff:127.0.0.1]:0": {"127.0.0.1"},
		"[::1]:0":              {"::1"},
		"[::]:0":               {"::1"},
		":0":                   {"127.0.0.1", "::1"},
		"localhost:0":          localhost,
	} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			sockets, err := server.Listen(t.Context(), "tcp", address)
			if !v6 && slices.Equal(ips, []string{"::1"}) {
				// There is nothing to listen on, and that is said.
				if err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(address, "0")) {
					t.Errorf("got %v, want an error that names %s", err, address)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			open(t, sockets)
			_, port, err := net.SplitHostPort(sockets[0].Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			for _, ip := range []string{"127.0.0.1", "::1"} {
				c, err := net.Dial("tcp", net.JoinHostPort(ip, port))
				if want := slices.Contains(ips, ip) && (v6 || ip != "::1"); !want {
					if err == nil {
						c.Close()
						t.Errorf("%s listens on %s", address, ip)
					}
					continue
				}
				if err != nil {
					t.Error(err)
					continue
				}
				wantGreeting(t, c, fmt.Sprintf("you=%v me=%v", c.LocalAddr(), c.RemoteAddr()))
				c.Close()
			}
		})
	}
}

// wantGreeting reads the greeting of a server, and wants words in it.
func wantGreeting(t *testing.T, nc net.Conn, words string) {
	t.Helper()
	line, err := bufio.NewReader(nc).ReadString('\n')
	if err != nil || !strings.Contains(line, " "+words) {
		t.Errorf("got %q, %v; want %s", line, err, words)
	}
}

func TestListen_errors(t *testing.T) {
	t.Parallel()
	taken, err := server.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken[0].Close()
	for address, want := range map[string]struct {
		words string
		err   error
	}{
		taken[0].Addr().String(): {"", syscall.EADDRINUSE},
		"192.0.2.254:0":          {"192.0.2.254:0", syscall.EADDRNOTAVAIL},
		"127.0.0.1":              {"127.0.0.1: missing port", nil},
		"127.0.0.1:65536":        {"65536", nil},
		"no-such-host.invalid:0": {"no-such-host.invalid", nil},
	} {
		sockets, err := server.Listen(t.Context(), "tcp", address)
		for _, s := range sockets {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want.words) || want.words == "" && !strings.Contains(err.Error(), address) {
			t.Errorf("%s: got %v, want an error that names it", address, err)
		}
		if want.err != nil && !errors.Is(err, want.err) {
			t.Errorf("%s: got %v, want %v", address, err, want.err)
		}
	}
}

// Of a name's addresses those that this machine does not have are left out, unless it has none.
func TestListenAll(t *testing.T) {
	t.Parallel()
	sockets, err := server.ListenAll(t.Context(), []string{"192.0.2.254", "127.0.0.1", "192.0.2.253"}, "0")
	if err != nil {
		t.Fatal(err)
	}
	if len(sockets) != 1 || !strings.HasPrefix(sockets[0].Addr().String(), "127.0.0.1:") {
		t.Errorf("got %v", sockets)
	}
	sockets[0].Close()
	sockets, err = server.ListenAll(t.Context(), []string{"192.0.2.254", "192.0.2.253"}, "0")
	if !errors.Is(err, syscall.EADDRNOTAVAIL) || len(sockets) > 0 {
		t.Errorf("got %v, %v", sockets, err)
	}
}

// A restart can take the port again at once, although the last server's connections stand in TIME_WAIT there.
func TestListen_again(t *testing.T) {
	t.Parallel()
	address := "127.0.0.1:0"
	for range 5 {
		sockets, err := server.Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		address = sockets[0].Addr().String()
		srv := server.New(server.Config{})
		served := make(chan error)
		go func() {
			served <- srv.NewListener(server.ListenerConfig{Handler: echo(""), Greeting: true}).Serve(sockets[0])
		}()
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		wantGreeting(t, nc, "you=")
		ended := make(chan error)
		go func() {
			_, err := io.Copy(io.Discard, nc) // The server ends its side first, and so has the TIME_WAIT.
			nc.Close()
			ended <- err
		}()
		srv.Shutdown(t.Context())
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, server.ErrServerClosed) {
			t.Error(err)
		}
	}
}

func TestListen_unix(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.sock")
	listen := func() ([]net.Listener, error) { return server.Listen(t.Context(), "unix", path) }

	sockets, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	// Another one can't have it while this one lives, and does not harm it by trying.
	if _, err := listen(); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want %v and the path", err, syscall.EADDRINUSE)
	}
	// A server that was killed leaves its file behind.
	sockets[0].(*net.UnixListener).SetUnlinkOnClose(false)
	sockets[0].Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}
	if sockets, err = listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // One that ends in order, as it does in open's cleanup, takes its file with it.
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file is still there: %v", err)
		}
	})
	open(t, sockets, limits(server.Limits{Deny: prefixes("0.0.0.0/0", "::/0"), MaxConnsPerIP: 1}))
	for range 2 { // Neither lists nor caps per address are for those who have none.
		nc, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		wantGreeting(t, nc, "you=unix me="+path)
		if _, err := io.WriteString(nc, "a\n"); err != nil {
			t.Error(err)
		}
		if line, err := bufio.NewReader(nc).ReadString('\n'); line != "a\n" {
			t.Errorf("got %q, %v", line, err)
		}
	}
}

// A file that is no socket is somebody's.
func TestListen_unixPlainFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Listen(t.Context(), "unix", path); err == nil || !strings.Contains(err.Error(), path) ||
		!strings.Contains(err.Error(), "no socket") {
		t.Errorf("got %v", err)
	}
	if data, err := os.ReadFile(path); string(data) != "data" {
		t.Errorf("the file has %q, %v", data, err)
	}
	if _, err := server.Listen(t.Context(), "unix", filepath.Join(path, "below")); err == nil {
		t.Error("listening below a file succeeded")
	}
}

// IPv4 clients of a socket for both families are known by their IPv4 address, to lists and caps as well.
func TestListen_bothFamilies(t *testing.T) {
	t.Parallel()
	sockets, err := server.Listen(t.Context(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	open(t, sockets, limits(server.Limits{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}))
	_, port, err := net.SplitHostPort(sockets[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	wantGreeting(t, nc, "you=127.0.0.1:")
}
