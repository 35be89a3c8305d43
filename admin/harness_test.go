package admin_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/admin"
)

// site is a server that a test visits over TCP, or over pipes in a synctest
// bubble.
type site struct {
	t      *testing.T
	server *admin.Server
	dial   func() (net.Conn, error)
	served chan error // what Serve returned
}

func serveTCP(t *testing.T, opts admin.Options) *site {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	return serve(t, opts, ln, func() (net.Conn, error) { return net.Dial("tcp", addr) })
}

func servePipes(t *testing.T, opts admin.Options) *site {
	t.Helper()
	ln := &pipeListener{accepts: make(chan accepted), closed: make(chan struct{})}
	return serve(t, opts, ln, ln.dial)
}

func serve(t *testing.T, opts admin.Options, ln net.Listener, dial func() (net.Conn, error)) *site {
	s := &site{t: t, server: admin.New(opts), dial: dial, served: make(chan error, 1)}
	go func() { s.served <- s.server.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.server.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return s
}

// connect returns a connection over which head was sent.
func (s *site) connect(head string) net.Conn {
	s.t.Helper()
	conn, err := s.dial()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, head); err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// answer is a response and its body.
type answer struct {
	*http.Response
	body string
}

// request sends one request over a connection of its own.
func (s *site) request(method, target string) answer {
	s.t.Helper()
	conn := s.connect(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
	defer conn.Close()
	return readAnswer(s.t, bufio.NewReader(conn), method)
}

func readAnswer(t *testing.T, r *bufio.Reader, method string) answer {
	t.Helper()
	response, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body strings.Builder
	if _, err := io.Copy(&body, response.Body); err != nil {
		t.Fatal(err)
	}
	return answer{response, body.String()}
}

// awaitEnd reads until the server closes conn, and returns how long that took.
func awaitEnd(conn net.Conn) time.Duration {
	start := time.Now()
	_, _ = io.Copy(io.Discard, conn)
	return time.Since(start)
}

// pipeListener accepts pipes that dial makes, and what errors fail brings.
type pipeListener struct {
	accepts chan accepted
	closed  chan struct{}
}

type accepted struct {
	conn net.Conn
	err  error
}

func (l *pipeListener) dial() (net.Conn, error) {
	client, server := net.Pipe()
	return client, l.offer(accepted{conn: server})
}

func (l *pipeListener) offer(a accepted) error {
	select {
	case l.accepts <- a:
		return nil
	case <-l.closed:
		return errors.New("connection refused")
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case a := <-l.accepts:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }
