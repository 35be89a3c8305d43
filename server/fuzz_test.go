package server_test

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"

	"parley/server"
)

// A header is the same however it is cut, nothing behind it is lost, it is bounded, and what it says can be said again.
func FuzzProxyHeader(f *testing.F) {
	for _, header := range []string{
		header1("203.0.113.5:51000", "192.0.2.99:443"), header2("[2001:db8::5]:51000", "[2001:db8::99]:443"),
		"PROXY UNKNOWN\r\n", "PROXY UNKNOWN " + strings.Repeat("x", 100), raw2(local2, 0, 0, ""), raw2(local2, 0x11, 3, "abc"),
		raw2(proxy2, 0x11, 12+4, ip4Block+"\x04\x00\x01x"), raw2(proxy2, 0x11, 65535, ""), raw2(proxy2, 0x31, 216, strings.Repeat("a", 216)),
		"PROXY TCP6 ::ffff:203.0.113.5 ::1 0 65535\r\n", "hello\n",
	} {
		f.Add([]byte(header + "hello\n"))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		client, reached, rest, whole, err := server.ReadHeader(sent)
		if len(sent) == 0 {
			return
		}
		client2, reached2, rest2, whole2, err2 := server.ReadHeader(slices.Collect(slices.Chunk(bytes.Clone(sent), 1))...)
		if client != client2 || reached != reached2 || whole != whole2 || (err == nil) != (err2 == nil) || !bytes.Equal(rest, rest2) {
			t.Errorf("%q is %v %v %q %v %v, and byte by byte %v %v %q %v %v", sent,
				client, reached, rest, whole, err, client2, reached2, rest2, whole2, err2)
		}
		const longest = 16 + 4096
		if !whole {
			if err == nil && len(sent) >= longest {
				t.Errorf("after %d bytes it still waits", len(sent))
			}
			return
		}
		if !bytes.HasSuffix(sent, rest) || len(sent)-len(rest) > longest {
			t.Errorf("behind %d bytes of header are %d of %d", len(sent)-len(rest), len(rest), len(sent))
		}
		if err != nil || !client.IsValid() {
			return
		}
		h := proxyproto.HeaderProxyFromAddrs(2, net.TCPAddrFromAddrPort(client), net.TCPAddrFromAddrPort(reached))
		again, err := h.Format()
		if err != nil {
			t.Fatal(err)
		}
		if c, r, _, _, err := server.ReadHeader(again); c != client || r != reached || err != nil {
			t.Errorf("%v %v becomes %v %v, %v", client, reached, c, r, err)
		}
	})
}
