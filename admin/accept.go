package admin

import (
	"errors"
	"net"
)

// patientListener has http.Server pause and go on after every accept error but
// the listener's own closing. By itself it ends for good at ENOBUFS, ENOMEM,
// EPERM and others that pass, and the daemon would serve on unwatched.
type patientListener struct{ net.Listener }

// Accept waits for the next connection.
func (l patientListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return nil, passingError{err}
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // What fails is gone again.
	}
	return conn, err
}

// passingError is a net.Error, which is how http.Server asks what to do.
type passingError struct{ error }

func (passingError) Timeout() bool   { return false }
func (passingError) Temporary() bool { return true }
func (e passingError) Unwrap() error { return e.error }
