package server

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

// Limits bound what the clients of one listener may take. The zero value bounds nothing.
type Limits struct {
	MaxConns         int            // connections at a time, beside Config.MaxConns; 0: no own bound
	MaxConnsPerIP    int            // connections at a time from one address, IPv6 counted by /64, beside Config.MaxConnsPerIP; 0: no own bound
	AcceptRate       float64        // connections accepted a second, instead of Config.AcceptRate; the others wait in the system's queue; 0: no own bound
	Allow            []netip.Prefix // who is served; empty: everybody
	Deny             []netip.Prefix // who is not, also where Allow says otherwise
	MaxMessage       int            // bytes; 0: no bound
	HandshakeTimeout time.Duration  // from accept until the PROXY header is read and the TLS handshake done; 0: none
	MessageTimeout   time.Duration  // from the first byte of a message to its end; 0: none
	IdleTimeout      time.Duration  // without a message either way; 0: none
	WriteTimeout     time.Duration  // without the client taking anything; 0: none
	MaxLifetime      time.Duration  // from accept to the end, by which a message that is unfinished then may be 2 s late; a handler that asks for no messages outlives it; 0: none
	SendBuffer       int            // bytes the system holds that are not yet on their way to a client who does not read; 0: as it sees fit
	ReceiveBuffer    int            // bytes it takes from a client before they are read, to which Linux adds as many for its own use; 0: as it sees fit
}

// allows reports whether the lists let addr in. An address that is no IP address, as of a unix socket, is always let in: who may
// open the socket's file is the file system's business.
func (l *Limits) allows(addr netip.Addr) bool {
	if !addr.IsValid() {
		return true
	}
	addr = addr.WithZone("")
	if contains(l.Deny, addr) {
		return false
	}
	return len(l.Allow) == 0 || contains(l.Allow, addr)
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// capKey returns what a cap per address counts by: an IPv4 address, or the /64 that a single IPv6 host can choose from.
func capKey(addr netip.Addr) netip.Addr {
	if addr.Is6() {
		p, err := addr.WithZone("").Prefix(64)
		if err == nil {
			return p.Addr()
		}
	}
	return addr
}

// A quota counts connections against a cap on all and a cap on each address. It is guarded by Server.mu. The table has one
// entry for each address that is connected, so it is bounded by the connections.
type quota struct {
	max, maxPerIP int // 0: none
	count         int
	byIP          map[netip.Addr]int
}

// refuses returns the reason why another connection from key would be too many.
func (q *quota) refuses(key netip.Addr) (Reason, bool) {
	switch {
	case q.max > 0 && q.count >= q.max:
		return ServerFull, true
	case q.full(key):
		return TooManyFromIP, true
	}
	return 0, false
}

// full reports whether as many connections from key are there as are allowed.
func (q *quota) full(key netip.Addr) bool {
	return q.maxPerIP > 0 && key.IsValid() && q.byIP[key] >= q.maxPerIP
}

// take counts a connection from key; the zero value counts for no address.
func (q *quota) take(key netip.Addr) {
	q.count++
	q.takeFor(key)
}

// takeFor counts for its address a connection that is counted already.
func (q *quota) takeFor(key netip.Addr) {
	if q.maxPerIP > 0 && key.IsValid() {
		if q.byIP == nil {
			q.byIP = make(map[netip.Addr]int)
		}
		q.byIP[key]++
	}
}

func (q *quota) release(key netip.Addr) {
	q.count--
	if q.maxPerIP > 0 && key.IsValid() {
		if q.byIP[key]--; q.byIP[key] == 0 {
			delete(q.byIP, key)
		}
	}
}

// newLimiter returns what spaces accepts out; nil where there is no bound. A tenth of a second's worth may come at once.
func newLimiter(perSecond float64) *rate.Limiter {
	if perSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/10)))
}
