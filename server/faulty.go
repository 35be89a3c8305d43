package server

import (
	"sync"
	"sync/atomic"
	"time"
)

// A faulty is the transport of a connection that misbehaves on request, over that of one that does not, TLS included. Only
// a connection that has drawn faults has one. Until its conversation begins, and from closeWrite on, it lets everything
// pass as it is; what is sent in between goes through the stages of its faults.
type faulty struct {
	transport // below
	*misbehaviour
	drain <-chan struct{} // closed when the server drains: nothing waits any more

	began     atomic.Bool            // the conversation has
	finishing atomic.Bool            // our side is ended; the client's may be read to its end
	failed    atomic.Pointer[ending] // why the conversation can't go on
	hurry     chan struct{}          // closed when it can't
	cut       chan struct{}          // closed by interrupt
	cutOnce   sync.Once
	timer     *time.Timer // of close_after; nil: none

	// Owned by the one who sends.
	out  sender
	line *line // among the stages; nil: none

	// Owned by the one who receives.
	r receiver
}

// A sender sends, as a transport does. What a fault swallows was not sent, and is no error.
type sender interface {
	send(b []byte) (int, error)
}

// Why a faulty connection ends.
var (
	errTimeUp = &ending{reason: Fault} // it is closed in good order
	errCutOff = &ending{reason: Fault} // it is reset
)

// misbehaves returns what is to carry the next connection, which is t unless that has drawn faults.
func (l *Listener) misbehaves(t transport) transport {
	if l.faulty == nil {
		return t
	}
	n := l.connections.Add(1)
	if !l.faulty.draw(n) {
		return t
	}
	return newFaulty(t, l.faulty, n, l.srv.accepting.Done())
}

func newFaulty(t transport, m *misbehaviour, n uint64, drain <-chan struct{}) *faulty {
	f := &faulty{
		transport: t, misbehaviour: m, drain: drain,
		hurry: make(chan struct{}), cut: make(chan struct{}),
	}
	f.out = t
	for i := numFaults - 1; i >= 0; i-- {
		if kind := faultKinds[i]; kind.stage != nil && kind.text(&m.Faults) != "" {
			f.out = kind.stage(f, m.random(n, i), f.out)
		}
	}
	return f
}

// begin begins the conversation, and with it the faults.
func (f *faulty) begin() {
	f.began.Store(true)
	for _, kind := range faultKinds {
		if kind.begin != nil && kind.text(&f.Faults) != "" {
			kind.begin(f)
		}
	}
}

// pause waits until t, unless the conversation is over or the server drains.
func (f *faulty) pause(t time.Time) {
	d := time.Until(t)
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.drain:
	case <-f.hurry:
	case <-f.cut:
	}
}

// interrupted reports whether interrupt was called.
func (f *faulty) interrupted() bool {
	select {
	case <-f.cut:
		return true
	default:
		return false
	}
}

// fail ends the conversation for e, whoever notices it, unless it is over already. The one who receives is woken and
// told; the one who sends is when it sends again.
func (f *faulty) fail(e *ending) {
	if f.failed.CompareAndSwap(nil, e) {
		close(f.hurry)
		f.transport.setReadDeadline(longAgo)
	}
}

// failure is why the conversation can't go on; nil if it can.
func (f *faulty) failure() error {
	if e := f.failed.Load(); e != nil {
		return e
	}
	return nil
}

// over reports whether a failure is not to be told, as the conversation is over or has not begun. What is cut off stays so.
func (f *faulty) over() bool {
	return !f.began.Load() || f.finishing.Load() && f.failed.Load() != errCutOff
}

func (f *faulty) receive(r receiver) error {
	if f.over() {
		return f.transport.receive(r)
	}
	f.r = r
	err := f.failure()
	if err == nil {
		err = f.transport.receive(f)
	}
	if failure := f.failure(); failure != nil {
		return failure
	}
	return err
}

// take hands a piece on, unless the conversation has just ended: who sends without a pause lets no deadline fire.
func (f *faulty) take(piece []byte) bool {
	return f.failed.Load() == nil && f.r.take(piece)
}

func (f *faulty) send(b []byte) (int, error) {
	if !f.began.Load() {
		return f.transport.send(b)
	}
	if err := f.failure(); err != nil {
		return 0, err
	}
	return f.out.send(b)
}

// sendNow sends nothing in a conversation: what faults do takes its time.
func (f *faulty) sendNow(b []byte) int {
	if !f.began.Load() {
		return f.transport.sendNow(b)
	}
	return 0
}

// setReadDeadline sets a deadline that has passed as long as there is a failure to be told.
func (f *faulty) setReadDeadline(t time.Time) {
	f.transport.setReadDeadline(t)
	if f.failed.Load() != nil && !f.over() {
		f.transport.setReadDeadline(longAgo)
	}
}

func (f *faulty) interrupt() {
	f.cutOnce.Do(func() { close(f.cut) })
	f.transport.interrupt()
	if f.line != nil {
		f.line.wake()
	}
}

// deliver waits until what is on its way has been sent, and returns why the conversation can't go on; nil if it can.
func (f *faulty) deliver() *ending {
	if f.line != nil {
		f.line.empty()
	}
	return f.failed.Load()
}

func (f *faulty) closeWrite() {
	e := f.deliver()
	f.finishing.Store(true)
	if e != errCutOff {
		f.transport.closeWrite()
	}
}

func (f *faulty) close() {
	e := f.deliver()
	f.stop()
	if e == errCutOff {
		f.transport.reset()
		return
	}
	f.transport.close()
}

func (f *faulty) reset() {
	f.interrupt()
	_ = f.deliver()
	f.stop()
	f.transport.reset()
}

// stop sees to it that nothing is left that goes on by itself.
func (f *faulty) stop() {
	if f.timer != nil {
		f.timer.Stop()
	}
}

// fault returns which faults the connection got, as the greeting has it; empty for none.
func (c *conn) fault() string {
	if f, ok := c.t.(*faulty); ok && f.began.Load() {
		return f.words
	}
	return ""
}

// misbehave begins the faults of a connection, and counts them.
//
//go:noinline
func (c *conn) misbehave(f *faulty) {
	f.begin()
	c.ln.srv.mu.Lock()
	defer c.ln.srv.mu.Unlock()
	for i, kind := range faultKinds {
		if kind.text(&f.Faults) != "" {
			c.ln.tally.faults[i]++
		}
	}
}

// deliver waits until faults have let go of what was sent, and notes what has ended the connection meanwhile.
func (c *conn) deliver() {
	if f, ok := c.t.(*faulty); ok {
		if e := f.deliver(); e != nil {
			c.end(e)
		}
	}
}
