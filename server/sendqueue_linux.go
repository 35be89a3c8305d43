package server

import "golang.org/x/sys/unix"

// sendQueue returns how many bytes the system holds that the peer has not taken (SIOCOUTQ, tcp(7)).
func (s *stream) sendQueue() int {
	if s.raw == nil {
		return 0
	}
	n := 0
	_ = s.raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return n
}
