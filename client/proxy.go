package client

import (
	"context"
	"fmt"
	"net"

	"github.com/pires/go-proxyproto"
)

// present sends the PROXY header, if there is to be one: whose connection this is, as a proxy says it
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt).
func (d *Dialer) present(ctx context.Context, nc net.Conn) error {
	if d.Proxy == 0 {
		return nil
	}
	header, err := d.proxyHeader(nc.LocalAddr(), nc.RemoteAddr())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout(Connect))
	defer cancel()
	release := within(ctx, nc.SetWriteDeadline)
	defer release()
	_, err = nc.Write(header)
	return interrupted(ctx, err)
}

// proxyHeader returns the header of a connection from local to remote. Where one is IPv6, the other one is written so, too, and
// what has no addresses of the kind that the version knows is said to be unknown.
func (d *Dialer) proxyHeader(local, remote net.Addr) ([]byte, error) {
	if d.Proxy != 1 && d.Proxy != 2 {
		return nil, fmt.Errorf("there is no version %d of the PROXY header", d.Proxy)
	}
	if d.ProxyFrom.IsValid() {
		local = net.TCPAddrFromAddrPort(d.ProxyFrom)
		if _, ok := remote.(*net.TCPAddr); !ok { // A header has addresses of one kind.
			remote = &net.TCPAddr{IP: net.IPv6unspecified}
			if d.ProxyFrom.Addr().Unmap().Is4() {
				remote = &net.TCPAddr{IP: net.IPv4zero}
			}
		}
	}
	return proxyproto.HeaderProxyFromAddrs(byte(d.Proxy), local, remote).Format()
}
