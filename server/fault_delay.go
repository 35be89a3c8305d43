package server

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"time"
)

// A line has what is sent arrive later, in the order in which it was sent, as over a long way: who sends does not wait for
// it, until lineBytes are on their way. As long as there are any, a goroutine sends them on when they are due; close
// and reset wait for its end.
type line struct {
	f             *faulty
	below         sender
	delay, jitter time.Duration
	random        *rand.Rand
	last          time.Time // when what was sent last is due

	mu      sync.Mutex
	changed sync.Cond // on mu: something has arrived, or the goroutine has ended, or interrupt was called
	queue   []parcel
	held    int // bytes that queue takes
	running bool
}

// lineBytes is how much may be on its way: what a client may hold of memory, as everywhere. Each parcel takes parcelBytes besides
// what is in it.
const (
	lineBytes   = 64 << 10
	parcelBytes = 64
)

// A parcel is what was sent at once, and when it is due.
type parcel struct {
	b   []byte
	due time.Time
}

var delayFault = faultKind{
	word: "delay",
	text: func(f *Faults) string {
		text := durationText(f.Delay)
		if text != "" && f.Jitter > 0 {
			text += "+jitter:" + durationText(f.Jitter)
		}
		return text
	},
	stage: func(f *faulty, random *rand.Rand, below sender) sender {
		l := &line{f: f, below: below, delay: f.Delay, jitter: min(f.Jitter, f.Delay), random: random}
		l.changed.L = &l.mu
		f.line = l
		return l
	},
}

// send puts b on the line. What goes wrong there is told by the next one, and to the one who receives.
func (l *line) send(b []byte) (int, error) {
	sent := 0
	for len(b) > 0 {
		piece := b[:min(len(b), lineBytes-parcelBytes)]
		if err := l.put(bytes.Clone(piece)); err != nil {
			return sent, err
		}
		sent += len(piece)
		b = b[len(piece):]
	}
	return sent, nil
}

// put waits until there is room for b.
func (l *line) put(b []byte) error {
	due := time.Now().Add(l.delay)
	if l.jitter > 0 {
		due = due.Add(time.Duration(l.random.Int64N(int64(2*l.jitter)+1)) - l.jitter)
	}
	if due.Before(l.last) {
		due = l.last
	}
	l.last = due
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.held > 0 && l.held+len(b)+parcelBytes > lineBytes && !l.f.interrupted() {
		l.changed.Wait()
	}
	if l.f.interrupted() {
		return errInterrupted
	}
	if err := l.f.failure(); err != nil {
		return err
	}
	l.queue = append(l.queue, parcel{b, due})
	l.held += len(b) + parcelBytes
	if !l.running {
		l.running = true
		go l.run()
	}
	return nil
}

// run sends on what is due, until nothing is left.
func (l *line) run() {
	for p, ok := l.next(); ok; p, ok = l.next() {
		l.f.pause(p.due)
		_, err := l.below.send(p.b)
		if err != nil {
			l.f.fail(endingOf(err))
		}
		l.arrived(p, err)
	}
}

// next is the parcel that is due first. It is false when there is none, and the goroutine is to end.
func (l *line) next() (parcel, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		l.queue, l.running = nil, false
		l.changed.Broadcast()
		return parcel{}, false
	}
	return l.queue[0], true
}

// arrived takes p off the line, and all others when that could not be sent.
func (l *line) arrived(p parcel, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue[0] = parcel{}
	l.queue = l.queue[1:]
	l.held -= len(p.b) + parcelBytes
	if err != nil {
		l.queue, l.held = nil, 0
	}
	l.changed.Broadcast()
}

// empty waits until nothing is on the line.
func (l *line) empty() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.running {
		l.changed.Wait()
	}
}

// wake has who waits look whether interrupt was called.
func (l *line) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed.Broadcast()
}
