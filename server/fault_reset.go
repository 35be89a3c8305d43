package server

import (
	"math/rand/v2"
	"time"
)

// A resetting resets the connection when so many bytes were sent. A reset makes the system drop what it still holds, so it
// first waits until the client's system has all of them. Over a unix socket, where there are no resets, it is closed.
type resetting struct {
	f     *faulty
	below sender
	left  int64
}

// A client that takes nothing of what is left for resetPatience is reset all the same, and so is one that has not taken all of it
// after resetLongest. It is looked at after resetLook, and less and less often as long as it takes nothing. Where the system
// does not say what it holds, it has resetGrace.
const (
	resetPatience = 10 * time.Second
	resetLongest  = time.Minute
	resetLook     = time.Millisecond
	resetSeldom   = 50 * time.Millisecond
	resetGrace    = 100 * time.Millisecond
)

var resetFault = faultKind{
	word: "reset_after",
	text: func(f *Faults) string { return sizeText(f.ResetAfter) },
	stage: func(f *faulty, _ *rand.Rand, below sender) sender {
		return &resetting{f, below, f.ResetAfter}
	},
}

func (r *resetting) send(b []byte) (int, error) {
	if r.left == 0 {
		return 0, errCutOff
	}
	n, err := r.below.send(b[:min(int64(len(b)), r.left)])
	r.left -= int64(n)
	if err == nil && r.left == 0 {
		r.settle()
		r.f.fail(errCutOff)
		err = errCutOff
	}
	return n, err
}

// settle waits until the client's system has what was sent.
func (r *resetting) settle() {
	system, ok := systemOf(r.f.transport)
	queue, known := 0, false
	if ok {
		queue, known = system.queued()
	}
	if !known {
		r.wait(resetGrace)
		return
	}
	began := time.Now()
	took, look := began, resetLook
	for queue > 0 && time.Since(took) < resetPatience && time.Since(began) < resetLongest && !system.gone() && !r.f.interrupted() {
		r.wait(look)
		before := queue
		if queue, _ = system.queued(); queue < before {
			took, look = time.Now(), resetLook
		} else {
			look = min(2*look, resetSeldom)
		}
	}
}

// wait waits also while the server drains, unlike pause: what was sent is to arrive.
func (r *resetting) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.f.cut:
	}
}

// A holder says what the system holds of a connection.
type holder interface {
	queued() (n int, known bool)
	gone() bool
}

// systemOf returns what says so of a transport; false where nothing does.
func systemOf(t transport) (holder, bool) {
	if s, ok := t.(*secured); ok {
		t = s.transport
	}
	h, ok := t.(holder)
	return h, ok
}
