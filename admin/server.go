package admin

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// What a visitor may take of our time and memory. Whoever exceeds it is
// disconnected without a word.
const (
	headerTimeout  = 5 * time.Second  // from the first byte of a request to the end of its header
	readTimeout    = 10 * time.Second // and to the end of its body, which only net/http ever reads, to skip it
	writeTimeout   = 10 * time.Second // from the end of the header to the end of the answer; pprof extends it
	idleTimeout    = 2 * time.Minute  // between requests: twice the usual scrape interval
	maxHeaderBytes = 16 << 10         // a browser sends the cookies of all that runs on localhost
)

// Options say what a Server shows. All of it is optional.
type Options struct {
	Gatherer  prometheus.Gatherer // what /metrics shows; nil: nothing
	Ready     func() bool         // whether new clients are welcome, asked at each /readyz; nil: always
	Pprof     bool                // serve /debug/pprof/, which tells a lot and costs much
	Log       *zap.Logger         // nil: no log
	Version   string              // shown on the page
	Listeners []Listener          // shown on the page

	Roster  Roster   // what /clients and /events show; nil: they are not there
	Name    string   // of the service, as its greeting says it
	Reasons []string // the words for why a connection ended
}

// Listener is what the page says of one.
type Listener struct {
	Name string // what listens where, as in echo://127.0.0.1:12000
	Try  string // a command line that converses with it; "": none

	Handler   string
	Wire      string
	Addresses []string // that were opened
	TLS       bool
}

// Server serves the endpoints on the listeners that [Server.Serve] is given,
// until [Server.Shutdown].
type Server struct {
	http  *http.Server
	crowd crowd
	news  *newsroom // nil: there is no roster
}

// New returns a server that does not serve yet.
func New(opts Options) *Server {
	if opts.Gatherer == nil {
		opts.Gatherer = prometheus.NewRegistry()
	}
	if opts.Ready == nil {
		opts.Ready = func() bool { return true }
	}
	if opts.Log == nil {
		opts.Log = zap.NewNop()
	}
	s := new(Server)
	if opts.Roster != nil {
		s.news = newNewsroom(newBoard(opts))
	}
	s.http = &http.Server{
		Handler:                      newHandler(opts, s.news),
		DisableGeneralOptionsHandler: true, // OPTIONS is answered as any other method
		ReadHeaderTimeout:            headerTimeout,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		ConnState:                    s.crowd.track,
		ConnContext:                  s.crowd.introduce,
	}
	// Nothing that net/http reports is worth more: it is about visitors, or
	// about accept errors, which end by themselves. The only error is an
	// unknown level.
	s.http.ErrorLog, _ = zap.NewStdLogAt(opts.Log, zapcore.DebugLevel)
	s.http.RegisterOnShutdown(s.crowd.dismiss)
	if s.news != nil {
		s.http.RegisterOnShutdown(s.news.close)
	}
	return s
}

// Serve answers on ln, which it closes in the end, until Shutdown; it always
// returns an error, then [http.ErrServerClosed]. The caller opens ln, so that it
// learns at once of a port that is taken.
func (s *Server) Serve(ln net.Listener) error {
	return s.http.Serve(patientListener{ln})
}

// Shutdown closes the listeners and all connections, those that are being
// answered after their answer. It cuts these when ctx ends before, and returns
// the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close() // the listeners are closed already
	}
	if s.news != nil {
		s.news.close() // once more, as net/http did so on a goroutine of its own
		s.news.work.Wait()
	}
	return err
}
