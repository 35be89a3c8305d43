//go:build !linux || !(amd64 || arm64)

package server

import (
	"errors"
	"net"
	"time"
)

// hangups is nothing where there is only the portable transport.
type hangups struct{}

func newHangups() (*hangups, error) { return nil, errors.ErrUnsupported }

func (*hangups) alive() {}
func (*hangups) close() {}

func newSocketAcceptor(*net.TCPListener, *hangups, time.Duration, socketOptions) (acceptor, error) {
	return nil, errors.ErrUnsupported
}
