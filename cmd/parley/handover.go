package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"

	"parley/config"
	"parley/server"
)

// adminFDName is what the socket of the admin side is called where the service manager names it (FileDescriptorName=).
const adminFDName = "admin"

// A handover is the listening sockets that the service manager has opened for this process and that no listener has yet: see
// sd_listen_fds(3). The manager keeps each of them open, too, so that nobody is refused between one process and the next:
// whoever connects then waits in the socket's queue.
type handover struct {
	sockets []namedSocket
	claimed []string // names that a listener asks for, so that it alone gets them
}

type namedSocket struct {
	net.Listener
	name string // as in LISTEN_FDNAMES
}

// takeOver takes the sockets over that were meant for this process, and removes the variables that say so: a child's would be
// others. maxFiles is how many files this process may have open.
func takeOver(maxFiles int64) (*handover, error) {
	count := os.Getenv("LISTEN_FDS")
	ours := os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid())
	if n, err := strconv.ParseInt(count, 10, 64); ours && (err != nil || n < 0 || n > maxFiles) {
		return nil, fmt.Errorf("LISTEN_FDS=%q: this is no number of sockets that the service manager can have handed over", count)
	}
	h := new(handover)
	for i, file := range activation.Files(true) {
		socket, err := listenerOf(file)
		if err != nil {
			return nil, fmt.Errorf("the service manager handed over descriptor %d (%q), which is no listening stream socket: "+
				"it takes ListenStream= and Accept=no: %w", firstHanded+i, file.Name(), err)
		}
		_ = file.Close() // socket has a duplicate.
		h.sockets = append(h.sockets, namedSocket{socket, file.Name()})
	}
	return h, nil
}

// firstHanded is the first descriptor that is handed over (SD_LISTEN_FDS_START).
const firstHanded = 3

// listenerOf returns the listener that file is, over TCP or a unix socket.
func listenerOf(file *os.File) (net.Listener, error) {
	listens, err := isListening(file)
	if err != nil {
		return nil, err
	}
	if !listens {
		return nil, errors.New("it does not listen")
	}
	socket, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	if network := socket.Addr().Network(); network != "tcp" && network != "unix" {
		return nil, errors.Join(errors.New("it is of "+network), socket.Close())
	}
	return socket, nil
}

// claim reserves the sockets that listeners ask for by name.
func (h *handover) claim(listeners []config.Listener, admin bool) {
	for _, l := range listeners {
		if l.FD != "" {
			h.claimed = append(h.claimed, l.FD)
		}
	}
	if admin {
		h.claimed = append(h.claimed, adminFDName)
	}
}

// take removes the sockets that are wanted, and returns them.
func (h *handover) take(wanted func(namedSocket) bool) (taken []net.Listener) {
	h.sockets = slices.DeleteFunc(h.sockets, func(s namedSocket) bool {
		if wanted(s) {
			taken = append(taken, s.Listener)
			return true
		}
		return false
	})
	return taken
}

// has reports whether a socket of that name is there.
func (h *handover) has(name string) bool {
	return slices.ContainsFunc(h.sockets, func(s namedSocket) bool { return s.name == name })
}

// named takes the sockets of that name.
func (h *handover) named(name string) []net.Listener {
	return h.take(func(s namedSocket) bool { return s.name == name })
}

// at takes the sockets that listen where server.Listen would if it were given network and address.
func (h *handover) at(ctx context.Context, network, address string) []net.Listener {
	if len(h.sockets) == 0 {
		return nil
	}
	listensThere := func(at string) bool { return at == address }
	if network == "tcp" {
		listensThere = listensAt(ctx, address)
	}
	return h.take(func(s namedSocket) bool {
		return !slices.Contains(h.claimed, s.name) && s.Addr().Network() == network && listensThere(s.Addr().String())
	})
}

// listensAt returns what says whether a socket's address is the one that was written. The manager may have opened all addresses
// as one socket of both families or as one of each; a name has any number of addresses.
func listensAt(ctx context.Context, written string) func(at string) bool {
	host, port, _ := net.SplitHostPort(written)
	hosts := []string{host}
	if _, err := netip.ParseAddr(host); err != nil && host != "" {
		hosts, _ = net.DefaultResolver.LookupHost(ctx, host) // What is wrong with a name, server.Listen says.
	}
	return func(at string) bool {
		bound, err := netip.ParseAddrPort(at)
		if err != nil || strconv.Itoa(int(bound.Port())) != port {
			return false
		}
		return slices.ContainsFunc(hosts, func(host string) bool {
			if host == "" {
				return bound.Addr().IsUnspecified()
			}
			ip, err := netip.ParseAddr(host)
			return err == nil && ip.Unmap() == bound.Addr().Unmap()
		})
	}
}

// rest returns an error if sockets are left, which nobody would ever accept from.
func (h *handover) rest() error {
	if len(h.sockets) == 0 {
		return nil
	}
	s := h.sockets[0]
	return fmt.Errorf("the service manager handed over the socket %q on %s, and no listener is for it: "+
		"one has to have this address, or the key fd=NAME with its name", s.name, s.Addr())
}

// sockets opens what a listener is to listen on, or takes it over. fd is the name that the sockets were handed over by, if
// the listener asks for one; where nothing was handed over, as at a terminal, the address holds. handed is how many were.
func (d *daemon) sockets(ctx context.Context, what, network, fd string, addresses []string) (all []net.Listener, handed int, err error) {
	if fd != "" && d.handedOver {
		all = d.handover.named(fd)
		for _, socket := range all {
			if socket.Addr().Network() != network {
				return all, 0, fmt.Errorf("%s: the socket %q that the service manager handed over is of %s", what, fd, socket.Addr().Network())
			}
		}
		if len(all) == 0 {
			return nil, 0, fmt.Errorf("%s: the service manager handed over no socket named %q: %s", what, fd, d.handover.names())
		}
		return all, len(all), nil
	}
	for _, address := range addresses {
		sockets := d.handover.at(ctx, network, address)
		handed += len(sockets)
		if len(sockets) == 0 {
			if sockets, err = server.Listen(ctx, network, address); err != nil {
				return all, handed, listenError(what, network, address, err)
			}
		}
		all = append(all, sockets...)
	}
	return all, handed, nil
}

// names says which sockets nobody has taken.
func (h *handover) names() string {
	names := make([]string, len(h.sockets))
	for i, s := range h.sockets {
		names[i] = strconv.Quote(s.name)
	}
	if len(names) == 0 {
		return "none is left"
	}
	return "there is " + strings.Join(names, ", ")
}
