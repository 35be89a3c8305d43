package server_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"parley/handler"
	"parley/protocol"
	"parley/server"
)

// A network is a way to reach a server.
type network struct {
	listen func(t *testing.T) socket
	// secure says that clients speak TLS, and facts what the greeting has of that.
	secure bool
	facts  string
	// bubble says that the test runs in a synctest bubble, where waiting costs nothing.
	bubble bool
}

// A socket is where a server listens, and how clients get there.
type socket interface {
	net.Listener
	// dial connects as a client from ip; the zero Addr is whoever.
	dial(ip netip.Addr) (net.Conn, error)
}

var (
	overTCP  = network{listen: listenTCP}
	overHeld = network{listen: listenHeld}
	overPipe = network{listen: listenPipe, bubble: true}
	overTLS  = network{listen: listenTLS, secure: true, facts: " tls=1.3 sni=" + serverName}
)

// everywhere runs one conversation over TCP, over TLS, over TCP as systems and wrapped connections have it that can't wait without
// a buffer, and over pipes in a bubble whose clock stands still while anybody has something to do.
func everywhere(t *testing.T, f func(*testing.T, network)) {
	t.Helper()
	inTheClear(t, f)
	t.Run("tls", func(t *testing.T) {
		t.Parallel()
		f(t, overTLS)
	})
}

// inTheClear is everywhere but over TLS.
func inTheClear(t *testing.T, f func(*testing.T, network)) {
	t.Helper()
	t.Parallel()
	t.Run("tcp", func(t *testing.T) {
		t.Parallel()
		f(t, overTCP)
	})
	if portable {
		return // The others are, and were tested.
	}
	t.Run("held", func(t *testing.T) {
		t.Parallel()
		f(t, overHeld)
	})
	t.Run("pipe", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { f(t, overPipe) })
	})
}

// inBubble runs f over pipes in a bubble.
func inBubble(t *testing.T, f func(*testing.T)) {
	t.Helper()
	if portable {
		return // As pipes are, for which this was tested.
	}
	t.Parallel()
	synctest.Test(t, f)
}

// A stage is a server with one listener on it, who is watched.
type stage struct {
	t        *testing.T
	net      network
	srv      *server.Server
	listener *server.Listener
	socket   socket
	log      *recorder
	registry *prometheus.Registry
	served   chan error // what Serve returned

	shutdown sync.Once
	outcome  server.Outcome
}

// A role says how a stage is set up.
type role struct {
	server   server.Config
	listener server.ListenerConfig
}

// serve starts a server on n with h as the handler, in the role that the others give it. When the test ends the server is shut down, and
// the ledger has to be right.
func serve(t *testing.T, n network, h handler.Handler, as ...func(*role)) *stage {
	t.Helper()
	r := role{listener: server.ListenerConfig{Label: "test://:0", HandlerName: "test", Handler: h}}
	if n.secure {
		r.listener.TLS = serverTLS
	}
	for _, f := range as {
		f(&r)
	}
	s := &stage{t: t, net: n, log: newRecorder(), registry: prometheus.NewPedanticRegistry(), served: make(chan error, 1)}
	r.server.Log = zap.New(s.log)
	r.server.Portable = portable
	s.srv = server.New(r.server)
	s.registry.MustRegister(s.srv)
	s.listener = s.srv.NewListener(r.listener)
	s.socket = n.listen(t)
	go func() { s.served <- s.listener.Serve(bare(s.socket)) }()
	t.Cleanup(s.end)
	return s
}

// also opens a further listener of the same name, with other limits.
func (s *stage) also(l server.Limits) socket {
	s.t.Helper()
	c := s.listener.ListenerConfig
	c.Limits = l
	listener, where := s.srv.NewListener(c), s.net.listen(s.t)
	served := make(chan error, 1)
	go func() { served <- listener.Serve(bare(where)) }()
	s.t.Cleanup(func() {
		s.stop(drainTimeout)
		if err := s.await(served); !errors.Is(err, server.ErrServerClosed) {
			s.t.Errorf("Serve returned %v, want %v", err, server.ErrServerClosed)
		}
	})
	return where
}

