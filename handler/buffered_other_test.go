//go:build !linux

package handler_test

import (
	"net"
	"testing"
)

// buffered gives the connections of a listener send buffers of that size.
func buffered(_ testing.TB, l net.Listener, size int) net.Listener { return bufferedListener{l, size} }

type bufferedListener struct {
	net.Listener
	size int
}

func (b bufferedListener) Accept() (net.Conn, error) {
	nc, err := b.Listener.Accept()
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(b.size)
	}
	return nc, err
}
