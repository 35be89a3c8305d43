//go:build unix

package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"parley/protocol"
)

// A client converses with a daemon on the text wire. What it waits for is to come within patience.
type client struct {
	net.Conn
	in *bufio.Reader
}

// connect connects to HOST:PORT or to the path of a unix socket.
func connect(address string) (*client, error) {
	network := "tcp"
	if !strings.Contains(address, ":") {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReader(conn)}, nil
}

// dial is connect in a test, at the end of which the connection is closed.
func dial(t testing.TB, address string) *client {
	t.Helper()
	c, err := connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// send sends text as it is.
func (c *client) send(text string) error {
	c.SetWriteDeadline(time.Now().Add(patience))
	_, err := io.WriteString(c, text)
	return err
}

// line returns the next line without its newline.
func (c *client) line() (string, error) {
	c.SetReadDeadline(time.Now().Add(patience))
	line, err := c.in.ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = fmt.Errorf("%q ends without a newline: %w", line, io.ErrUnexpectedEOF)
	}
	return strings.TrimSuffix(line, "\n"), err
}

// greeting reads the greeting.
func (c *client) greeting() (protocol.Greeting, error) {
	line, err := c.line()
	if err != nil {
		return protocol.Greeting{}, err
	}
	return protocol.ParseGreeting([]byte(line))
}

// echo sends a line and reads its echo.
func (c *client) echo(text string) error {
	if err := c.send(text + "\n"); err != nil {
		return err
	}
	return c.wants("ECHO: " + text)
}

// wants reads a line, which is to be this one.
func (c *client) wants(want string) error {
	got, err := c.line()
	if err == nil && got != want {
		err = fmt.Errorf("got %q, want %q", got, want)
	}
	return err
}

// matches reads a line, which is to match the pattern.
func (c *client) matches(pattern string) error {
	got, err := c.line()
	if err == nil && !regexp.MustCompile(pattern).MatchString(got) {
		err = fmt.Errorf("got %q, which does not match %s", got, pattern)
	}
	return err
}

// ends reads the end of the server's side.
func (c *client) ends() error {
	switch got, err := c.line(); {
	case err == nil:
		return fmt.Errorf("got %q, want the end", got)
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("want the end: %w", err)
	}
	return nil
}

// halfClose ends the client's side.
func (c *client) halfClose() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// reset closes the connection the hard way.
func (c *client) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
