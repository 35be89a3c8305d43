package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"parley/handler"
	"parley/protocol"
)

// ListenerConfig says how the connections of a listener are served.
type ListenerConfig struct {
	Label       string          // what it is called in metrics and log lines, such as echo://:12000
	HandlerName string          // what its handler is called in the greeting, in metrics and log lines
	Handler     handler.Handler // who answers
	Wire        protocol.Wire   // how greeting, messages and errors are written; nil: text
	WireName    string          // what that is called in the roster; empty: left out
	Greeting    bool            // tell each client its ID first
	Flush       time.Duration   // how long a client that has never sent a newline stays quiet until that ends its message; 0: for ever
	Limits      Limits
	TLS         *tls.Config    // clients speak TLS; nil: they don't
	Proxied     bool           // each connection begins with a header of the PROXY protocol, which names the client
	Proxies     []netip.Prefix // whose headers are believed, besides those of a unix socket's peers; anybody else is shut out
	Faults      Faults         // how connections misbehave on request; a Seed of 0 is replaced by one that NewListener chooses
}

// A Listener is one configured listener. It may serve several sockets, as a port range does.
type Listener struct {
	// Static after construction.
	ListenerConfig
	srv        *Server
	limiter    *rate.Limiter // nil: none
	handshakes bool          // a connection has something to do before its conversation
	faulty     *misbehaviour // nil: none misbehaves

	connections atomic.Uint64 // that might have; counted only where some do

	warned [numReasons]*throttle // of lines about connections that were turned away or failed in their handshake

	// Guarded by Server.mu.
	quota quota
	tally *tally // shared by listeners of the same label
}

// NewListener adds a listener to the server. All its metrics exist from now on.
func (s *Server) NewListener(c ListenerConfig) *Listener {
	if c.Wire == nil {
		c.Wire = protocol.Text{}
	}
	faults := newMisbehaviour(&c.Faults)
	l := &Listener{
		ListenerConfig: c,
		faulty:         faults,
		srv:            s,
		handshakes:     c.Proxied || c.TLS != nil,
		limiter:        s.limiter,
		quota:          quota{max: c.Limits.MaxConns, maxPerIP: c.Limits.MaxConnsPerIP},
	}
	for reason := range l.warned {
		l.warned[reason] = newThrottle(1, 1, nil)
	}
	if own := newLimiter(c.Limits.AcceptRate); own != nil {
		l.limiter = own
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l.tally = s.tallyOf(c.Label, c.HandlerName)
	return l
}

// The pause after a failed accept, doubled from the first to the longest: without one a core spins while there are no more
// files to be had, and with a longer one clients would wait for longer than a second after there are.
const (
	firstAcceptPause   = 5 * time.Millisecond
	longestAcceptPause = time.Second
)

// Serve takes socket over and accepts connections from it until Shutdown; then it returns ErrServerClosed, and the socket is
// closed. Nothing else ends it but that the socket was closed before: every other error is logged, and accepting goes
// on after a pause.
//
// A socket that another process has open too, as one that was handed over by a service manager, is not shut down by that: who
// has connected and was not accepted waits for whoever accepts next.
func (l *Listener) Serve(socket net.Listener) error {
	defer socket.Close()
	in := l.acceptor(socket)
	defer in.Close()
	if !l.srv.track(in) {
		return ErrServerClosed
	}
	defer l.srv.untrack(in)
	var pause time.Duration
	for {
		arrived, err := in.accept()
		if err == nil {
			pause = 0
			if l.limiter != nil {
				// After Accept, so that a socket on which nobody connects takes no turn from the others. One connection waits
				// here, the rest in the system's queue. Shutdown ends the wait.
				_ = l.limiter.Wait(l.srv.accepting)
			}
			l.srv.admit(l, arrived)
			continue
		}
		if l.srv.accepting.Err() != nil {
			return ErrServerClosed
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		pause = min(max(2*pause, firstAcceptPause), longestAcceptPause)
		l.acceptFailed(err, pause)
		if !sleep(l.srv.accepting, pause) {
			return ErrServerClosed
		}
	}
}

func (l *Listener) acceptFailed(err error, pause time.Duration) {
	l.srv.mu.Lock()
	l.tally.acceptErrors++
	failed := l.tally.acceptErrors
	l.srv.mu.Unlock()
	if l.srv.acceptErrors.allows() {
		l.srv.log.Error("cannot accept connections, trying again", zap.String("listener", l.Label), zap.Error(err),
			zap.Duration("pause", pause), zap.Uint64("errors", failed))
	}
}

// sleep waits for d; it is false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// track notes a socket that Shutdown has to close; it is false when that has happened already. With the first one the books
// are opened.
func (s *Server) track(socket acceptor) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.loops.Add(1)
	if !s.booked {
		s.booked = true
		go s.keepBooks()
	}
	s.sockets[socket] = struct{}{}
	return true
}

func (s *Server) untrack(socket acceptor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets, socket)
	s.loops.Done()
}
