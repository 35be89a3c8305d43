//go:build unix

package client

import (
	"errors"
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
//
// Behind a whole answer that did not fill the buffer it does not try to read more: most often there is nothing, and that would
// cost as much as the answer. It can be wrong about the end of the server's side, which may have come together with the
// answer without making it run again. The next message shows it, mostly by a reset, or else ending does.
func (c *loadConn) readable(fd uintptr) bool {
	// The buffer is borrowed, so that a few, which the processor has at hand, are enough for all connections.
	borrowed := c.r.buffers.Get().(*[]byte)
	buf := *borrowed
	c.system.fd = int(fd)
	defer func() {
		c.system.fd = -1
		c.r.buffers.Put(borrowed)
	}()
	for {
		n, err := readSome(int(fd), buf)
		switch {
		case n > 0:
			if !c.take(buf[:n]) {
				return true
			}
			if n < len(buf) && c.at == 0 {
				return false
			}
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
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

// sendSome sends what is taken of b at once. Only the connection's goroutine may call it.
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
		return c.nc.Write(b[:min(len(b), atOnce)])
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
		switch n, err := writeSome(fd, b); {
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil
		default:
			return 0, err
		}
	}
}
