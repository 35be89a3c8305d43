package admin

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/exporter-toolkit/web"
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
	maxStreams     = 16               // requests at a time on a connection of HTTP/2: more than a page has
	sendBuffer     = 128 << 10        // bytes the system holds for who does not read; by itself Linux holds 4 MiB
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

	Hosts     []string // names under which requests may reach the server, beside those that nobody else can have; "*": any
	WebConfig string   // a web config file of Prometheus's exporters, for TLS and basic auth; "": none
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
	handler   http.Handler
	webConfig *configWatch // nil: there is none
	log       *zap.Logger
	crowd     crowd
	news      *newsroom // nil: there is no roster

	mu      sync.Mutex
	closed  bool
	servers []*http.Server // one for each socket, as the exporters' toolkit puts its own handler into the one that it serves
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
	s := &Server{log: opts.Log}
	if opts.WebConfig != "" {
		s.webConfig = &configWatch{file: opts.WebConfig, log: opts.Log}
	}
	if opts.Roster != nil {
		s.news = newNewsroom(newBoard(opts))
	}
	s.handler = newHandler(opts, s.news)
	return s
}

// Serve answers on ln, which it closes in the end, until Shutdown; it always
// returns an error, then [http.ErrServerClosed]. The caller opens ln, so that it
// learns at once of a port that is taken.
func (s *Server) Serve(ln net.Listener) error {
	server := s.add()
	if server == nil {
		_ = ln.Close()
		return http.ErrServerClosed
	}
	if s.webConfig == nil {
		return server.Serve(patientListener{ln})
	}
	err := web.Serve(watchedListener{patientListener{ln}, s.webConfig}, server, &web.FlagConfig{WebConfigFile: &s.webConfig.file}, newWebLog(s.log))
	_ = ln.Close() // The toolkit does not, of what it does not get to serve.
	return err
}

// add returns a further server; nil after Shutdown.
func (s *Server) add() *http.Server {
	server := &http.Server{
		Handler:                      s.handler,
		DisableGeneralOptionsHandler: true, // OPTIONS is answered as any other method
		ReadHeaderTimeout:            headerTimeout,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		ConnState:                    s.crowd.track,
		ConnContext:                  s.crowd.introduce,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
	}
	// Nothing that net/http reports is worth more: it is about visitors, or
	// about accept errors, which end by themselves. The only error is an
	// unknown level.
	server.ErrorLog, _ = zap.NewStdLogAt(s.log, zapcore.DebugLevel)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.servers = append(s.servers, server)
	return server
}

// Shutdown closes the listeners and all connections, those that are being
// answered after their answer, and those that follow the roster after its last
// news. It cuts these when ctx ends before, and returns the error of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	servers := s.servers
	s.mu.Unlock()
	if s.news != nil {
		s.news.close()
		defer s.news.work.Wait()
	}
	s.crowd.dismiss()
	errs := make([]error, len(servers))
	var down sync.WaitGroup
	for i, server := range servers {
		down.Go(func() {
			if errs[i] = server.Shutdown(ctx); errs[i] != nil {
				_ = server.Close() // the listeners are closed already
			}
		})
	}
	down.Wait()
	return errors.Join(errs...)
}
