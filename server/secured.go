package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// A secured is the transport of TLS, over another that carries its records. Before the handshake and after closeWrite
// it is that other one.
//
// Records are pushed as input is: each piece from below is handed to the tls.Conn, which is asked for messages until it
// has no whole record left. So it needs no buffer while it waits, and whatever the transport below does for sending in
// slices holds for records too: to the tls.Conn a write either succeeds or is the last, as it has to be.
type secured struct {
	transport // below
	config    *tls.Config
	turns     turns // shared by all

	// Static once the handshake is over.
	tls    *tls.Conn // nil: it has not begun
	shaken bool      // it went well
	below  error     // what ended it below TLS; nil: nothing

	// Owned by the one who receives.
	in      []byte // from below, for the tls.Conn
	began   bool   // something has come
	ended   bool   // the client's side has ended, below
	closing bool   // ours has, and what comes is thrown away
	r       receiver
	err     error
}

// turns are for the work of handshakes, which is a thousand times that of a message: a storm of new clients would keep those who
// are there waiting. There is a turn for each processor but one, which looks meanwhile at who else has sent something: while all are
// busy, Go does so each 10 ms only. Whoever waits for the client has no turn.
type turns chan struct{}

func (t turns) take()     { t <- struct{}{} }
func (t turns) giveBack() { <-t }

// errNoRecord says that more has to come until there is a message. To a tls.Conn it is as a timeout, after which it
// goes on where it was.
var errNoRecord net.Error = noRecord{}

type noRecord struct{}

func (noRecord) Error() string   { return "no whole record" }
func (noRecord) Timeout() bool   { return true }
func (noRecord) Temporary() bool { return true }

// A tlsError is why TLS with a client failed.
type tlsError struct{ error }

func (e tlsError) Unwrap() error { return e.error }

// handshake makes TLS of what was plain. wait gives a receiver what the client sends until it has enough. Nothing is made for a
// client before it has sent something: one who stalls there is half as dear.
func (s *secured) handshake(local, remote net.Addr, wait func(receiver) error) error {
	if err := s.await(wait); err != nil {
		return err
	}
	s.turns.take()
	defer s.turns.giveBack()
	s.tls = tls.Server(records{s, local, remote, wait}, s.config)
	if err := s.tls.Handshake(); err != nil {
		return err
	}
	s.shaken = true
	return nil
}

func (s *secured) receive(r receiver) error {
	if !s.shaken || s.closing {
		return s.transport.receive(r)
	}
	s.r, s.err = r, nil
	if !s.decrypt() { // What has come along with the handshake, or with a message at which r stopped.
		return s.err
	}
	err := s.transport.receive(s)
	switch {
	case err == nil:
		return s.err
	case errors.Is(err, io.EOF):
		s.ended = true
		s.decrypt()
		return s.err
	}
	return err
}

// take takes a piece of records.
func (s *secured) take(piece []byte) bool {
	s.in = piece
	if s.decrypt() {
		return true
	}
	s.in = bytes.Clone(s.in)
	return false
}

// decrypt hands on all messages of the records that are here. It is false when the receiver wants no more, or there
// will be no more; then err says so.
func (s *secured) decrypt() bool {
	for {
		b := inputBuffers.get()
		n, err := s.tls.Read(*b)
		more := n == 0 || s.r.take((*b)[:n])
		inputBuffers.put(b) // Not after a panic in take: who knows who still looks into it.
		switch {
		case !more:
			return false // An error comes again.
		case err == nil:
		case errors.Is(err, errNoRecord):
			return true
		case errors.Is(err, io.EOF): // As its side was ended in TLS, or only below.
			s.err = io.EOF
			return false
		default:
			s.err = tlsError{err}
			return false
		}
	}
}

func (s *secured) send(b []byte) (int, error) { return s.tls.Write(b) }

func (s *secured) sendNow([]byte) int { return 0 }

func (s *secured) closeWrite() {
	s.halfClose()
	s.closing = true
}

// halfClose ends our side, and goes on with the client's.
func (s *secured) halfClose() {
	if s.shaken {
		_ = s.tls.CloseWrite() // Says so in TLS.
	}
	s.transport.closeWrite()
}

