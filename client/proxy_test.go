package client_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pires/go-proxyproto"

	"parley/client"
)

// serveUnix runs f on each connection to a unix socket.
func serveUnix(t *testing.T, f func(net.Conn)) client.Address {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := socket.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				f(nc)
			})
		}
	})
	t.Cleanup(func() {
		socket.Close()
		wg.Wait()
	})
	return parse(t, "unix:"+path)
}

// tellsHeader greets with what the PROXY header says, as a server does that takes one.
func tellsHeader(nc net.Conn) {
	in := bufio.NewReader(nc)
	header, err := proxyproto.Read(in)
	if err != nil {
		fmt.Fprintf(nc, "ERR bad_proxy_header detail=%v\n", strings.ReplaceAll(err.Error(), " ", "_"))
		return
	}
	if header.Command.IsLocal() {
		fmt.Fprintf(nc, "HELLO clientid=7 name=v%d.local\n", header.Version)
	} else {
		fmt.Fprintf(nc, "HELLO clientid=7 you=%v me=%v via=%v name=v%d\n", header.SourceAddr, header.DestinationAddr, nc.RemoteAddr(), header.Version)
	}
	_, _ = io.Copy(nc, in)
}

// The header comes first and names our own two addresses, or the one that is claimed.
func TestProxy(t *testing.T) {
	t.Parallel()
	server := serve(t, func(nc *net.TCPConn) { tellsHeader(nc) })
	at := netip.MustParseAddrPort
	for _, version := range []int{1, 2} {
		for from, want := range map[netip.AddrPort]string{
			{}:                          "",
			at("203.0.113.9:51544"):     "203.0.113.9:51544",
			at("[2001:db8::9]:51544"):   "[2001:db8::9]:51544",
			at("[::ffff:192.0.2.1]:80"): "192.0.2.1:80",
			at("0.0.0.0:0"):             "0.0.0.0:0",
		} {
			conn := dial(t, client.Dialer{Proxy: version, ProxyFrom: from}, server)
			g, err := conn.Greeting()
			if err != nil {
				t.Fatalf("v%d from %v: %v", version, from, err)
			}
			if want == "" {
				want = conn.LocalAddr().String()
			}
			if g.You != want || g.Me != server.String() || g.Name != fmt.Sprintf("v%d", version) {
				t.Errorf("v%d from %v: %+v, want you=%s", version, from, g, want)
			}
			if g.Via != conn.LocalAddr().String() {
				t.Errorf("v%d from %v: via=%s, and we are %v", version, from, g.Via, conn.LocalAddr())
			}
		}
	}
}

// The bytes, as the specification has them, and nothing behind them.
func TestProxy_bytes(t *testing.T) {
	t.Parallel()
	heard := make(chan []byte, 1)
	server := serve(t, func(nc *net.TCPConn) {
		_, _ = io.WriteString(nc, hello)
		said, _ := io.ReadAll(nc)
		heard <- said
	})
	_, port, _ := net.SplitHostPort(server.String())
	number, err := net.LookupPort("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	v2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + "\xcb\x00\x71\x09" + "\x7f\x00\x00\x01" + "\xc9\x58"
	for version, want := range map[int]string{
		0: "",
		1: "PROXY TCP4 203.0.113.9 127.0.0.1 51544 " + port + "\r\n",
		2: v2 + string(binary.BigEndian.AppendUint16(nil, uint16(number))),
	} {
		dial(t, client.Dialer{Proxy: version, ProxyFrom: netip.MustParseAddrPort("203.0.113.9:51544")}, server).Close()
		if got := <-heard; !bytes.Equal(got, []byte(want)) {
			t.Errorf("v%d: sent %q, want %q", version, got, want)
		}
	}
}

// A unix socket has no addresses that version 1 knows; a client may be claimed all the same.
func TestProxy_unixSocket(t *testing.T) {
	t.Parallel()
	server := serveUnix(t, tellsHeader)
	claimed := netip.MustParseAddrPort("203.0.113.9:51544")
	for _, tt := range []struct {
		version int
		from    netip.AddrPort
		you, me string
		name    string
	}{
		{version: 1, name: "v1.local"},
		{version: 1, from: claimed, you: claimed.String(), me: "0.0.0.0:0", name: "v1"},
		{version: 2, from: claimed, you: claimed.String(), me: "0.0.0.0:0", name: "v2"},
		{version: 2, from: netip.MustParseAddrPort("[2001:db8::9]:1"), you: "[2001:db8::9]:1", me: "[::]:0", name: "v2"},
	} {
		g, err := dial(t, client.Dialer{Proxy: tt.version, ProxyFrom: tt.from}, server).Greeting()
		if err != nil || g.You != tt.you || g.Me != tt.me || g.Name != tt.name {
			t.Errorf("v%d from %v: %+v, %v", tt.version, tt.from, g, err)
		}
	}
	if g, err := dial(t, client.Dialer{Proxy: 2}, server).Greeting(); err != nil || g.Name != "v2" {
		t.Errorf("v2: %+v, %v", g, err)
	}
}

// In front of a TLS handshake.
func TestProxy_thenTLS(t *testing.T) {
	t.Parallel()
	alone := issue(t, template("alone"), nil)
	server := serve(t, func(nc *net.TCPConn) {
		// It is taken off before TLS begins, as HAProxy's accept-proxy does.
		under := proxyproto.NewConn(nc)
		header := under.ProxyHeader()
		conn := tls.Server(under, &tls.Config{Certificates: []tls.Certificate{alone}})
		fmt.Fprintf(conn, "HELLO clientid=7 you=%v\n", header.SourceAddr)
		discard(conn)
	})
	from := netip.MustParseAddrPort("203.0.113.9:51544")
	for _, version := range []int{1, 2} {
		d := client.Dialer{Proxy: version, ProxyFrom: from, TLS: &client.TLSConfig{Pin: client.PinOf(alone.Leaf)}}
		if g, err := dial(t, d, server).Greeting(); err != nil || g.You != from.String() {
			t.Errorf("v%d: %+v, %v", version, g, err)
		}
	}
}

// A server that takes no header answers it as if it were a message.
func TestProxy_notTaken(t *testing.T) {
	t.Parallel()
	server := serve(t, func(nc *net.TCPConn) {
		_, _ = io.WriteString(nc, hello)
		in := bufio.NewScanner(nc)
		for in.Scan() {
			fmt.Fprintf(nc, "ECHO: %s\n", in.Text())
		}
	})
	p := client.Probe{Address: server, Timeout: patience, Dialer: client.Dialer{Proxy: 1, ProxyFrom: netip.MustParseAddrPort("192.0.2.1:9"), Silence: patience}}
	v := p.Once(t.Context(), 0)
	_, port, _ := net.SplitHostPort(server.String())
	want := `it answered "ECHO: PROXY TCP4 192.0.2.1 127.0.0.1 9 ` + port + `", which does not contain what was sent (does it take a PROXY header?)`
	if v.Kind != client.Wrong || v.Err.Why() != want {
		t.Errorf("got %v\nwant %s", v, want)
	}
}

// There are two versions.
func TestProxy_version(t *testing.T) {
	t.Parallel()
	_, err := patiently(client.Dialer{Proxy: 3}).Dial(t.Context(), serve(t, says(hello)))
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Kind != client.Failed || !strings.Contains(e.Error(), "there is no version 3 of the PROXY header") {
		t.Errorf("%v", err)
	}
}
