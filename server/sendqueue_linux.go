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

// gone reports whether the peer takes nothing any more, as it has reset the connection (poll(2)). What is queued then stays so.
func (s *stream) gone() (is bool) {
	if s.raw == nil {
		return false
	}
	err := s.raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(fds, 0)
		is = err == nil && n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
	})
	return is || err != nil
}
