package server

import "golang.org/x/sys/unix"

// sendQueue returns how many bytes the system holds that the peer has not taken (SIOCOUTQ, tcp(7)).
func (s *stream) sendQueue() int {
	n, _ := s.queued()
	return n
}

// queued is sendQueue; false when the system does not say.
func (s *stream) queued() (n int, known bool) {
	if s.raw == nil {
		return 0, false
	}
	err := s.raw.Control(func(fd uintptr) {
		var err error
		n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		known = err == nil
	})
	return n, known && err == nil
}
