package handler_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"parley/handler"
	"parley/handler/handlertest"
	"parley/protocol"
	"parley/server"
)

// patience is how long a test waits for what is to happen at once.
const patience = time.Minute

// onWires runs a test on each wire that a handler speaks.
func onWires(t *testing.T, name string, test func(t *testing.T, w protocol.Wire)) {
	t.Helper()
	t.Parallel()
	for wire, w := range protocol.Wires {
		if speaks(handler.Kinds[name], wire) {
			t.Run(wire, func(t *testing.T) {
				t.Parallel()
				test(t, w)
			})
		}
	}
}

// A talker is a client that sends and expects messages of its wire.
type talker struct {
	*handlertest.Client
	wire protocol.Wire
}

// says sends what says text, a message each.
func (c talker) says(texts ...string) {
	for _, text := range texts {
		c.Send(message(c.wire, text))
	}
}

// hears expects what says text, a message each.
func (c talker) hears(texts ...string) {
	for _, text := range texts {
		c.Expect(message(c.wire, text))
	}
}

// leaves ends the client's side, and expects nothing but the end of the server's.
func (c talker) leaves() {
	c.CloseWrite()
	c.ExpectEnd()
}

func message(w protocol.Wire, text string) string { return string(w.AppendText(nil, text)) }

// A watch keeps what a server logs.
type watch struct {
	t      testing.TB
	core   zapcore.Core
	logs   *observer.ObservedLogs
	closed chan string // the reason of each connection that has ended
}

func newWatch(t testing.TB) *watch {
	core, logs := observer.New(zap.DebugLevel)
	return &watch{t: t, core: core, logs: logs, closed: make(chan string, 100_000)}
}

// logger returns what a server is to log to.
func (w *watch) logger() *zap.Logger { return zap.New(w) }

// A watch is a zapcore.Core.

func (w *watch) Enabled(zapcore.Level) bool { return true }
func (w *watch) Sync() error                { return nil }

func (w *watch) With(fields []zapcore.Field) zapcore.Core {
	with := *w
	with.core = w.core.With(fields)
	return &with
}

func (w *watch) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return ce.AddCore(e, w)
}

func (w *watch) Write(e zapcore.Entry, fields []zapcore.Field) error {
	err := w.core.Write(e, fields)
	if e.Message == "connection closed" {
		for _, f := range fields {
			if f.Key == "reason" {
				w.closed <- f.String
			}
		}
	}
	return err
}

// ended waits until n connections have ended, and returns how many did for each reason.
func (w *watch) ended(n int) map[string]int {
	w.t.Helper()
	reasons := make(map[string]int)
	for range n {
		select {
		case reason := <-w.closed:
			reasons[reason]++
		case <-time.After(patience):
			w.t.Fatalf("not all of %d connections have ended: %v", n, reasons)
		}
	}
	return reasons
}

// wantEnded waits until one connection has ended, and wants it to be for reason.
func (w *watch) wantEnded(reason string) {
	w.t.Helper()
	if got := w.ended(1); got[reason] != 1 {
		w.t.Errorf("the connection ended for %v, want %s", got, reason)
	}
}

// lines returns the fields of all lines with a message.
func (w *watch) lines(message string) (lines []map[string]any) {
	for _, line := range w.logs.FilterMessage(message).All() {
		lines = append(lines, line.ContextMap())
	}
	return lines
}

// defaultLimits are those of the daemon.
var defaultLimits = server.Limits{
	MaxMessage:     8 << 10,
	MessageTimeout: 30 * time.Second,
	IdleTimeout:    5 * time.Minute,
	WriteTimeout:   10 * time.Second,
}

// A tcpServer serves a handler on loopback.
type tcpServer struct {
	*watch
	srv     *server.Server
	address string
}

// serveTCP serves h with the daemon's limits until the test ends.
func serveTCP(t testing.TB, h handler.Handler, w protocol.Wire) *tcpServer {
	t.Helper()
	return serveWith(t, h, w, defaultLimits, 0)
}

// serveWith is serveTCP with other limits and, unless it is 0, so much that the system takes of what a client does not read.
func serveWith(t testing.TB, h handler.Handler, w protocol.Wire, limits server.Limits, sendBuffer int) *tcpServer {
	t.Helper()
	watch := newWatch(t)
	s := &tcpServer{watch: watch, srv: server.New(server.Config{Log: watch.logger(), Portable: portable})}
	l := s.srv.NewListener(server.ListenerConfig{Handler: h, Wire: w, Flush: 200 * time.Millisecond, Limits: limits})
	sockets, err := server.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket := sockets[0]
	if sendBuffer != 0 {
		socket = buffered(t, socket, sendBuffer)
	}
	s.address = socket.Addr().String()
	var served sync.WaitGroup
	served.Go(func() { _ = l.Serve(socket) })
	t.Cleanup(func() {
		s.drain()
		served.Wait()
	})
	return s
}

// drain ends the server as a signal does the daemon.
func (s *tcpServer) drain() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if n := s.srv.Shutdown(ctx).Cut; n > 0 {
		s.t.Errorf("%d conversation(s) had to be cut", n)
	}
}

// A tcpClient converses in lines.
type tcpClient struct {
	*net.TCPConn
	in *bufio.Reader
}

// dial connects a client, which is closed when the test ends.
func (s *tcpServer) dial() *tcpClient {
	s.t.Helper()
	nc, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(patience))
	s.t.Cleanup(func() { nc.Close() })
	return &tcpClient{nc.(*net.TCPConn), bufio.NewReaderSize(nc, 64<<10)}
}

// send sends text as it is.
func (c *tcpClient) send(t testing.TB, text string) {
	t.Helper()
	if _, err := io.WriteString(c.TCPConn, text); err != nil {
		t.Error(err)
	}
}

// line returns the next line, without its newline; the error is for whoever waits for the end.
func (c *tcpClient) line() (string, error) {
	line, err := c.in.ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = io.ErrUnexpectedEOF
	}
	return strings.TrimSuffix(line, "\n"), err
}

// want reads lines, which are to be these.
func (c *tcpClient) want(t testing.TB, lines ...string) {
	t.Helper()
	for _, want := range lines {
		if got, err := c.line(); err != nil || got != want {
			t.Fatalf("got %.200q, %v; want %.200q", got, err, want)
		}
	}
}

// closeWrite ends the client's side, close the connection, and reset does so the hard way.
func (c *tcpClient) closeWrite() { _ = c.CloseWrite() }
func (c *tcpClient) close()      { _ = c.Close() }

func (c *tcpClient) reset() {
	_ = c.SetLinger(0)
	c.close()
}