// end shuts the server down if the test has not, and audits its books.
func (s *stage) end() {
	s.stop(drainTimeout)
	if err := s.await(s.served); !errors.Is(err, server.ErrServerClosed) {
		s.t.Errorf("Serve returned %v, want %v", err, server.ErrServerClosed)
	}
	if s.net.bubble {
		time.Sleep(s.patience()) // Handlers that did not return in time have returned by now.
	}
	s.audit()
}

// stop shuts the server down, once.
func (s *stage) stop(within time.Duration) server.Outcome {
	s.shutdown.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		s.outcome = s.srv.Shutdown(ctx)
	})
	return s.outcome
}

// audit compares what was counted with what was logged, and with nothing being left.
func (s *stage) audit() {
	s.t.Helper()
	m := s.metrics()
	accepted, active, closed := m.of("parley_connections_accepted_total"), m.of("parley_connections_active"), m.of("parley_connections_closed_total")
	if active != 0 || accepted != closed {
		s.t.Errorf("accepted %v, closed %v, active %v; want as many closed as accepted, and none active", accepted, closed, active)
	}
	if n := m.of("parley_connection_duration_seconds"); n != closed {
		s.t.Errorf("%v durations for %v connections", n, closed)
	}
	leftOut := uint64(0)
	for _, e := range s.log.lines("log lines left out") {
		if e.string("of") == "connection closed" {
			n, _ := e.fields["left_out"].(uint64)
			leftOut += n
		}
	}
	if n := s.log.count("connection closed"); n+int(leftOut) != int(closed) {
		s.t.Errorf("%v log lines and %d left out for %v connections", n, leftOut, closed)
	}
	if n := s.srv.Books(s.listener); n != 0 {
		s.t.Errorf("%d entries left in the books", n)
	}
}

// await receives an error from ch, which must come.
func (s *stage) await(ch <-chan error) error {
	s.t.Helper()
	select {
	case err := <-ch:
		return err
	case <-time.After(s.patience()):
		s.t.Fatal("still waiting")
		return nil
	}
}

// patience is how long something may take that has to happen: in a bubble for longer than any limit that is tested.
func (s *stage) patience() time.Duration {
	if s.net.bubble {
		return 24 * time.Hour
	}
	return time.Minute
}

// wantEnd waits until a connection has ended, and wants it to be for reason.
func (s *stage) wantEnd(reason server.Reason) entry {
	s.t.Helper()
	select {
	case e := <-s.log.ends:
		if got := e.string("reason"); got != reason.String() {
			s.t.Fatalf("the connection ended for %v (%v), want %v", got, e.string("error"), reason)
		}
		return e
	case <-time.After(s.patience()):
		s.t.Fatalf("no connection has ended, want %v", reason)
		return entry{}
	}
}

// metrics gathers what the server counts.
func (s *stage) metrics() metrics {
	s.t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.t.Error(err)
	}
	return families
}

type metrics []*dto.MetricFamily

