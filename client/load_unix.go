//go:build unix

package client

import (
	"io"
	"syscall"
)

// A loadSystem is what a loadConn has of the system.
type loadSystem struct {
	raw             syscall.RawConn // nil: it is no socket
	ready, writable func(fd uintptr) bool
	fd              int // while ready runs; else -1

	// What writable is to send, and how that went.
	out  []byte
	sent int
	err  error
}

func (s *loadSystem) init(c *loadConn) {
	s.fd = -1
	if sc, ok := c.nc.(syscall.Conn); ok {
		s.raw, _ = sc.SyscallConn()
	}
	s.ready, s.writable = c.readable, s.write
}

// receive takes what comes until take says that there is no more to wait for.
func (c *loadConn) receive() {
	if c.system.raw == nil {
		c.receiveHolding()
		return
	}
	if err := c.system.raw.Read(c.system.ready); err != nil {
		c.err = err
	}
}

// readable reads all there is. It runs whenever the socket may have become readable; false means to wait until it is again.
// After less than there was room for there is no more: the next byte, or the end, makes it run again.
func (c *loadConn) readable(fd uintptr) bool {
	c.system.fd = int(fd)
	defer func() { c.system.fd = -1 }()
	for {
		n, err := readSome(int(fd), c.buf)
		switch {
		case n > 0:
			if !c.take(c.buf[:n]) {
				return true
			}
			if n < len(c.buf) {
				return false
			}
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return false
		case err != nil:
			c.err = err
			return true
		default:
			c.err = io.EOF
			return true
		}
	}
}

// sendSome sends what the system takes of b without waiting. Only the connection's goroutine may call it.
func (c *loadConn) sendSome(b []byte) (int, error) {
	if c.system.fd >= 0 {
		return sendOnce(c.system.fd, b)
	}
	return c.sendFromOutside(b)
}

// sendFromOutside is sendSome for whoever knows that the connection's goroutine is not sending.
func (c *loadConn) sendFromOutside(b []byte) (int, error) {
	s := &c.system
	if s.raw == nil {
		return c.nc.Write(b)
	}
	s.out = b
	if err := s.raw.Write(s.writable); err != nil {
		return 0, err
	}
	return s.sent, s.err
}

func (s *loadSystem) write(fd uintptr) bool {
	s.sent, s.err = sendOnce(int(fd), s.out)
	return true
}

// sendOnce sends what the system takes at once, which may be nothing.
func sendOnce(fd int, b []byte) (int, error) {
	for {
		switch n, err := writeSome(fd, b); err {
		case nil:
			return n, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, err
		}
	}
}
