package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"parley/admin"
	"parley/protocol"
)

// listenTimeout bounds the look-up of the names that are listened on.
const listenTimeout = 5 * time.Second

// adminSide is what listenError calls the admin side, which has a default address that a second server finds taken.
const adminSide = "admin side (PARLEY_ADMIN)"

// listenError says what could not be listened on, why, and what to do.
func listenError(what, network, address string, err error) error {
	reason := err.Error()
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		reason = sys.Err.Error()
	}
	advise := tcpAdvice
	if network == "unix" {
		advise = unixAdvice
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		reason = "the name cannot be looked up (" + dns.Err + ")"
	}
	advice := advise(err)
	if what == adminSide && errors.Is(err, syscall.EADDRINUSE) {
		advice = "is that another parley? --admin off does without, --admin 127.0.0.1:0 takes any free port"
	}
	if advice != "" {
		reason += ": " + advice
	}
	return fmt.Errorf("%s: cannot listen on %s: %s", what, address, reason)
}

func tcpAdvice(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "stop what listens there (ss -ltnp shows it), or choose another port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine has no such address; without a host it listens on all that there are"
	case errors.Is(err, fs.ErrPermission):
		return "choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "write an address, or a name that this machine knows"
	}
	return ""
}

func unixAdvice(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "stop what listens there (ss -lxp shows it), remove the file if it is no socket, or choose another path"
	case errors.Is(err, fs.ErrPermission):
		return "the folder must be writable"
	case errors.Is(err, fs.ErrNotExist):
		return "the folder must exist"
	}
	return ""
}

// addresses says where a listener listens: each of its sockets, a range in short.
func (s serving) addresses() string {
	if c := s.config; c.FirstPort != c.LastPort && s.handed == 0 {
		return net.JoinHostPort(c.Host, fmt.Sprintf("%d-%d", c.FirstPort, c.LastPort))
	}
	return addresses(s.sockets)
}

func addresses(sockets []net.Listener) string { return strings.Join(eachAddress(sockets), ", ") }

func eachAddress(sockets []net.Listener) []string {
	all := make([]string, len(sockets))
	for i, socket := range sockets {
		all[i] = socket.Addr().String()
	}
	return all
}

// shown is what the admin side says of the listener.
func (s serving) shown() admin.Listener {
	l := admin.Listener{
		Name:      s.config.Label,
		Try:       s.try(),
		Handler:   s.config.Handler,
		Wire:      s.config.Wire,
		Addresses: eachAddress(s.sockets),
		TLS:       s.certs != nil,
	}
	if s.config.FirstPort != s.config.LastPort && s.handed == 0 {
		l.Addresses = []string{s.addresses()} // A range in short.
	}
	return l
}

// fields are what the log says of a listener at the start.
func (s serving) fields() []zap.Field {
	fields := []zap.Field{
		zap.String("listener", s.config.Label), zap.String("address", s.addresses()), zap.String("wire", s.config.Wire),
	}
	if s.config.ProxyProtocol {
		fields = append(fields, zap.Stringer("behind", s.config.ProxyTrusted))
	}
	if s.certs != nil {
		cert := "self-signed"
		if !s.certs.SelfSigned() {
			cert = s.config.TLSCert
		}
		fields = append(fields, zap.String("cert", cert), zap.String("cert_sha256", s.certs.Fingerprint()))
	}
	if faults := s.listener.Faults; faults.String() != "" {
		fields = append(fields, zap.Stringer("fault", &faults), zap.Stringer("fault_p", s.config.FaultP), zap.Uint64("seed", faults.Seed))
	}
	fields = append(fields, zap.String("try", s.try()))
	if s.handed > 0 {
		fields = append(fields, zap.Int("handed_over", s.handed))
	}
	return fields
}

// try is a command that converses with the listener: nc, but for what nobody types, such as pickles. With -N it ends when what
// is piped in has been answered.
func (s serving) try() string {
	socket := s.sockets[0]
	peer, nc, ncEnding := "unix:"+socket.Addr().String(), "nc -U "+socket.Addr().String(), "nc -NU "+socket.Addr().String()
	if socket.Addr().Network() != "unix" {
		peer = reachable(socket, s.config.Host)
		host, port, _ := net.SplitHostPort(peer)
		nc, ncEnding = "nc "+host+" "+port, "nc -N "+host+" "+port
	}
	var flags string
	if s.config.Wire == protocol.PickleName && !s.config.Greeting {
		flags += "--wire=pickle " // There is nothing to tell the wire by.
	}
	if s.config.ProxyProtocol {
		flags += "--proxy=v1 "
	}
	if s.certs != nil {
		flags += "--pin=" + s.certs.Fingerprint() + " "
	}
	switch {
	case s.config.Wire == protocol.PickleName, flags != "":
		return "parley connect " + flags + peer
	case s.config.Wire == protocol.JSONName && s.config.Handler == "register":
		return `echo '{"name":"Ada","email":"ada@example.org"}' | ` + ncEnding
	case s.config.Wire == protocol.JSONName && s.config.Handler != "chat":
		return `echo '{"a":1}' | ` + ncEnding
	}
	return nc
}

// namesOf are the names that a machine goes by on its own network: as it is written, without its domain, and by mDNS (RFC 6762).
func namesOf(hostname string) []string {
	name, _, _ := strings.Cut(hostname, ".")
	return []string{hostname, name, name + ".local"}
}

// reachable is an address at which a socket can be reached from this machine. written is the host it was asked to listen
// on: the address of a socket on all addresses of both families is that of one on all of IPv6.
func reachable(socket net.Listener, written string) string {
	host, port, err := net.SplitHostPort(socket.Addr().String())
	if err != nil {
		return socket.Addr().String()
	}
	switch {
	case strings.HasPrefix(written, "::"), strings.HasPrefix(written, "[::]"):
		if host == "::" {
			host = "::1"
		}
	case host == "::", host == "0.0.0.0":
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
