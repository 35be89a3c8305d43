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

// A client that takes nothing of what is left for resetPatience, looked at every resetLook, is reset all the same. Where the
// system does not say what it holds, it has resetGrace.
const (
	resetPatience = 10 * time.Second
	resetLook     = time.Millisecond
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
	for took := time.Now(); queue > 0 && time.Since(took) < resetPatience && !system.gone() && !r.f.interrupted(); {
		r.wait(resetLook)
		before := queue
		if queue, _ = system.queued(); queue < before {
			took = time.Now()
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
