//go:build !linux || !(amd64 || arm64)

package server

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// hangups is nothing where there is only the portable transport.
type hangups struct{}

func newHangups() (*hangups, error) { return nil, errors.ErrUnsupported }

func (*hangups) close() {}

func newSocketAcceptor(*net.TCPListener, *hangups, time.Duration) (acceptor, error) {
	return nil, errors.ErrUnsupported
}

func tuneListening(string, string, syscall.RawConn) error { return nil }
