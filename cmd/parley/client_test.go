//go:build unix

package main_test

import (
	"bufio"
	"net"
	"testing"

	"parley/faults/daemontest"
	"parley/protocol"
)

// A client converses with a daemon on the text wire. What it waits for is to come within patience.
type client struct {
	net.Conn
	in *bufio.Reader
}

// connect connects to HOST:PORT or to the path of a unix socket.
func connect(address string) (*client, error) {
	c, err := daemontest.Connect(address)
	if err != nil {
		return nil, err
	}
	return &client{c.Conn, c.In}, nil
}

// dial is connect in a test, at the end of which the connection is closed.
func dial(t testing.TB, address string) *client {
	t.Helper()
	c := daemontest.Dial(t, address)
	return &client{c.Conn, c.In}
}

// outer is the client as package daemontest knows it.
func (c *client) outer() *daemontest.Client { return &daemontest.Client{Conn: c.Conn, In: c.in} }

// send sends text as it is.
func (c *client) send(text string) error { return c.outer().Send(text) }

// line returns the next line without its newline.
func (c *client) line() (string, error) { return c.outer().Line() }

// greeting reads the greeting.
func (c *client) greeting() (protocol.Greeting, error) { return c.outer().Greeting() }

// echo sends a line and reads its echo.
func (c *client) echo(text string) error { return c.outer().Echo(text) }

// wants reads a line, which is to be this one.
func (c *client) wants(want string) error { return c.outer().Wants(want) }

// matches reads a line, which is to match the pattern.
func (c *client) matches(pattern string) error { return c.outer().Matches(pattern) }

// ends reads the end of the server's side.
func (c *client) ends() error { return c.outer().Ends() }

// halfClose ends the client's side.
func (c *client) halfClose() error { return c.outer().HalfClose() }

// reset closes the connection the hard way.
func (c *client) reset() { c.outer().Reset() }
