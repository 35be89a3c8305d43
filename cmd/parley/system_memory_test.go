//go:build system && linux

package main_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	idleClients = 15_000
	// idleMemory is what an idle connection may cost, in resident bytes of the daemon: 2 KiB of stack, half a KiB each that
	// Go's runtime has for a goroutine and for a polled descriptor, and what is ours.
	idleMemory = 4300
)

// What 15,000 clients cost that have exchanged two messages each and say nothing now, over what the daemon has in memory for
// the first few.
func TestIdleConnections(t *testing.T) {
	d := serveBuilt(t, "PARLEY_MAX_CONNS=16000", "echo://127.0.0.1:0?wire=raw&prefix=")
	address := netip.MustParseAddrPort(d.addresses[0])
	client := func() int {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			t.Cleanup(func() { unix.Close(fd) })
			err = unix.Connect(fd, &unix.SockaddrInet4{Addr: address.Addr().As4(), Port: int(address.Port())})
		}
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	message := []byte(strings.Repeat("x", 64))
	talk := func(fds []int) {
		for range 2 {
			for _, fd := range fds {
				if _, err := unix.Write(fd, message); err != nil {
					t.Fatal(err)
				}
			}
			answer := make([]byte, len(message))
			for _, fd := range fds {
				if n, err := unix.Read(fd, answer); n != len(message) || err != nil {
					t.Fatalf("%d bytes, %v", n, err)
				}
			}
		}
	}
	clients := func(n int) {
		fds := make([]int, n)
		for i := range fds {
			fds[i] = client()
		}
		talk(fds)
	}
	clients(50)
	time.Sleep(time.Second)
	before := d.memory("VmRSS")
	clients(idleClients)
	time.Sleep(time.Second)
	each := (d.memory("VmRSS") - before) * 1024 / idleClients
	t.Logf("an idle connection costs %d resident bytes", each)
	if each > idleMemory {
		t.Errorf("want at most %d", idleMemory)
	}
}
