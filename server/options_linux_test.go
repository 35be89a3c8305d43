//go:build linux

package server_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"parley/server"
)

// transports are the ways in which a TCP connection can be carried.
var transports = map[string]bool{"fast": false, "portable": true} // server.Config.Portable

type wantOption struct {
	name             string
	level, id, value int
}

// usualOptions are what every TCP connection has: what net gives it, and the keep-alives that a server wants.
var usualOptions = []wantOption{
	{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
	{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
	{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
	{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 5},
	{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
}

func userTimeout(ms int) wantOption {
	return wantOption{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms}
}

// A socket that somebody else has opened, as a service manager does, is used with all that a listener's own has: also for
// those who connected before.
func TestOptions(t *testing.T) {
	t.Parallel()
	for transport, portable := range transports {
		for name, tt := range map[string]struct {
			limits server.Limits
			want   []wantOption
		}{
			"none":               {server.Limits{}, []wantOption{userTimeout(0)}},
			"write timeout":      {server.Limits{WriteTimeout: time.Second}, []wantOption{userTimeout(30_000)}},
			"long write timeout": {server.Limits{WriteTimeout: time.Minute}, []wantOption{userTimeout(60_000)}},
			"buffers": {server.Limits{SendBuffer: 50_000, ReceiveBuffer: 20_000}, []wantOption{
				{"TCP_NOTSENT_LOWAT", unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 50_000},
				{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, 40_000},
			}},
		} {
			t.Run(transport+", "+name, func(t *testing.T) {
				t.Parallel()
				l, err := net.Listen("tcp4", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				early := greeted(t, l)
				srv := server.New(server.Config{Portable: portable})
				listener := srv.NewListener(server.ListenerConfig{Handler: echo(""), Greeting: true, Limits: tt.limits})
				served := make(chan error)
				go func() { served <- listener.Serve(l) }()
				early()
				// Once those who waited are in, the rest inherits.
				greeted(t, l)()
				greeted(t, l)()
				conns := 0
				srv.EachDescriptor(func(fd int) {
					conns++
					for _, option := range append(tt.want, usualOptions...) {
						if got, err := unix.GetsockoptInt(fd, option.level, option.id); err != nil || got != option.value {
							t.Errorf("%s is %d, %v; want %d", option.name, got, err, option.value)
						}
					}
					if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
						t.Errorf("flags %x, %v; want FD_CLOEXEC", flags, err)
					}
				})
				if conns != 3 {
					t.Errorf("%d connections, want 3", conns)
				}
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				srv.Shutdown(ctx)
				if err := <-served; !errors.Is(err, server.ErrServerClosed) {
					t.Error(err)
				}
			})
		}
	}
}

// greeted connects to l and returns what waits for the greeting.
func greeted(t *testing.T, l net.Listener) func() {
	t.Helper()
	nc, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return func() {
		nc.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := nc.Read(make([]byte, 1024)); err != nil {
			t.Error(err)
		}
	}
}

// A unixSocket is in the file system.
type unixSocket struct{ net.Listener }

func (s unixSocket) dial(netip.Addr) (net.Conn, error) { return net.Dial("unix", s.Addr().String()) }

// A unix socket's buffers are set too.
func TestOptions_unix(t *testing.T) {
	t.Parallel()
	sockets, err := server.Listen(t.Context(), "unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, network{listen: func(*testing.T) socket { return unixSocket{sockets[0]} }}, echo(""),
		limits(server.Limits{SendBuffer: 20_000, ReceiveBuffer: 10_000}))
	c := s.dial()
	c.send("hello\n")
	c.want("hello")
	s.srv.EachDescriptor(func(fd int) {
		for _, option := range []wantOption{
			{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, 40_000},
			{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, 20_000},
		} {
			if got, err := unix.GetsockoptInt(fd, option.level, option.id); err != nil || got != option.value {
				t.Errorf("%s is %d, %v; want %d", option.name, got, err, option.value)
			}
		}
	})
}

// What the system holds for a client who does not read is what it was told, and little more.
func TestSendBuffer(t *testing.T) {
	t.Parallel()
	const most = 128 << 10
	s := serve(t, overTCP, echo(""), raw, limits(server.Limits{SendBuffer: 64 << 10}))
	c := s.dial()
	piece := []byte(strings.Repeat("x", 64<<10))
	for err := error(nil); err == nil; {
		c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		_, err = c.Conn.Write(piece)
	}
	s.srv.EachDescriptor(func(fd int) {
		var info [unix.SK_MEMINFO_VARS]uint32
		if err := meminfo(fd, &info); err != nil {
			t.Fatal(err)
		}
		if held := info[unix.SK_MEMINFO_WMEM_QUEUED]; held == 0 || held > most {
			t.Errorf("the system holds %d bytes, want up to %d", held, most)
		}
	})
	c.Close()
	s.wantEnd(server.Reset)
}

// meminfo reads what the system holds for a socket (SO_MEMINFO).
func meminfo(fd int, info *[unix.SK_MEMINFO_VARS]uint32) error {
	size := uint32(unsafe.Sizeof(*info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
