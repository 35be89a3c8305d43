package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// maxPorts is the longest range of ports. Each port costs a descriptor and an
// accept loop, and a process often has 1024 descriptors.
const maxPorts = 1000

// parseAddress takes HOST:PORT or HOST:FIRST-LAST apart. It is written out since
// net/url and net.SplitHostPort know no ranges, and net/url no zones as people
// write them. The host comes back without brackets, empty for all addresses.
func parseAddress(s string) (host string, first, last uint16, err error) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 || strings.HasSuffix(s, "]") {
		return "", 0, 0, fmt.Errorf("%q has no port, as in :12000, localhost:12000 or [::1]:12000", s)
	}
	if host, err = parseHost(s[:colon]); err != nil {
		return "", 0, 0, err
	}
	first, last, err = parsePorts(s[colon+1:])
	return host, first, last, err
}

func parseHost(s string) (string, error) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		if !closed || err != nil || !addr.Is6() || strings.ContainsFunc(addr.Zone(), notInName) {
			return "", fmt.Errorf("%q is not an IPv6 address in brackets, as in [::1] or [fe80::1%%eth0]", s)
		}
		return inner, nil
	}
	if strings.Contains(s, ":") {
		return "", fmt.Errorf("%q: an IPv6 address stands in brackets, as in [::1]:12000", s)
	}
	if strings.Trim(s, "0123456789.") == "" {
		if _, err := netip.ParseAddr(s); s != "" && err != nil {
			return "", fmt.Errorf("%q is not an IPv4 address, as in 127.0.0.1", s)
		}
	}
	if len(s) > maxName || strings.ContainsFunc(s, notInName) {
		return "", fmt.Errorf("%q is not a host: a name or an address, or nothing for all addresses", s)
	}
	return s, nil
}

// notInName reports whether r cannot be in the name of a host or an interface.
func notInName(r rune) bool {
	return notVisible(r) || strings.ContainsRune("!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~", r)
}

func parsePorts(s string) (first, last uint16, err error) {
	from, to, isRange := strings.Cut(s, "-")
	if !isRange {
		to = from
	}
	lo, err1 := strconv.ParseUint(from, 10, 16)
	hi, err2 := strconv.ParseUint(to, 10, 16)
	switch {
	case err1 != nil || err2 != nil:
		return 0, 0, fmt.Errorf("%q is not a port: a number from 1 to 65535, 0 for any free one, or a range as in 9000-9009", s)
	case lo > hi:
		return 0, 0, fmt.Errorf("the range %s runs backwards: write %d-%d", s, hi, lo)
	case isRange && lo == 0:
		return 0, 0, fmt.Errorf("the range %s begins at 0, which means any free port: begin at 1", s)
	case hi-lo >= maxPorts:
		return 0, 0, fmt.Errorf("the range %s has %d ports, and the most is %d: each takes a descriptor and an accept loop", s, hi-lo+1, maxPorts)
	}
	return uint16(lo), uint16(hi), nil
}

// isTCP reports whether the address of a unix socket was meant for TCP: it has a
// port, and no slash.
func isTCP(address string) bool {
	_, _, _, err := parseAddress(address)
	return err == nil && !strings.HasPrefix(address, "@")
}

// maxPath is what fits into a socket address on Linux, which only says "invalid
// argument" of a longer one.
const maxPath = 107

// checkPath returns what is wrong with the path of a unix socket.
func checkPath(path string) error {
	switch {
	case path == "" || path == "@":
		return fmt.Errorf("%q is not a path, as in /run/parley.sock, or @name for an abstract one", path)
	case len(path) > maxPath:
		return fmt.Errorf("the path has %d bytes, and the kernel takes at most %d", len(path), maxPath)
	case strings.ContainsRune(path, 0):
		return fmt.Errorf("%q is not a path: it holds a zero byte", path)
	}
	return nil
}
