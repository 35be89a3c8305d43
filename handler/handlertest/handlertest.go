package handlertest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"parley/handler"
	"parley/protocol"
	"parley/server"
)

// patience is how long a test waits for what should come at once.
const patience = 10 * time.Second

// buffered is how many pieces of what the server sends wait for the test to expect them, as in a socket's buffers. A
// handler that sends without end waits then, as it does for a client that does not read.
const buffered = 1024

// As the daemon has them without configuration. Its other limits depend on time.
const (
	maxMessage = 8 << 10
	flush      = 200 * time.Millisecond
)

// An Option changes how the handler is served.
type Option func(*server.Config, *server.ListenerConfig)

// Wire serves on another wire than text. On raw there is no greeting.
func Wire(w protocol.Wire) Option {
	return func(_ *server.Config, l *server.ListenerConfig) {
		_, raw := w.(protocol.Raw)
		l.Wire, l.Greeting = w, !raw
	}
}

// Limits serves with other limits than the daemon's.
func Limits(limits server.Limits) Option {
	return func(_ *server.Config, l *server.ListenerConfig) { l.Limits = limits }
}

// Log writes what the server logs to log instead of the test's log.
func Log(log *zap.Logger) Option {
	return func(s *server.Config, _ *server.ListenerConfig) { s.Log = log }
}

// A Server serves a handler.
type Server struct {
	t        testing.TB
	srv      *server.Server
	network  *network
	wire     protocol.Wire
	greeting bool
}

// NewServer serves h until the test ends.
func NewServer(t testing.TB, h handler.Handler, options ...Option) *Server {
	t.Helper()
	config := server.Config{Log: zaptest.NewLogger(t)}
	listener := server.ListenerConfig{
		Label:       "test",
		HandlerName: "test",
		Handler:     h,
		Greeting:    true,
		Flush:       flush,
		Limits:      server.Limits{MaxMessage: maxMessage},
	}
	for _, o := range options {
		o(&config, &listener)
	}
	s := &Server{t: t, srv: server.New(config), network: newNetwork(), wire: listener.Wire, greeting: listener.Greeting}
	if s.wire == nil {
		s.wire = protocol.Text{}
	}
	l := s.srv.NewListener(listener)
	var served sync.WaitGroup
	served.Go(func() { _ = l.Serve(s.network) })
	t.Cleanup(func() {
		if n := s.drain(); n > 0 {
			t.Errorf("%d conversation(s) went on although the client had left", n)
		}
		served.Wait()
	})
	return s
}

// Drain ends the server as a signal does the daemon, and waits until the conversations have ended.
func (s *Server) Drain() {
	s.t.Helper()
	if n := s.drain(); n > 0 {
		s.t.Errorf("%d conversation(s) went on although the server drained", n)
	}
}

// drain returns how many conversations went on; a second call, none.
func (s *Server) drain() int {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.srv.Shutdown(ctx).Cut
}

// Finished waits for the report of a handler that has finished its work.
func (s *Server) Finished() []string {
	s.t.Helper()
	select {
	case f := <-s.srv.Finished():
		return f.Report
	case <-time.After(patience):
		s.t.Fatal("the handler has not finished")
		return nil
	}
}

// Dial connects a client, and reads the greeting where there is one.
func (s *Server) Dial() *Client {
	s.t.Helper()
	c := &Client{t: s.t, conn: s.network.dial(), wire: s.wire, received: make(chan string, buffered)}
	go c.read()
	s.t.Cleanup(c.leave) // It runs before what NewServer left to be done.
	if s.greeting {
		c.greet()
	}
	return c
}

// Dial serves h as NewServer does, and connects a client.
func Dial(t testing.TB, h handler.Handler, options ...Option) *Client {
	t.Helper()
	return NewServer(t, h, options...).Dial()
}

// A Client is one client of a Server. Its methods end the test when the conversation goes another way than they say; only the
// test's own goroutine may call them.
type Client struct {
	t        testing.TB
	conn     *conn
	wire     protocol.Wire
	received chan string // closed when the server has ended its side
	got      string      // what was received and not yet expected
	greeting protocol.Greeting
}

// read takes what the server sends before the test expects it.
func (c *Client) read() {
	defer close(c.received)
	piece := make([]byte, 4<<10)
	for {
		n, err := c.conn.Read(piece)
		if err != nil {
			return
		}
		c.received <- string(piece[:n])
	}
}

// leave closes the connection and waits for read to end.
func (c *Client) leave() {
	_ = c.conn.Close()
	for range c.received {
	}
}

// What receive returns when nothing was received.
const (
	ended  = ", then the end"
	silent = ", then nothing"
)

// receive waits for more of what the server sends.
func (c *Client) receive() string {
	select {
	case piece, ok := <-c.received:
		if !ok {
			return ended
		}
		c.got += piece
		return ""
	case <-time.After(patience):
		return silent
	}
}

func (c *Client) greet() {
	c.t.Helper()
	got, after := c.message()
	g, err := c.wire.ParseGreeting([]byte(got))
	if err != nil {
		c.t.Fatalf("got %q%s: %v", got, after, err)
	}
	c.greeting = g
}

// message waits for a message and takes it from what was received. When none comes it returns what was received, and what
// came instead of more.
func (c *Client) message() (msg, after string) {
	decoder := c.wire.NewDecoder(0)
	for n := 0; ; n++ {
		for n == len(c.got) {
			if after = c.receive(); after != "" {
				return c.got, after
			}
		}
		// Byte by byte, to find its end.
		decoder.Feed([]byte{c.got[n]})
		if msg, ok, err := decoder.Next(); ok || err != nil {
			c.got = c.got[n+1:]
			c.skipNewline(msg)
			return string(msg), ""
		}
	}
}

// skipNewline takes the newline that is written behind a JSON object, which ends without.
func (c *Client) skipNewline(msg []byte) {
	if _, ok := c.wire.(protocol.JSON); !ok || len(msg) == 0 || msg[0] != '{' && msg[0] != '[' {
		return
	}
	if c.got == "" {
		c.receive()
	}
	c.got = strings.TrimPrefix(c.got, "\n")
}

// Greeting is what the client was told when it came.
func (c *Client) Greeting() protocol.Greeting { return c.greeting }

// Send sends text as it is: on the text wire a line has its newline.
func (c *Client) Send(text string) {
	c.t.Helper()
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.conn.Write([]byte(text)); err != nil {
		c.t.Fatalf("sending %q: %v", text, err)
	}
}

// Expect waits for the server to send want, byte for byte and newline included.
func (c *Client) Expect(want string) {
	c.t.Helper()
	after := ""
	for after == "" && len(c.got) < len(want) && strings.HasPrefix(want, c.got) {
		after = c.receive()
	}
	rest, ok := strings.CutPrefix(c.got, want)
	if !ok {
		c.t.Fatalf("got %q%s; want %q", c.got, after, want)
	}
	c.got = rest
}

// Message waits for a message and returns what it says.
func (c *Client) Message() string {
	c.t.Helper()
	msg, after := c.message()
	if after != "" {
		c.t.Fatalf("got %q%s; want a message", msg, after)
	}
	return c.wire.Text([]byte(msg))
}

// CloseWrite ends the client's side. The server may still answer.
func (c *Client) CloseWrite() { _ = c.conn.CloseWrite() }

// ExpectEnd waits for the server to end its side without another word.
func (c *Client) ExpectEnd() {
	c.t.Helper()
	after := ""
	for after == "" && c.got == "" {
		after = c.receive()
	}
	if after != ended {
		c.t.Fatalf("got %q%s; want the end", c.got, after)
	}
}
