package logging

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// queueSize is how many bytes of lines wait at most for the sink, and how many
// more it may be writing: some 5,000 lines each, which is more than any stall of
// a healthy disk, and little beside what the clients hold. Pages of it that
// no line ever reached cost nothing.
const queueSize = 1 << 20

// pause is how long the sink is left alone after each write. A line that comes
// alone is written at once, and those of a busy daemon share a call: one call a
// line was a tenth of what a short connection cost.
const pause = 10 * time.Millisecond

// queue is a zapcore.WriteSyncer in front of a sink that may block or fail,
// neither of which its writers ever notice.
type queue struct {
	out     io.Writer
	notice  func(dropped uint64) []byte // the line that says how many are missing
	wake    chan struct{}               // holds a token when there may be something to write
	closing chan struct{}               // closed by Close
	done    chan struct{}               // closed when run ends

	// Owned by run.
	writing []byte // the batch being written, then the next pending
	torn    bool   // the sink took the beginning of a line, and not its end

	mu      sync.Mutex
	pending []byte // whole lines
	dropped uint64 // lines lost, ever
	unsaid  uint64 // lines lost since the last notice
	closed  bool
}

func newQueue(out io.Writer, notice func(dropped uint64) []byte) *queue {
	q := &queue{
		out:     out,
		notice:  notice,
		wake:    make(chan struct{}, 1),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
		writing: make([]byte, 0, queueSize),
		pending: make([]byte, 0, queueSize),
	}
	go q.run()
	return q
}

// Write queues a copy of line, or drops it when there is no room. It never
// blocks and never fails.
func (q *queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.pending)+len(line) > queueSize {
		q.dropped++
		q.unsaid++
		return len(line), nil
	}
	q.pending = append(q.pending, line...)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return len(line), nil
}

// Sync does nothing: zap calls it on the way to a panic, where waiting for a
// stuck sink would be the worse fault. Lines are written within pause anyway;
// a panic may lose those of the last one.
func (q *queue) Sync() error { return nil }

func (q *queue) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

func (q *queue) Close(timeout time.Duration) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.closing)
	}
	q.mu.Unlock()

	select {
	case <-q.done:
		return nil
	case <-time.After(timeout):
		return fmt.Errorf("logging: output stuck for %v: %w", timeout, os.ErrDeadlineExceeded)
	}
}

// run writes what is pending whenever there is something, until Close. A sink
// that fails is tried again with the next line and not before, so that it costs
// one call a batch and no spinning.
func (q *queue) run() {
	defer close(q.done)
	defer q.flush()
	for {
		select {
		case <-q.wake:
		case <-q.closing:
			return
		}
		q.flush()
		select {
		case <-time.After(pause):
		case <-q.closing:
			return
		}
	}
}

// flush writes one batch, then the notice of the lines that were dropped while
// it waited, or before: once the sink takes lines, no hole stays unsaid.
func (q *queue) flush() {
	q.mu.Lock()
	q.writing, q.pending = q.pending, q.writing[:0]
	unsaid := q.unsaid
	q.mu.Unlock()

	if lost := q.write(q.writing); lost > 0 {
		q.mu.Lock()
		q.dropped += lost
		q.unsaid += lost
		q.mu.Unlock()
		return
	}
	if unsaid > 0 && q.write(q.notice(unsaid)) == 0 {
		q.mu.Lock()
		q.unsaid -= unsaid
		q.mu.Unlock()
	}
}

// write gives lines to the sink and returns how many of them it did not take
// whole. After half a line the next begins with a newline: one is spoilt, not
// two.
func (q *queue) write(lines []byte) (lost uint64) {
	if len(lines) == 0 {
		return 0
	}
	if q.torn {
		if _, err := q.out.Write([]byte("\n")); err != nil {
			return countLines(lines)
		}
		q.torn = false
	}
	n, err := q.out.Write(lines)
	if err == nil {
		return 0
	}
	q.torn = n > 0 && lines[n-1] != '\n'
	return countLines(lines[n:])
}

func countLines(lines []byte) uint64 { return uint64(bytes.Count(lines, []byte("\n"))) }
