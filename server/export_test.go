package server

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// ListenAll opens the same port on each of a name's addresses. What names this machine has is not for a test to say.
func ListenAll(ctx context.Context, hosts []string, port string) ([]net.Listener, error) {
	return listenAll(ctx, "", hosts, port)
}

// Books returns how many entries the server and these listeners still have in their books: connections, those that are
// being turned away, addresses, and what is counted against caps. It is 0 when nobody is connected.
func (s *Server) Books(listeners ...*Listener) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.conns) + s.refused + s.handshaking + s.quota.count + len(s.quota.byIP)
	for _, l := range listeners {
		n += l.quota.count + len(l.quota.byIP)
	}
	return n
}

// SendQueue returns how much the system holds for the peer of nc.
func SendQueue(nc net.Conn) int { return newStream(nc, 0).sendQueue() }

// EachDescriptor calls f with the descriptor of each connection that is a socket.
func (s *Server) EachDescriptor(f func(fd int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		control := func(fd uintptr) { f(int(fd)) }
		if raw := rawConn(endpointOf(c.t)); raw != nil {
			_ = raw.Control(control)
		}
	}
}

// endpointOf returns what a transport is over.
func endpointOf(t transport) endpoint {
	return t.(interface{ over() endpoint }).over()
}

func (s *stream) over() endpoint { return s.nc }

// Hold has the server stuck until release is called.
func (s *Server) Hold() (release func()) {
	s.mu.Lock()
	return s.mu.Unlock
}

// ReadHeader reads the header of a proxy that comes in pieces. It is false when it has not come as a whole; rest is
// what has come behind it.
func ReadHeader(pieces ...[]byte) (client, reached netip.AddrPort, rest []byte, whole bool, err error) {
	var h headerReader
	more := true
	for _, piece := range pieces {
		if more {
			more = h.take(piece)
		} else {
			rest = append(rest, piece...)
		}
	}
	if h.err != nil || !h.whole() {
		return client, reached, nil, false, h.err
	}
	client, reached, err = parseHeader(h.got[:h.length])
	return client, reached, append(h.got[h.length:], rest...), true, err
}

// Transport returns the type of what a listener with these faults puts over a transport.
func Transport(f Faults) string {
	return fmt.Sprintf("%T", New(Config{}).NewListener(ListenerConfig{Faults: f}).misbehaves(nil))
}

// Draws returns which of the first n connections of a listener get these faults.
func Draws(f Faults, n int) []bool {
	l := New(Config{}).NewListener(ListenerConfig{Faults: f})
	drawn := make([]bool, n)
	for i := range drawn {
		drawn[i] = l.faulty.draw(uint64(i) + 1)
	}
	return drawn
}
