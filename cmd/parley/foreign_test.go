//go:build unix

package main_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"parley/protocol"
)

// A foreignServer is none of ours, and speaks TLS or takes PROXY headers. It greets, with all that it knows of its client, echoes,
// and ends its side when the client has.
type foreignServer struct {
	t     testing.TB
	proxy bool        // a PROXY header comes first
	end   string      // closes or resets, at the client's first line; empty: neither
	tls   *tls.Config // nil: plain
}

// newForeignServer makes one of words: proxy; tls, with the certificate of the lab, or expired, with an old one; ask, for a
// certificate of the client; tls1.1 or tls1.2, and no later version; closes or resets, which is what it does at
// its client's first line.
func newForeignServer(t testing.TB, certs *certificates, words []string) (*foreignServer, error) {
	t.Helper()
	s := &foreignServer{t: t}
	for _, word := range words {
		if word == "closes" || word == "resets" {
			s.end = word
			continue
		}
		if word != "proxy" && s.tls == nil {
			s.tls = &tls.Config{Certificates: []tls.Certificate{certs.servers["server"]}}
		}
		switch word {
		case "proxy":
			s.proxy = true
		case "tls":
		case "expired":
			s.tls.Certificates[0] = certs.servers["expired"]
		case "ask":
			s.tls.ClientAuth, s.tls.ClientCAs = tls.RequireAndVerifyClientCert, certs.pool
		case "tls1.1":
			s.tls.MaxVersion = tls.VersionTLS11
		case "tls1.2":
			s.tls.MaxVersion = tls.VersionTLS12
		default:
			return nil, fmt.Errorf("no such server: %s", word)
		}
	}
	return s, nil
}

// start returns where it listens, until the test ends.
func (s *foreignServer) start() (address string) {
	s.t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	s.t.Cleanup(func() { socket.Close() })
	go func() {
		for {
			nc, err := socket.Accept()
			if err != nil {
				return
			}
			go s.converse(nc) // ends with its client, and at the latest when patience does
		}
	}()
	return socket.Addr().String()
}

func (s *foreignServer) converse(nc net.Conn) {
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience))
	g := protocol.Greeting{ClientID: 1, You: nc.RemoteAddr().String(), Me: nc.LocalAddr().String(), Name: "lab", Handler: "echo"}
	conn := nc
	if s.proxy {
		under := proxyproto.NewConn(nc)
		header := under.ProxyHeader()
		if header == nil {
			return
		}
		g.Via = g.You
		if header.SourceAddr != nil {
			g.You = header.SourceAddr.String()
		}
		conn = under
	}
	if s.tls != nil {
		secure := tls.Server(conn, s.tls)
		if err := secure.Handshake(); err != nil {
			_, _ = io.Copy(io.Discard, nc) // Else a reset may be faster than the alert.
			return
		}
		state := secure.ConnectionState()
		g.TLS, g.SNI = tls.VersionName(state.Version)[len("TLS "):], state.ServerName
		if len(state.PeerCertificates) > 0 {
			g.ClientCN = state.PeerCertificates[0].Subject.CommonName
		}
		conn = secure
	}
	_, _ = conn.Write(protocol.Text{}.AppendGreeting(nil, g))
	for in := bufio.NewScanner(conn); in.Scan(); {
		switch s.end {
		case "resets":
			_ = nc.(*net.TCPConn).SetLinger(0)
			return
		case "closes":
			return
		}
		_, _ = fmt.Fprintf(conn, "ECHO: %s\n", in.Text())
	}
}
