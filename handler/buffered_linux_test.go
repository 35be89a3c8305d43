package handler_test

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// buffered gives the connections of a listener send buffers of that size: they inherit it.
func buffered(t testing.TB, l net.Listener, size int) net.Listener {
	t.Helper()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err == nil {
		controlErr := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, size) })
		if err == nil {
			err = controlErr
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}
