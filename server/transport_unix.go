//go:build unix

package server

import (
	"io"
	"syscall"
)

// rawConn returns what readable needs, or nil if nc is no socket.
func rawConn(nc endpoint) syscall.RawConn {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// readable reads all there is. It runs whenever the socket may have become readable; false means to wait until it is
// again, which it is without a buffer.
func (s *stream) readable(fd uintptr) bool {
	b := inputBuffers.get()
	for {
		n, err := syscall.Read(int(fd), *b)
		if err == syscall.EINTR {
			continue
		}
		if n > 0 && s.r.take((*b)[:n]) {
			continue
		}
		inputBuffers.put(b)
		switch {
		case err == syscall.EAGAIN:
			return false
		case err != nil:
			s.err = err
		case n == 0:
			s.err = io.EOF
		}
		return true
	}
}
