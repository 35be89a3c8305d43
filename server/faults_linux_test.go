package server_test

import (
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"parley/server"
)

// Each piece is a segment of its own: the client's system has counted them (TCP_INFO, tcp(7)).
func TestChop_segments(t *testing.T) {
	t.Parallel()
	for _, n := range []network{overTCP, overHeld} {
		const size, piece = 100, 3
		s := serve(t, n, says(pattern(size-1)), misbehaving(server.Faults{Chop: piece}))
		c := s.dial()
		if _, err := io.ReadFull(c.r, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		raw, err := c.Conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var info *unix.TCPInfo
		var infoErr error
		err = raw.Control(func(fd uintptr) { info, infoErr = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
		if err != nil || infoErr != nil {
			t.Fatal(err, infoErr)
		}
		// One that the system took for lost, as on a busy machine, comes twice.
		if want := (size + piece - 1) / piece; int(info.Data_segs_in) < want {
			t.Errorf("%d segments came, want %d", info.Data_segs_in, want)
		}
	}
}
