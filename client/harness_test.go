package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"parley/client"
	"parley/protocol"
)

// patience bounds what is to happen at once, on a machine that is busy with other tests.
const patience = 30 * time.Second

// serve runs f on each connection to the address that it returns, until the test ends. Then the connections are closed, which ends
// an f that waits for its client.
func serve(t testing.TB, f func(*net.TCPConn)) client.Address {
	t.Helper()
	return serveOn(t, "127.0.0.1:0", f)
}

func serveOn(t testing.TB, address string, f func(*net.TCPConn)) client.Address {
	t.Helper()
	socket, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
	)
	wg.Go(func() {
		for {
			nc, err := socket.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, nc)
			mu.Unlock()
			wg.Go(func() {
				defer nc.Close()
				f(nc.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		socket.Close()
		mu.Lock()
		for _, nc := range conns {
			nc.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return parse(t, socket.Addr().String())
}

func parse(t testing.TB, address string) client.Address {
	t.Helper()
	a, err := client.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// closedPort is an address where nothing listens.
func closedPort(t testing.TB) client.Address {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket.Close()
	return parse(t, socket.Addr().String())
}

// says returns a server that says something and then waits for its client's end.
func says(text string) func(*net.TCPConn) {
	return func(nc *net.TCPConn) {
		_, _ = io.WriteString(nc, text)
		_, _ = io.Copy(io.Discard, nc)
	}
}

// saysAndCloses returns a server that says something, and that was all.
func saysAndCloses(text string) func(*net.TCPConn) {
	return func(nc *net.TCPConn) {
		_, _ = io.WriteString(nc, text)
		_ = nc.CloseWrite()
		_, _ = io.Copy(io.Discard, nc)
	}
}

// reset cuts a connection off.
func reset(nc *net.TCPConn) {
	_ = nc.SetLinger(0)
	_ = nc.Close()
}

const hello = "HELLO clientid=7 name=lab handler=echo\n"

// patiently returns a dialer that waits for a greeting however busy the machine is.
func patiently(d client.Dialer) client.Dialer {
	if d.Silence == 0 {
		d.Silence = patience
	}
	if d.Timeouts == (client.Timings{}) {
		d.Timeouts = client.Timings{DNS: patience, Connect: patience, Greeting: patience}
	}
	return d
}

// dial dials patiently, which is to work, and closes the connection at the test's end.
func dial(t testing.TB, d client.Dialer, a client.Address) *client.Conn {
	t.Helper()
	d = patiently(d)
	conn, err := d.Dial(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// receive receives a message, which is to come.
func receive(t testing.TB, c *client.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	msg, err := c.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return c.Text(msg)
}

// receiveAll receives messages up to the server's end.
func receiveAll(t testing.TB, c *client.Conn) (all []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		msg, err := c.Receive(ctx)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c.Text(msg))
	}
}

// A tape is a connection on which a server says what is on it, piece by piece, and then ends its side.
type tape struct {
	net.Conn // nil: of its methods those below are all that is called
	pieces   [][]byte
}

func (c *tape) Read(p []byte) (int, error) {
	for len(c.pieces) > 0 && len(c.pieces[0]) == 0 {
		c.pieces = c.pieces[1:]
	}
	if len(c.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.pieces[0])
	c.pieces[0] = c.pieces[0][n:]
	return n, nil
}

func (*tape) Write(p []byte) (int, error)      { return len(p), nil }
func (*tape) Close() error                     { return nil }
func (*tape) CloseWrite() error                { return nil }
func (*tape) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*tape) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*tape) SetReadDeadline(time.Time) error  { return nil }
func (*tape) SetWriteDeadline(time.Time) error { return nil }

var greeting = protocol.Greeting{ClientID: 7, You: "127.0.0.1:1", Me: "127.0.0.1:2", Name: "lab", Handler: "echo"}
