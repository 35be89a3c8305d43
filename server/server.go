package server

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"parley/handler"
)

// ErrServerClosed is returned by Listener.Serve after Shutdown.
var ErrServerClosed = errors.New("server closed")

// Config is what all listeners of a Server share. The zero value serves without bounds and logs nothing.
type Config struct {
	Log           *zap.Logger // nil: nothing is logged
	LogMessages   bool        // log each message that comes in
	RosterClosed  int         // of the connections that have closed, how many of the last the roster keeps; 0: none
	LogRate       int         // log lines a second for each reason of an end that is not the usual one, ten times as many at once; the others are counted; 0: all are written
	Name          string      // the host or pod, as the greeting says it; empty: left out
	MaxConns      int         // connections at a time over all listeners; 0: no bound
	MaxConnsPerIP int         // connections at a time from one address, IPv6 counted by /64; 0: no bound
	AcceptRate    float64     // connections accepted a second over all listeners; 0: no bound
	Portable      bool        // serve TCP by the transport of other systems too where there is a faster one
}

// A Server accepts connections, and holds the conversations of its listeners' handlers. It is a prometheus.Collector.
type Server struct {
	// Static after construction.
	log         *zap.Logger
	logMessages bool
	name        string
	limiter     *rate.Limiter // nil: none
	began       time.Time
	accepting   context.Context // ends at Shutdown
	stopAccept  context.CancelFunc
	finished    chan handler.Finished
	portable    bool
	turns       turns

	durations, handshakes *prometheus.HistogramVec

	drain atomic.Pointer[drain] // nil until Shutdown

	registrations atomic.Uint64 // how often clients have said who they are, when it was news

	// Throttles of log lines.
	endings      [numReasons]*throttle // of connections that ended for this reason; nil: all are written
	panics       *throttle
	acceptErrors *throttle

	// conversations are all connections that are not entered in the books. Add is called under mu only, and never after closed.
	conversations sync.WaitGroup
	ended         chan *conn    // those whose goroutine has done its work
	pulse         chan struct{} // taken by who enters them; see Alive
	over          chan struct{} // closed when the last one is entered after Shutdown

	loops sync.WaitGroup // that accept; Add is called under mu only, and never after closing

	mu          sync.Mutex
	closing     bool // the sockets are closed
	closed      bool // and nobody is admitted any more
	booked      bool // keepBooks runs
	lastID      uint64
	quota       quota
	refused     int // connections being turned away
	handshaking int // connections on their way to a conversation
	conns       map[*conn]struct{}
	tallies     []*tally
	leavers     leavers
	handshaken  uint64 // handshakes that have ended
	sockets     map[acceptor]struct{}
	hangups     *hangups // nil: no listener has the fast transport
}

// New returns a Server without listeners.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	ctx, cancel := context.WithCancel(context.Background())
	durations, handshakes := newHistograms()
	s := &Server{
		portable:     c.Portable,
		turns:        make(turns, max(1, runtime.GOMAXPROCS(0)-1)),
		log:          c.Log,
		logMessages:  c.LogMessages,
		name:         c.Name,
		limiter:      newLimiter(c.AcceptRate),
		began:        time.Now().Add(-1), // So that now is never 0, which stands for none, also where the clock stands still.
		accepting:    ctx,
		stopAccept:   cancel,
		finished:     make(chan handler.Finished, 1),
		acceptErrors: newThrottle(1, 1, nil),
		durations:    durations,
		handshakes:   handshakes,
		leavers:      leavers{most: c.RosterClosed},
		quota:        quota{max: c.MaxConns, maxPerIP: c.MaxConnsPerIP},
		conns:        make(map[*conn]struct{}),
		sockets:      make(map[acceptor]struct{}),
		ended:        make(chan *conn, booksAhead),
		pulse:        make(chan struct{}),
		over:         make(chan struct{}),
	}
	s.throttle(c.LogRate)
	return s
}

// Finished gives the report of a handler that has done its work (handler.Finished). Whoever reads it is to shut the server
// down.
func (s *Server) Finished() <-chan handler.Finished { return s.finished }

// now is the time since the server was made, in nanoseconds: what is kept of times in each connection.
func (s *Server) now() int64 { return int64(time.Since(s.began)) }

// at is the time that now returned t at; the zero time for 0.
func (s *Server) at(t int64) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return s.began.Add(time.Duration(t))
}
