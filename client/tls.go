package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// A TLSConfig says how a server's certificate is checked, and which one of ours it gets. The zero value checks it against the
// system's authorities and the name that was dialled.
//
// Versions 1.2 and 1.3 are spoken. No session is resumed: each handshake is a whole one.
type TLSConfig struct {
	// RootCAs are the authorities that are trusted; nil: the system's.
	RootCAs *x509.CertPool
	// Pin is the certificate that the server has to have; zero: any that an authority vouches for. With a pin, nothing else is
	// checked: neither authority, name nor date.
	Pin Pin
	// ServerName is the name that is asked for, and that the certificate has to be for; empty: the host that is dialled. A
	// unix socket has none.
	ServerName string
	// Insecure says that any certificate will do.
	Insecure bool
	// Certificate is ours, for a server that asks for one; nil: there is none.
	Certificate *tls.Certificate
}

// secure returns the connection as it is from the TLS handshake on, or as it was where no TLS is spoken. It is closed when that fails.
func (d *Dialer) secure(ctx context.Context, nc net.Conn, a Address, t *Timings) (net.Conn, *handshake, error) {
	if d.TLS == nil {
		return nc, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout(TLS))
	defer cancel()
	began := time.Now()
	h := newHandshake(d.TLS, nc, a)
	err := h.conn.HandshakeContext(ctx)
	t.TLS = time.Since(began)
	if err != nil {
		nc.Close()
		return nil, nil, h.explain(err)
	}
	state := h.conn.ConnectionState()
	h.state = &state
	return secureConn{h.conn, h}, h, nil
}

// A handshake is what there is to know of one to tell why it went wrong.
type handshake struct {
	config *TLSConfig
	name   string // that the certificate has to be for
	socket *overheard
	conn   *tls.Conn
	asked  bool                 // for a certificate of ours
	state  *tls.ConnectionState // once it is over
}

func newHandshake(config *TLSConfig, nc net.Conn, a Address) *handshake {
	h := &handshake{config: config, name: config.ServerName, socket: &overheard{Conn: nc}}
	if h.name == "" {
		h.name = a.serverName()
	}
	h.conn = tls.Client(h.socket, &tls.Config{
		MinVersion: tls.VersionTLS12,
		RootCAs:    config.RootCAs,
		ServerName: h.name,
		// Where there is a name to check it is checked; without one, check refuses what nothing else vouches for.
		InsecureSkipVerify: config.Insecure || config.Pin != Pin{} || h.name == "",
		VerifyConnection:   h.check,
		// It is sent whether or not its issuer is among those that the server names: the server then says what it thinks of it.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			h.asked = true
			if config.Certificate == nil {
				return new(tls.Certificate), nil
			}
			return config.Certificate, nil
		},
	})
	return h
}

// check checks what package tls does not.
func (h *handshake) check(state tls.ConnectionState) error {
	switch {
	case h.config.Pin != Pin{}:
		if seen := PinOf(state.PeerCertificates[0]); seen != h.config.Pin {
			return pinError{want: h.config.Pin, seen: seen}
		}
	case h.name == "" && !h.config.Insecure:
		return errNoServerName
	}
	return nil
}

// serverName is the name for which the certificate of the server at this address has to be.
func (a Address) serverName() string {
	switch a.network {
	case "unix":
		return ""
	case "": // of a connection that somebody else made
		if peer, err := netip.ParseAddrPort(a.host); err == nil {
			return peer.Addr().Unmap().WithZone("").String()
		}
		return ""
	}
	if literal, isName := a.literal(); !isName {
		return literal.Addr().WithZone("").String()
	}
	return a.host
}

// A secureConn is a connection that speaks TLS.
type secureConn struct {
	*tls.Conn
	handshake *handshake
}

// Read reads, and says why where it was the handshake that went wrong after all.
func (c secureConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	return n, c.handshake.explainLater(err)
}

// farewell is how long the alert takes at most by which TLS is closed: a server that does not read may keep it from being sent.
const farewell = 500 * time.Millisecond

// Close says that no more comes, and closes the connection.
func (c secureConn) Close() error {
	cut := time.AfterFunc(farewell, func() { c.NetConn().Close() })
	defer cut.Stop()
	return c.Conn.Close()
}

// An overheard connection remembers what was said first: who speaks no TLS may have said what it is.
type overheard struct {
	net.Conn
	said, heard []byte
}

// Read and Write belong to the handshake; what comes later is remembered no more.
func (c *overheard) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if room := quoted + 1 - len(c.heard); room > 0 {
		c.heard = append(c.heard, p[:min(n, room)]...)
	}
	return n, err
}

func (c *overheard) Write(p []byte) (int, error) {
	if c.said == nil {
		c.said = append(c.said, p[:min(len(p), quoted)]...)
	}
	return c.Conn.Write(p)
}

// A pinError says that a certificate is not the one that was pinned.
type pinError struct{ want, seen Pin }

func (e pinError) Error() string {
	return fmt.Sprintf("its certificate is not the one that is pinned: its SHA-256 is %v, not %v", e.seen, e.want)
}
