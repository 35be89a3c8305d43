package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"
)

// keepAlive finds out within 30 s that a peer has vanished without a word: 15 s of silence, and 3 probes 5 s apart.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// Listen opens what address says, and exactly that. network is tcp or unix.
//
// For tcp the address is HOST:PORT: without a host all addresses of both families, 0.0.0.0 all of IPv4 only, [::] all of
// IPv6 only, a name every address that it has here. For unix it is a path, or a name in Linux's abstract name space
// behind an @; the file of a server that is no more is replaced.
//
// It returns one socket, or one for each address of a name. The error names the address, and wraps the system's.
func Listen(ctx context.Context, network, address string) ([]net.Listener, error) {
	if network == "unix" {
		l, err := listenUnix(ctx, address)
		if err != nil {
			return nil, err
		}
		return []net.Listener{l}, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if host == "" {
		return listenAll(ctx, "tcp", []string{""}, port)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return listenAll(ctx, family(ip), []string{host}, port)
	}
	hosts, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return nil, err
	}
	// A name may stand on several lines of the hosts file with the same address, which can be listened on once.
	slices.Sort(hosts)
	return listenAll(ctx, "", slices.Compact(hosts), port)
}

// family returns the network that listens on ip's family alone: plain tcp would take IPv6 on 0.0.0.0 too.
func family(ip netip.Addr) string {
	if ip.Unmap().Is4() {
		return "tcp4"
	}
	return "tcp6"
}

// listenAll opens the same port on each host. Of a name's addresses those that this machine does not have are left out,
// as ::1 for localhost where there is no IPv6, unless none is left.
func listenAll(ctx context.Context, network string, hosts []string, port string) (sockets []net.Listener, err error) {
	config := net.ListenConfig{KeepAliveConfig: keepAlive}
	config.SetMultipathTCP(false) // What is set on such a listening socket, its plain TCP connections do not inherit.
	var missing error
	for _, host := range hosts {
		n := network
		if n == "" {
			ip, err := netip.ParseAddr(host)
			if err != nil {
				continue
			}
			n = family(ip)
		}
		socket, err := config.Listen(ctx, n, net.JoinHostPort(host, port))
		switch {
		case err == nil:
			sockets = append(sockets, socket)
			_, port, _ = net.SplitHostPort(socket.Addr().String()) // For port 0, the others listen on the one that was found.
		case len(hosts) > 1 && (errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)):
			missing = err
		default:
			for _, s := range sockets {
				_ = s.Close()
			}
			return nil, err
		}
	}
	if len(sockets) == 0 {
		return nil, missing
	}
	return sockets, nil
}

func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "unix", path)
	if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	info, statErr := os.Lstat(path)
	if statErr != nil { // A name in the abstract name space, or a file that is gone again.
		return nil, err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("%w: it exists and is no socket", err)
	}
	conn, dialErr := net.DialTimeout("unix", path, time.Second)
	if dialErr == nil {
		_ = conn.Close()
		return nil, err
	}
	if !errors.Is(dialErr, syscall.ECONNREFUSED) {
		return nil, err
	}
	// Nobody listens behind the file: a server was killed and could not remove it.
	if err := os.Remove(path); err != nil {
		return nil, err
	}
	return config.Listen(ctx, "unix", path)
}
