package server

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// set sets the options on a TCP connection, or on a listening socket for all its connections from then on (tcp(7), socket(7)).
//
// What is held for a client who does not read is bounded by TCP_NOTSENT_LOWAT and not by SO_SNDBUF: that would bound also what
// is on its way to one who does, and make bulk cost nearly twice as much.
func (o socketOptions) set(fd int) error {
	options := []struct{ level, name, value int }{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(keepAlive.Idle / time.Second)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keepAlive.Interval / time.Second)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAlive.Count},
		{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(o.userTimeout.Milliseconds())},
	}
	if o.sendBuffer > 0 {
		options = append(options, struct{ level, name, value int }{unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, o.sendBuffer})
	}
	if o.receiveBuffer > 0 {
		options = append(options, struct{ level, name, value int }{unix.SOL_SOCKET, unix.SO_RCVBUF, o.receiveBuffer})
	}
	for _, option := range options {
		if err := unix.SetsockoptInt(fd, option.level, option.name, option.value); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}

// setListening sets the options on a listening socket: of the receive buffer, what the client is told when it connects
// depends on that.
func (o socketOptions) setListening(socket net.Listener) error {
	tcp, ok := socket.(*net.TCPListener)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	return control(raw, o.set)
}

func (o socketOptions) applyTCP(tcp *net.TCPConn) {
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = control(raw, o.set)
	}
}

// control calls f with the descriptor of a socket.
func control(raw syscall.RawConn, f func(fd int) error) error {
	var err error
	controlErr := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(controlErr, err)
}