// of returns the sum of a metric over all series that have one of the values as a label; of a histogram, how much was
// observed.
func (m metrics) of(name string, values ...string) (sum float64) {
	for _, f := range m {
		if f.GetName() != name {
			continue
		}
		for _, s := range f.GetMetric() {
			if len(values) == 0 || labelled(s, values) {
				sum += s.GetCounter().GetValue() + s.GetGauge().GetValue() + float64(s.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func labelled(s *dto.Metric, values []string) bool {
	for _, l := range s.GetLabel() {
		for _, v := range values {
			if l.GetValue() == v {
				return true
			}
		}
	}
	return false
}

// series returns how many there are.
func (m metrics) series() (n int) {
	for _, f := range m {
		n += len(f.GetMetric())
	}
	return n
}

// A client is the other end of a conversation.
type client struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

// dial connects a client. It is closed when the test ends.
func (s *stage) dial() *client {
	s.t.Helper()
	return s.dialTo(s.socket, netip.Addr{})
}

func (s *stage) dialFrom(ip netip.Addr) *client {
	s.t.Helper()
	return s.dialTo(s.socket, ip)
}

func (s *stage) dialTo(where socket, ip netip.Addr) *client {
	s.t.Helper()
	nc, err := where.dial(ip)
	if err != nil {
		s.t.Fatal(err)
	}
	if !s.net.bubble {
		nc.SetDeadline(time.Now().Add(s.patience()))
	}
	s.t.Cleanup(func() { nc.Close() })
	return &client{nc, s.t, bufio.NewReaderSize(nc, 64<<10)}
}

// send sends text in one piece.
func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.t.Fatalf("sending %.40q: %v", text, err)
	}
}

// want reads lines, and wants them to be these.
func (c *client) want(lines ...string) {
	c.t.Helper()
	for _, want := range lines {
		got, err := c.r.ReadString('\n')
		if err != nil || got != want+"\n" {
			c.t.Fatalf("got %.100q, %v; want %.100q", got, err, want+"\n")
		}
	}
}

// wantPiece reads once, and wants that to bring all of text.
func (c *client) wantPiece(text string) {
	c.t.Helper()
	b := make([]byte, 64<<10)
	n, err := c.r.Read(b)
	if got := string(b[:n]); err != nil || got != text {
		c.t.Fatalf("got %.100q, %v; want %.100q in one piece", got, err, text)
	}
}

// wantEnd reads the lines and wants nothing but the end of the server's side behind them.
func (c *client) wantEnd(lines ...string) {
	c.t.Helper()
	c.want(lines...)
	if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
		c.t.Fatalf("got %.100q, %v; want the end", rest, err)
	}
}

// closeWrite ends the client's side.
func (c *client) closeWrite() {
	c.t.Helper()
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
}

// A tcpSocket is on loopback.
type tcpSocket struct{ net.Listener }

func listenTCP(t *testing.T) socket {
	t.Helper()
	sockets, err := server.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return tcpSocket{sockets[0]}
}

func (s tcpSocket) dial(netip.Addr) (net.Conn, error) {
	return net.Dial("tcp", s.Addr().String())
}

// bare returns what the daemon would serve, which is how the transport is chosen.
func bare(s socket) net.Listener {
	switch s := s.(type) {
	case tcpSocket:
		return s.Listener
	case tlsSocket:
		return bare(s.socket)
	}
	return s
}

// A heldSocket hides that its connections are sockets.
type heldSocket struct{ socket }

func listenHeld(t *testing.T) socket {
	t.Helper()
	return heldSocket{listenTCP(t)}
}

func (s heldSocket) Accept() (net.Conn, error) {
	nc, err := s.socket.Accept()
	if err != nil {
		return nil, err
	}
	return heldConn{nc}, nil
}

type heldConn struct{ net.Conn }

func (c heldConn) CloseWrite() error {
	return c.Conn.(*net.TCPConn).CloseWrite()
}

// A pipeSocket hands out the ends of pipes.
type pipeSocket struct {
	accepts chan net.Conn
	closed  chan struct{}
	close   sync.Once
	mu      sync.Mutex
	port    uint16
}

func listenPipe(*testing.T) socket {
	return &pipeSocket{accepts: make(chan net.Conn), closed: make(chan struct{}), port: 1023}
}

var pipeAddr = netip.MustParseAddrPort("192.0.2.1:12000")

func (s *pipeSocket) Addr() net.Addr { return net.TCPAddrFromAddrPort(pipeAddr) }

func (s *pipeSocket) Close() error {
	s.close.Do(func() { close(s.closed) })
	return nil
}

func (s *pipeSocket) Accept() (net.Conn, error) {
	select {
	case nc := <-s.accepts:
		return nc, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *pipeSocket) dial(ip netip.Addr) (net.Conn, error) {
	if !ip.IsValid() {
		ip = netip.MustParseAddr("192.0.2.77")
	}
	s.mu.Lock()
	s.port++
	from := netip.AddrPortFrom(ip, s.port)
	s.mu.Unlock()
	ours, theirs := duplex(pipeAddr, from)
	select {
	case s.accepts <- ours:
		return theirs, nil
	case <-s.closed:
		return nil, syscall.ECONNREFUSED
	}
}

// A duplexConn is one end of two pipes, one for each direction, so that each side can be ended by itself.
type duplexConn struct {
	net.Conn // in
	out      net.Conn
	local    net.Addr
	remote   net.Addr
}

func duplex(server, client netip.AddrPort) (ours, theirs net.Conn) {
	in, fromClient := net.Pipe()
	fromServer, out := net.Pipe()
	s, c := net.TCPAddrFromAddrPort(server), net.TCPAddrFromAddrPort(client)
	return duplexConn{in, out, s, c}, duplexConn{fromServer, fromClient, c, s}
}

func (c duplexConn) Write(b []byte) (int, error)        { return c.out.Write(b) }
func (c duplexConn) CloseWrite() error                  { return c.out.Close() }
func (c duplexConn) SetWriteDeadline(t time.Time) error { return c.out.SetWriteDeadline(t) }
func (c duplexConn) LocalAddr() net.Addr                { return c.local }
func (c duplexConn) RemoteAddr() net.Addr               { return c.remote }
func (c duplexConn) Close() error                       { return errors.Join(c.out.Close(), c.Conn.Close()) }

func (c duplexConn) SetDeadline(t time.Time) error {
	return errors.Join(c.out.SetDeadline(t), c.Conn.SetDeadline(t))
}

// A recorder is a zap core that keeps what is logged, and says when a connection has ended.
type recorder struct {
	*records
	with []zapcore.Field
}

type records struct {
	ends   chan entry // one a connection
	mu     sync.Mutex
	all    []entry
	notice func(message string) // called at each line; nil: nobody is
}

// An entry is one log line.
type entry struct {
	zapcore.Entry
	fields map[string]any
}

func (e entry) string(field string) string {
	s, _ := e.fields[field].(string)
	return s
}

func newRecorder() *recorder {
	return &recorder{records: &records{ends: make(chan entry, 10_000)}}
}

func (r *recorder) Enabled(zapcore.Level) bool { return true }
func (r *recorder) Sync() error                { return nil }

func (r *recorder) With(fields []zapcore.Field) zapcore.Core {
	return &recorder{r.records, append(slices.Clip(r.with), fields...)}
}

func (r *recorder) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return ce.AddCore(e, r)
}

func (r *recorder) Write(e zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range r.with {
		f.AddTo(enc)
	}
	for _, f := range fields {
		f.AddTo(enc)
	}
	line := entry{e, enc.Fields}
	r.mu.Lock()
	r.all = append(r.all, line)
	notice := r.notice
	r.mu.Unlock()
	if notice != nil {
		notice(e.Message)
	}
	if e.Message == "connection closed" {
		r.ends <- line
	}
	return nil
}

// notify has f called at each line from now on.
func (r *recorder) notify(f func(message string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notice = f
}

// lines returns what was logged with this message.
func (r *recorder) lines(message string) (lines []entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.all {
		if e.Message == message {
			lines = append(lines, e)
		}
	}
	return lines
}

func (r *recorder) count(message string) int { return len(r.lines(message)) }

// Roles.

func greeting(r *role) { r.listener.Greeting = true }
func raw(r *role)      { r.listener.Wire = protocol.Raw{} }

func flush(d time.Duration) func(*role) {
	return func(r *role) { r.listener.Flush = d }
}

func limits(l server.Limits) func(*role) {
	return func(r *role) { r.listener.Limits = l }
}

// Handlers.

// echo gives each message back behind a prefix.
func echo(prefix string) handler.Func {
	return func(s handler.Session) error {
		for msg := range s.Messages() {
			if err := s.Echo(prefix, msg); err != nil {
				return err
			}
		}
		return nil
	}
}

// numbered returns the lines prefix0 to prefix(n-1).
func numbered(prefix string, n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = prefix + strconv.Itoa(i)
	}
	return lines
}

// text is lines as they are sent.
func text(lines ...string) string { return strings.Join(lines, "\n") + "\n" }
