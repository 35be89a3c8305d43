package client

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"parley/protocol"
)

// A loadRun is a Load that is under way.
type loadRun struct {
	Load // with everything said, and the Dialer as the first connection taught

	asked Address   // Address is where the first connection arrived
	base  time.Time // from which the moments below count

	// Set by the first connection.
	wireName string
	wire     protocol.Wire
	message  *loadMessage
	tls      *tls.ConnectionState // nil: none is spoken

	buffers sync.Pool // of *[]byte, to read into

	connect, handshake, greeting, answer, lag *tally

	// conns are those that were opened; where they come and go, each is for one after the other.
	connsMu sync.Mutex
	conns   []*loadConn
	open    atomic.Int64 // how many connections stand

	running     chan struct{} // closed when each connection has its goroutine
	stopping    atomic.Bool   // no new messages
	stopped     chan struct{} // closed then
	interrupted atomic.Bool   // and no answers either
	began       atomic.Int64
	before      loadSum // what was done when the measuring began
	during      loadSum // and from then to its end
	elapsed     time.Duration
	// refusedSince is when the first of the refusals came between which there was nothing else, in LoadChurn; zero: the last
	// connection was not refused.
	refusedSince atomic.Int64
	unsent       uint64

	errMu   sync.Mutex
	errors  map[Kind]int
	reasons map[string]int
	first   *Error
}

func newLoadRun(l Load) *loadRun {
	r := &loadRun{
		Load: l, asked: l.Address, base: time.Now(), running: make(chan struct{}), stopped: make(chan struct{}),
		errors: make(map[Kind]int), reasons: make(map[string]int),
		connect: newTally(), handshake: newTally(), greeting: newTally(), answer: newTally(), lag: newTally(),
	}
	r.buffers.New = func() any {
		buf := make([]byte, r.readSize())
		return &buf
	}
	return r
}

// now is the moment in nanoseconds since base, never zero.
func (r *loadRun) now() int64 { return int64(time.Since(r.base)) + 1 }

// fail counts an error, unless it is our own doing.
func (r *loadRun) fail(err *Error) {
	if r.interrupted.Load() {
		return
	}
	r.errMu.Lock()
	defer r.errMu.Unlock()
	r.errors[err.Kind]++
	if told, ok := errors.AsType[protocol.Error](err.Err); ok && err.Kind == Told {
		r.reasons[told.Reason]++
	}
	if r.first == nil {
		r.first = err
	}
}

// opened makes a connection one of those that are counted and looked after.
func (r *loadRun) opened(c *loadConn) {
	r.connsMu.Lock()
	defer r.connsMu.Unlock()
	r.conns = append(r.conns, c)
}

// each calls f for every connection.
func (r *loadRun) each(f func(*loadConn)) {
	r.connsMu.Lock()
	defer r.connsMu.Unlock()
	for _, c := range r.conns {
		f(c)
	}
}

// sum is what all connections have done.
func (r *loadRun) sum() (s loadSum) {
	r.each(func(c *loadConn) { s.add(&c.loadCount) })
	return s
}

// measure lets the warm-up and the duration pass, or less where ctx or all connections end before. Then nothing new begins.
func (r *loadRun) measure(ctx context.Context, ended <-chan struct{}) {
	if r.Warmup > 0 && !pass(ctx, r.Warmup, ended) {
		r.stop()
		return
	}
	switch r.Mode {
	case LoadIdle: // Its first messages count, too.
	case LoadChurn:
		r.connect.reset()
		r.handshake.reset()
		r.greeting.reset()
		fallthrough
	default:
		r.answer.reset()
		r.lag.reset()
		r.before = r.sum()
	}
	began := r.now()
	r.began.Store(began)
	pass(ctx, r.Duration, ended)
	r.during = r.sum().minus(r.before)
	r.elapsed = time.Duration(r.now() - began)
	r.stop()
}

// pass lets time pass, and reports whether it was all of it.
func pass(ctx context.Context, d time.Duration, ended <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-ended:
	}
	return false
}

// stop has the connections end when they have their answers. Those that wait for none are woken.
func (r *loadRun) stop() {
	r.stopping.Store(true)
	r.each(func(c *loadConn) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.nc != nil && c.sentAt.Load() == 0 {
			c.nc.SetReadDeadline(longAgo)
		}
	})
	close(r.stopped)
}

// interrupt has the connections end now.
func (r *loadRun) interrupt() {
	r.interrupted.Store(true)
	r.stopping.Store(true)
	r.each(func(c *loadConn) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.nc != nil {
			c.nc.SetDeadline(longAgo)
		}
	})
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// watchSlices is how often within the timeout the connections are looked at: one look at all costs less than a timer for
// each message.
const watchSlices = 8

// watch cuts connections off whose answer is late, until stop.
func (r *loadRun) watch() (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(max(r.Timeout/watchSlices, time.Millisecond))
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-done:
				return
			}
			late := r.now() - int64(r.Timeout)
			r.each(func(c *loadConn) {
				if at := c.sentAt.Load(); at != 0 && at < late {
					c.nc.SetDeadline(longAgo)
				}
			})
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// perform runs f for each connection, each on its own goroutine, measures meanwhile, and returns when all have ended.
// Interrupt is called when ctx ends.
func (r *loadRun) perform(ctx context.Context, interrupt func(), f func(*loadConn) error) {
	stopInterrupt := context.AfterFunc(ctx, interrupt)
	defer stopInterrupt()
	stopWatch := r.watch()
	defer stopWatch()
	var wg, running sync.WaitGroup
	running.Add(len(r.conns))
	for _, c := range r.conns {
		wg.Go(func() {
			running.Done()
			r.end(c, f(c))
		})
	}
	running.Wait() // That many take their time, in which nothing is to be measured.
	close(r.running)
	ended := make(chan struct{})
	go func() {
		wg.Wait()
		close(ended)
	}()
	r.measure(ctx, ended)
	<-ended
}

// end closes a connection, and counts what went wrong with it.
func (r *loadRun) end(c *loadConn, err error) {
	c.close()
	r.open.Add(-1)
	if err != nil {
		r.fail(r.newError(err))
		return
	}
	c.survived = true
}

// newError makes an Error of what went wrong after the greeting.
func (r *loadRun) newError(err error) *Error { return newError(Answer, r.Address, Timings{}, err) }

// LoadProgress is what has been done so far.
type LoadProgress struct {
	Elapsed     time.Duration // since the measuring began; zero: it has not yet
	Connections int           // that stand
	Messages    uint64        // that were answered, the warm-up's included
	Bytes       uint64        // both ways
	Errors      int
}

// progressInterval is how often Progress is called.
const progressInterval = time.Second

// reportProgress calls Progress until stop.
func (r *loadRun) reportProgress() (stop func()) {
	if r.Progress == nil {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				r.Progress(r.progress())
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

func (r *loadRun) progress() LoadProgress {
	s := r.sum()
	p := LoadProgress{Connections: int(r.open.Load()), Messages: s.messages, Bytes: s.sent + s.received}
	if began := r.began.Load(); began != 0 {
		p.Elapsed = time.Duration(r.now() - began)
	}
	r.errMu.Lock()
	defer r.errMu.Unlock()
	for _, n := range r.errors {
		p.Errors += n
	}
	return p
}
