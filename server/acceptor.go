package server

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"go.uber.org/zap"
)

// An acceptor brings in the connections of one socket.
type acceptor interface {
	// accept waits for the next connection. An error says nothing about the one after.
	accept() (arrival, error)
	// Close ends accepting, also an accept that is under way.
	io.Closer
}

// An arrival is a connection that was just accepted.
type arrival struct {
	t      transport
	from   netip.AddrPort // the client; IPv4 as such
	remote net.Addr       // the client where it has no IP address
	local  net.Addr       // what the client reached; nil when the system can't tell
}

// acceptor takes a socket over. It is the one place that chooses the transport.
func (l *Listener) acceptor(socket net.Listener) acceptor {
	timeout, options := l.Limits.WriteTimeout, l.Limits.socketOptions()
	if tcp, ok := socket.(*net.TCPListener); ok && !l.srv.portable {
		a, err := l.srv.socketAcceptor(tcp, timeout, options)
		if err == nil {
			return a
		}
		if !slices.ContainsFunc([]error{errors.ErrUnsupported, ErrServerClosed, net.ErrClosed}, func(e error) bool { return errors.Is(err, e) }) {
			l.srv.log.Warn("serving by the portable transport", zap.String("listener", l.Label), zap.Error(err))
		}
	}
	if err := options.setListening(socket); err != nil {
		l.srv.log.Warn("some options are not set on the socket", zap.String("listener", l.Label), zap.Error(err))
	}
	return streamAcceptor{socket, timeout, options}
}

// socketAcceptor returns what accepts for the fast transport. The first one brings about the watcher that all share.
func (s *Server) socketAcceptor(socket *net.TCPListener, writeTimeout time.Duration, o socketOptions) (acceptor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return nil, ErrServerClosed
	}
	if s.hangups == nil {
		h, err := newHangups()
		if err != nil {
			return nil, err
		}
		s.hangups = h
	}
	return newSocketAcceptor(socket, s.hangups, writeTimeout, o)
}

// A streamAcceptor accepts for the portable transport.
type streamAcceptor struct {
	net.Listener
	writeTimeout time.Duration
	options      socketOptions
}

func (a streamAcceptor) accept() (arrival, error) {
	nc, err := a.Accept()
	if err != nil {
		return arrival{}, err
	}
	a.options.apply(nc)
	arrived := arrival{t: newStream(nc, a.writeTimeout), remote: nc.RemoteAddr(), local: nc.LocalAddr()}
	if tcp, ok := arrived.remote.(*net.TCPAddr); ok {
		from := tcp.AddrPort()
		arrived.from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	}
	return arrived, nil
}