func (s *secured) close() {
	if s.shaken {
		_ = s.tls.CloseWrite()
	}
	s.transport.close()
}

// records is what the tls.Conn takes for its connection. Deadlines are not its business: those of receiving are set
// below, and sending has its own there.
type records struct {
	*secured
	local, remote net.Addr
	wait          func(receiver) error
}

// await waits for a piece of the handshake, or for the end of the client's side.
func (s *secured) await(wait func(receiver) error) error {
	for len(s.in) == 0 {
		if s.ended {
			return io.EOF
		}
		if err := wait(keeper{s}); errors.Is(err, io.EOF) {
			s.ended = true
		} else if err != nil {
			s.below = err
			return err
		}
	}
	return nil
}

// awaitOutOfTurn waits for input, and lets another handshake work meanwhile.
func (r records) awaitOutOfTurn() error {
	r.turns.giveBack()
	defer r.turns.take()
	return r.await(r.wait)
}

// Read returns what has come. It waits for more as long as the handshake lasts, and returns errNoRecord later.
func (r records) Read(b []byte) (int, error) {
	s := r.secured
	if len(s.in) == 0 {
		switch {
		case s.ended:
			return 0, io.EOF
		case s.shaken:
			return 0, errNoRecord
		}
		if err := r.awaitOutOfTurn(); err != nil {
			return 0, err
		}
	}
	s.began = true
	n := copy(b, s.in)
	s.in = s.in[n:]
	return n, nil
}

func (r records) Write(b []byte) (int, error) {
	if r.shaken {
		return r.transport.send(b)
	}
	r.turns.giveBack() // It may have to wait, for a client who does not read.
	defer r.turns.take()
	n, err := r.transport.send(b)
	if err != nil {
		r.below = err
	}
	return n, err
}

func (r records) Close() error                     { return nil }
func (r records) LocalAddr() net.Addr              { return r.local }
func (r records) RemoteAddr() net.Addr             { return r.remote }
func (r records) SetDeadline(time.Time) error      { return nil }
func (r records) SetReadDeadline(time.Time) error  { return nil }
func (r records) SetWriteDeadline(time.Time) error { return nil }

// A keeper keeps one piece.
type keeper struct{ s *secured }

func (k keeper) take(piece []byte) bool {
	k.s.in = bytes.Clone(piece)
	return false
}

// secure does the TLS handshake, and notes what was agreed upon.
func (c *conn) secure(s *secured) error {
	err := s.handshake(c.local, c.RemoteAddr(), c.receives)
	if err != nil {
		return c.insecure(s, err)
	}
	state := s.tls.ConnectionState()
	f := c.learn()
	f.tls = strings.TrimPrefix(tls.VersionName(state.Version), "TLS ")
	f.sni, f.alpn = start(state.ServerName), start(state.NegotiatedProtocol)
	if len(state.PeerCertificates) > 0 {
		f.clientCN = start(state.PeerCertificates[0].Subject.CommonName)
	}
	return nil
}

// insecure makes an error that tells the causes apart of what a handshake has returned.
func (c *conn) insecure(s *secured, err error) error {
	var header tls.RecordHeaderError
	switch {
	case s.below != nil:
		return s.below
	case s.ended && !s.began: // As a load balancer checks whether there is anybody.
		c.eof = true
		return &ending{reason: ClientClosed}
	case s.ended:
		c.eof = true
		return tlsError{errors.New("the client left in the handshake")}
	case errors.As(err, &header) && header.Conn != nil: // It is the first record.
		return tlsError{notTLS(header.RecordHeader[:])}
	}
	return tlsError{err}
}

// notTLS is an error that says what a client speaks whose first bytes are these.
func notTLS(first []byte) error {
	for _, method := range []string{"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "CONNECT ", "OPTIONS ", "TRACE ", "PATCH ", "PRI "} {
		if begins(first, []byte(method)) {
			return errors.New("the client sent HTTP to a TLS listener")
		}
	}
	for _, b := range first {
		if b > '~' || b < ' ' && b != '\r' && b != '\n' && b != '\t' {
			return fmt.Errorf("the client sent what is no TLS: %q", first)
		}
	}
	return fmt.Errorf("the client sent plain text to a TLS listener: %q", first)
}
