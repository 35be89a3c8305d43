package server

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// A transport carries the bytes of one connection. It is the seam under the session: what is above it knows nothing of
// sockets, and what is below it nothing of messages.
//
// Input is pushed: receive calls back with each piece on the connection's own goroutine, so that an implementation may do
// so from within its wait for readiness, and needs to lend a buffer only while there is something in it.
type transport interface {
	// receive waits for input and gives each piece of it to r. It returns nil when r wants no more, io.EOF when the peer has
	// ended its side, an error that is os.ErrDeadlineExceeded when the read deadline has passed, and any other error when
	// the connection is no more. It may be called again after the first and the third; after the third only once the
	// deadline is set anew, as it may also come too early.
	receive(r receiver) error
	// send sends all of b and returns how much the system took. It gives up with os.ErrDeadlineExceeded when neither the
	// system nor the peer takes anything for the write timeout; however slowly it goes on, it goes on. Only one goroutine
	// at a time may call it.
	send(b []byte) (int, error)
	// sendNow sends as much of b as the system takes at once, which may be nothing, and returns how much that was.
	sendNow(b []byte) int
	// setReadDeadline ends the wait of receive at t, also one that is under way; the zero time means never.
	setReadDeadline(t time.Time)
	// interrupt ends receive and send, now and for ever. Any goroutine may call it, and setReadDeadline, also after the
	// connection was freed; then they do nothing.
	interrupt()
	// closeWrite ends our side behind all that was sent.
	closeWrite()
	// close frees the connection; the system still delivers what was sent. Nothing may be sent or received meanwhile or
	// after it: the system may have given the descriptor to another connection.
	close()
	// reset frees the connection, as close does, and what the system still holds of it.
	reset()
}

// A receiver takes input.
type receiver interface {
	// take takes a piece, which is lent until it returns. It is false when the receiver wants no more.
	take(piece []byte) bool
}

// errInterrupted is what a transport returns after interrupt.
var errInterrupted = errors.New("connection interrupted")

// inputBuffer is the size of the buffer that a piece of input is lent in. With what is gathered of replies it stays under
// the 64 KiB that a peer who does not read may hold.
const inputBuffer = 32 << 10

var inputBuffers = newBuffers(func() []byte { return make([]byte, inputBuffer) })

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// An endpoint is what a stream needs of a connection. Every net.Conn is one, and so is the *os.File of a socket.
type endpoint interface {
	io.ReadWriteCloser
	SetDeadline(t time.Time) error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// A stream is the portable transport: over any net.Conn, on every system.
type stream struct {
	nc           endpoint
	raw          syscall.RawConn // nil where waiting for input without a buffer is not possible
	writeTimeout time.Duration   // 0: none

	interrupted atomic.Bool

	// Owned by the one who receives.
	ready func(fd uintptr) bool // readable, bound once
	r     receiver
	err   error

	// Owned by the one who sends.
	writeBy time.Time // the write deadline that is set
}

func newStream(nc endpoint, writeTimeout time.Duration) *stream {
	s := &stream{nc: nc, writeTimeout: writeTimeout, raw: rawConn(nc)}
	s.ready = s.readable
	return s
}

func (s *stream) receive(r receiver) error {
	var err error
	if s.raw == nil {
		err = s.receiveHolding(r)
	} else {
		s.r, s.err = r, nil
		if err = s.raw.Read(s.ready); err == nil {
			err = s.err
		}
	}
	if err != nil && s.interrupted.Load() {
		return errInterrupted
	}
	return err
}

// receiveHolding waits with the buffer in hand, as a net.Conn that is no socket wants it. After a panic in take the
// buffer does not go back: who knows who still looks into it.
func (s *stream) receiveHolding(r receiver) error {
	b := inputBuffers.get()
	for {
		n, err := s.nc.Read(*b)
		more := n == 0 || r.take((*b)[:n])
		if more && err == nil {
			continue
		}
		inputBuffers.put(b)
		switch {
		case !more:
			return nil
		case errors.Is(err, io.ErrClosedPipe):
			return io.EOF
		}
		return err
	}
}

// writeSlices is how many slices of the write timeout there are; every two, send looks whether the peer has taken anything. A
// write that timed out tells how much it took, not when, which may be two slices ago, and the end is noticed up to two slices late.
// So the timeout is met within a quarter.
//
// It looks at the system's queue too. A peer that reads 10 KiB/s opens its window by 64 KiB at a time, and the system
// takes more only when some of that have made room; so for longer than the timeout there may be no sign of it but
// the queue growing shorter.
const writeSlices = 16

func (s *stream) send(b []byte) (int, error) {
	if s.writeTimeout == 0 {
		n, err := s.nc.Write(b)
		return n, s.sendError(err)
	}
	slice := s.writeTimeout / writeSlices
	now := time.Now()
	took := now // when the peer last took something
	sent, queued := 0, 0
	for {
		// A deadline is good for two slices, so that one who sends often sets it rarely.
		if s.writeBy.Sub(now) < slice {
			s.writeBy = now.Add(2 * slice)
			_ = s.nc.SetWriteDeadline(s.writeBy)
		}
		if s.interrupted.Load() {
			return sent, errInterrupted
		}
		n, err := s.nc.Write(b[sent:])
		sent += n
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return sent, s.sendError(err)
		}
		now = time.Now()
		before := queued
		queued = s.sendQueue()
		if n > 0 || queued < before {
			took = now
		} else if now.Sub(took) >= s.writeTimeout {
			return sent, os.ErrDeadlineExceeded
		}
	}
}

func (s *stream) sendNow([]byte) int { return 0 }

func (s *stream) sendError(err error) error {
	switch {
	case err == nil:
		return nil
	case s.interrupted.Load():
		return errInterrupted
	case errors.Is(err, io.ErrClosedPipe): // net.Pipe's word for a peer that is gone
		return syscall.EPIPE
	}
	return err
}

func (s *stream) setReadDeadline(t time.Time) {
	_ = s.nc.SetReadDeadline(t)
	if s.interrupted.Load() {
		_ = s.nc.SetReadDeadline(longAgo)
	}
}

func (s *stream) interrupt() {
	s.interrupted.Store(true)
	_ = s.nc.SetDeadline(longAgo)
}

func (s *stream) closeWrite() {
	if half, ok := s.nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

func (s *stream) close() { _ = s.nc.Close() }

func (s *stream) reset() {
	if tcp, ok := s.nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = s.nc.Close()
}
