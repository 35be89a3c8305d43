package server

import (
	"net"
	"net/netip"
	"time"

	"parley/protocol"
	"parley/roster"
)

// A member is what the roster has of a connection, at a moment or at its end. It keeps nothing of the connection's that is large.
type member struct {
	ln      *Listener
	id      uint64
	remote  netip.AddrPort // the zero value: unnamed has it
	unnamed net.Addr
	local   net.Addr // nil: not known yet
	began   int64    // Server.now, as all times
	active  int64
	ended   int64 // 0: it is open
	reason  Reason
	traffic traffic
	facts   *facts // nil: none
	who     *registration
	said    *string // the start of the last message; nil: nobody keeps that
	fault   string  // that it got on request; empty: none
}

// member returns what there is to say of the connection now.
func (c *conn) member() member {
	m := member{ln: c.ln, id: c.id, began: c.began, active: c.lastActive.Load(), traffic: c.traffic(), fault: c.fault()}
	e := c.extras.Load()
	approaching := c.stage.Load() == approaching // What the handshake tells of it is not to be read before it is over.
	if !approaching || !c.ln.Proxied {
		m.remote, m.local = c.remote, c.local
	}
	if e == nil {
		return m
	}
	m.unnamed = e.remote
	if !approaching {
		m.facts = e.facts
	}
	m.who, m.said = e.registration(), e.said.Load()
	return m
}

// leaver returns what there is to say of the connection now that it is closed.
func (c *conn) leaver() member {
	m := c.member()
	m.ended, m.reason = c.ln.srv.now(), c.ending.Load().reason
	return m
}

// you is the client's address, as greeting and log have it.
func (m *member) you() string {
	if m.remote.IsValid() {
		return m.remote.String()
	}
	return addrString(m.unnamed)
}

func (m *member) name() string {
	if m.who == nil {
		return ""
	}
	return m.who.name
}

// record writes it out, as a look has it.
func (m *member) record(v *sight) roster.Record {
	r := roster.Record{
		ClientID:         m.id,
		You:              m.you(),
		Me:               addrString(m.local),
		Listener:         m.ln.Label,
		Handler:          m.ln.HandlerName,
		Wire:             m.ln.WireName,
		Since:            roster.Time{Time: v.at(m.began)},
		LastActive:       roster.Time{Time: v.at(m.active)},
		MessagesReceived: m.traffic.messagesIn,
		MessagesSent:     m.traffic.replies,
		ReceivedBytes:    m.traffic.received,
		SentBytes:        m.traffic.sent,
		Fault:            m.fault,
	}
	if f := m.facts; f != nil {
		r.Via, r.TLS, r.SNI, r.ClientCN = f.via, f.tls, shown(f.sni), shown(f.clientCN)
	}
	if m.who != nil {
		r.Name, r.Email = shown(m.who.name), shown(m.who.email)
	}
	if m.said != nil {
		r.Message = shown(*m.said)
	}
	if m.ended != 0 {
		seconds := time.Duration(m.ended - m.began).Seconds()
		r.End, r.Duration, r.Reason = roster.Time{Time: v.at(m.ended)}, &seconds, m.reason.String()
	}
	return r
}

// shown is what a stranger has said, the start of which was kept, as a terminal can be trusted with it.
func shown(text string) string {
	if len(text) > loggedBytes {
		return protocol.Printable(text[:loggedBytes], true) + "..."
	}
	return protocol.Printable(text, true)
}
