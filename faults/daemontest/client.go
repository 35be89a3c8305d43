//go:build unix

package daemontest

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

// A Client converses with a daemon on the text wire. What it waits for is to come within Patience.
type Client struct {
	net.Conn
	In *bufio.Reader
}

// Connect connects to HOST:PORT or to the path of a unix socket.
func Connect(address string) (*Client, error) {
	network := "tcp"
	if !strings.Contains(address, ":") {
		network = "unix"
	}
	conn, err := net.DialTimeout(network, address, Patience)
	if err != nil {
		return nil, err
	}
	return NewClient(conn), nil
}

// NewClient converses over a connection that there is already.
func NewClient(conn net.Conn) *Client { return &Client{conn, bufio.NewReader(conn)} }

// Dial is Connect in a test, at the end of which the connection is closed.
func Dial(t testing.TB, address string) *Client {
	t.Helper()
	c, err := Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Send sends text as it is.
func (c *Client) Send(text string) error {
	c.SetWriteDeadline(time.Now().Add(Patience))
	_, err := io.WriteString(c, text)
	return err
}

// Line returns the next line without its newline.
func (c *Client) Line() (string, error) {
	c.SetReadDeadline(time.Now().Add(Patience))
	line, err := c.In.ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = fmt.Errorf("%q ends without a newline: %w", line, io.ErrUnexpectedEOF)
	}
	return strings.TrimSuffix(line, "\n"), err
}

// Greeting reads the greeting.
func (c *Client) Greeting() (protocol.Greeting, error) {
	line, err := c.Line()
	if err != nil {
		return protocol.Greeting{}, err
	}
	return protocol.ParseGreeting([]byte(line))
}

// Echo sends a line and reads its echo.
func (c *Client) Echo(text string) error {
	if err := c.Send(text + "\n"); err != nil {
		return err
	}
	return c.Wants("ECHO: " + text)
}

// Wants reads a line, which is to be this one.
func (c *Client) Wants(want string) error {
	got, err := c.Line()
	if err == nil && got != want {
		err = fmt.Errorf("got %q, want %q", got, want)
	}
	return err
}

// Matches reads a line, which is to match the pattern.
func (c *Client) Matches(pattern string) error {
	got, err := c.Line()
	if err == nil && !regexp.MustCompile(pattern).MatchString(got) {
		err = fmt.Errorf("got %q, which does not match %s", got, pattern)
	}
	return err
}

// Ends reads the end of the server's side.
func (c *Client) Ends() error {
	switch got, err := c.Line(); {
	case err == nil:
		return fmt.Errorf("got %q, want the end", got)
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("want the end: %w", err)
	}
	return nil
}

// HalfClose ends the client's side.
func (c *Client) HalfClose() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// Reset closes the connection the hard way.
func (c *Client) Reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}
