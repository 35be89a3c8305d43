package handlertest

import (
	"net"
	"sync"
	"time"
)

// The documentation's addresses (RFC 5737), so that nothing in a test depends on the machine.
var (
	serverAddr = net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 12000}
	clientAddr = net.TCPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 50000}
)

// A network is a net.Listener that its clients dial in memory.
type network struct {
	dialed chan *conn
	closed chan struct{}
	close  sync.Once
	last   int // the last client's port, above clientAddr's
}

func newNetwork() *network {
	return &network{dialed: make(chan *conn), closed: make(chan struct{})}
}

// dial returns the client's end of a connection that the server has accepted.
func (n *network) dial() *conn {
	n.last++
	from := clientAddr
	from.Port += n.last
	toServer, fromClient := net.Pipe()
	toClient, fromServer := net.Pipe()
	n.dialed <- &conn{Conn: fromClient, out: toClient, local: &serverAddr, remote: &from}
	return &conn{Conn: fromServer, out: toServer, local: &from, remote: &serverAddr}
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.dialed:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error {
	n.close.Do(func() { close(n.closed) })
	return nil
}

func (n *network) Addr() net.Addr { return &serverAddr }

// A conn is one end of a connection. It is made of two pipes, one for each direction, so that either can end before the
// other. What a pipe has been written is read by the time that Write returns.
type conn struct {
	net.Conn          // what comes in
	out      net.Conn // what goes out
	local    net.Addr
	remote   net.Addr
}

func (c *conn) Write(b []byte) (int, error) { return c.out.Write(b) }
func (c *conn) CloseWrite() error           { return c.out.Close() }
func (c *conn) LocalAddr() net.Addr         { return c.local }
func (c *conn) RemoteAddr() net.Addr        { return c.remote }

func (c *conn) Close() error {
	_ = c.out.Close()
	return c.Conn.Close()
}

func (c *conn) SetDeadline(t time.Time) error {
	_ = c.out.SetWriteDeadline(t)
	return c.Conn.SetReadDeadline(t)
}

func (c *conn) SetWriteDeadline(t time.Time) error { return c.out.SetWriteDeadline(t) }
