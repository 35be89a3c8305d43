package client

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// An Address is where a server is to be found: a host and a port, or the path of a unix socket.
type Address struct {
	network string // tcp or unix; empty: not to be dialled
	host    string // a name, or an address without brackets; of a unix socket its path
	port    uint16
}

// ParseAddress reads HOST:PORT or the path of a unix socket, which has a slash in it, begins with @ (an abstract one), or
// stands behind "unix:". Without a host it is this machine.
func ParseAddress(s string) (Address, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok || strings.HasPrefix(s, "@") || strings.Contains(s, "/") {
		if _, rest, ok := strings.Cut(path, "://"); ok {
			if end := strings.IndexAny(rest, "/?#"); end >= 0 {
				rest = rest[:end]
			}
			if host, port, err := net.SplitHostPort(rest); err == nil {
				if a, err := TCPAddress(host, port); err == nil {
					return Address{}, fmt.Errorf("%q is a URL: write %v", s, a)
				}
			}
			return Address{}, fmt.Errorf("%q is a URL, and where a server is to be found is HOST:PORT or the path of a socket", s)
		}
		if path == "" || path == "@" || strings.ContainsRune(path, 0) {
			return Address{}, fmt.Errorf("%q is no path of a socket", s)
		}
		return Address{network: "unix", host: path}, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		var fault *net.AddrError
		if errors.As(err, &fault) && strings.Contains(fault.Err, "too many colons") {
			return Address{}, fmt.Errorf("%q: an IPv6 address stands in brackets, as in [::1]:12000", s)
		}
		return Address{}, fmt.Errorf("%q has no port, as in localhost:12000 or [::1]:12000", s)
	}
	return TCPAddress(host, port)
}

// TCPAddress is ParseAddress for a host and a port that come apart. The host may stand in brackets.
func TCPAddress(host, port string) (Address, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return Address{}, fmt.Errorf("%q is no port, a number from 1 to 65535", port)
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	switch {
	case host == "":
		host = "localhost"
	case strings.ContainsFunc(host, notInHost):
		return Address{}, fmt.Errorf("%q is no host, a name or an address", host)
	}
	if strings.Contains(host, ":") {
		if _, err := netip.ParseAddr(host); err != nil {
			return Address{}, fmt.Errorf("%q is no IPv6 address", host)
		}
	}
	return Address{network: "tcp", host: host, port: uint16(n)}, nil
}

// notInHost reports whether r can be in no name and no address: it would be sent to a name server, and printed.
func notInHost(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`"'\/?#@[]<>,;`, r) }

// String returns the address as ParseAddress reads it.
func (a Address) String() string {
	switch {
	case a.network == "": // of a connection that somebody else made
		return a.host
	case a.network == "tcp":
		return net.JoinHostPort(a.host, strconv.Itoa(int(a.port)))
	case strings.HasPrefix(a.host, "@"), strings.Contains(a.host, "/"):
		return a.host
	}
	return "unix:" + a.host
}
