package server

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"
)

// The PROXY protocol is specified in HAProxy's proxy-protocol.txt, version 1 and 2. The library parses a header that is
// here as a whole. It would also read it from a connection; but then it takes a header of version 1 that does not come
// in one piece for an attack, and it reads on behind the header, into a buffer that would have to stay.
const (
	maxHeader1  = 107           // bytes of a header of version 1 at most, as the specification has it
	lineStart   = "PROXY"       // of version 1
	header2Head = 16            // bytes of a header of version 2 in front of those it announces
	lengthAt    = 14            // where it announces them
	maxHeader2  = header2Head + // The specification allows 64 KiB, and the largest known ones, with a certificate, have 2 KiB.
		4<<10
)

// errProxyHeader says that what a proxy has sent first is no header.
var errProxyHeader = errors.New("no PROXY header")

// headerLength returns how long the header is that b begins with; 0 as long as that can't be told. It returns an error
// as soon as it can't be one.
func headerLength(b []byte) (int, error) {
	switch {
	case begins(b, proxyproto.SIGV2):
		if len(b) < header2Head {
			return 0, nil
		}
		n := header2Head + int(binary.BigEndian.Uint16(b[lengthAt:]))
		if n > maxHeader2 {
			return 0, fmt.Errorf("%w: it announces %d bytes, and at most %d are taken", errProxyHeader, n, maxHeader2)
		}
		return n, nil
	case begins(b, []byte(lineStart)):
		end := bytes.IndexByte(b[:min(len(b), maxHeader1)], '\n')
		if end < 0 && len(b) >= maxHeader1 {
			return 0, fmt.Errorf("%w: its line does not end within %d bytes", errProxyHeader, maxHeader1)
		}
		return end + 1, nil
	}
	return 0, fmt.Errorf("%w: it begins with %q", errProxyHeader, b[:min(len(b), header2Head)])
}

// begins reports whether b begins with start, or may when there is more of it.
func begins(b, start []byte) bool {
	n := min(len(b), len(start))
	return bytes.Equal(b[:n], start[:n])
}

// parseHeader reads a whole header. It returns the addresses of the client and of what it has reached, and zero values
// when the header names none: the connection is then the proxy's own, as for its health check, or of a client without
// IP addresses.
func parseHeader(b []byte) (client, reached netip.AddrPort, err error) {
	fail := func(why any) (netip.AddrPort, netip.AddrPort, error) {
		return netip.AddrPort{}, netip.AddrPort{}, fmt.Errorf("%w: %v", errProxyHeader, why)
	}
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(b), len(b)))
	if err != nil {
		return fail(err)
	}
	if _, err := h.TLVs(); err != nil {
		return fail(err)
	}
	if h.Command.IsLocal() || h.TransportProtocol.IsUnspec() || h.TransportProtocol.IsUnix() {
		return netip.AddrPort{}, netip.AddrPort{}, nil
	}
	from, to, ok := h.TCPAddrs()
	if !ok {
		return fail("its client is none of TCP")
	}
	return unmapped(from), unmapped(to), nil
}

// unmapped is an address with IPv4 as such.
func unmapped(a *net.TCPAddr) netip.AddrPort {
	ap := a.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// A headerReader receives a header, and what has come behind it.
type headerReader struct {
	got    []byte
	length int // of the header; 0: not known yet
	err    error
}

func (h *headerReader) take(piece []byte) bool {
	h.got = append(h.got, piece...)
	if h.length == 0 {
		h.length, h.err = headerLength(h.got)
	}
	return h.err == nil && !h.whole()
}

func (h *headerReader) whole() bool { return h.length > 0 && len(h.got) >= h.length }

// readHeader reads the header of a proxy, and judges the connection anew by the client that it names. What has come
// behind the header is the first of the conversation.
func (c *conn) readHeader() error {
	var h headerReader
	err := c.receives(&h)
	switch {
	case h.err != nil:
		return h.err
	case errors.Is(err, io.EOF):
		c.eof = true
		if len(h.got) == 0 { // As a proxy checks whether there is anybody.
			return &ending{reason: ClientClosed}
		}
		return fmt.Errorf("%w: it is not whole", errProxyHeader)
	case err != nil:
		return err
	}
	client, reached, err := parseHeader(h.got[:h.length])
	if err != nil {
		return err
	}
	if client.IsValid() {
		c.learn().via = c.peer()
		c.remote, c.local = client, net.TCPAddrFromAddrPort(reached)
	}
	if reason, refused := c.ln.srv.introduce(c); refused {
		return &ending{reason: reason}
	}
	rest := h.got[h.length:]
	if s := securedOf(c.t); s != nil {
		s.in = rest
	} else if len(rest) > 0 {
		c.received.Store(uint64(len(rest)))
		c.lastInput = c.ln.srv.now()
		c.dec.Feed(rest)
	}
	return nil
}
