package server

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"parley/roster"
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

// Populate puts n connections into the books that have no socket, each with an address and counters of its own.
func (s *Server) Populate(l *Listener, n int) {
	for i := range n {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), uint16(i%7+1024))
		c := newConn(l, arrival{from: from, local: net.TCPAddrFromAddrPort(from)})
		c.messagesIn.Store(uint64(i * 7919 % n))
		c.received.Store(uint64(i))
		s.mu.Lock()
		s.lastID++
		c.id = s.lastID
		s.conns[c] = struct{}{}
		s.mu.Unlock()
	}
}

// Touch has every connection be active now.
func (s *Server) Touch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.lastActive.Store(s.now())
		c.messagesIn.Add(1)
	}
}

// Later is what Select, and News from the beginning, return if the clock was put forward by so much, as by the sleep of a machine, and
// nothing else has happened since.
func (r *Roster) Later(by time.Duration, q roster.Query) (roster.Selection, roster.News) {
	v, w := r.srv.look(0), r.srv.look(0)
	defer v.done()
	defer w.done()
	v.wall, w.wall = v.wall.Add(by), w.wall.Add(by)
	news, _ := w.news(roster.Mark{}, q.Limit)
	return v.selection(q), news
}

// Copy has a look at the roster copy what it holds the lock for.
func (s *Server) Copy() {
	v := sights.Get().(*sight)
	v.copy(s, 0)
	v.done()
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
