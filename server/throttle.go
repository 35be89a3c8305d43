package server

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// throttleBurst is how many seconds' worth of lines a throttle lets through at once, after it was quiet for as long.
const throttleBurst = 10

// A throttle bounds log lines of one kind, of which strangers can cause as many as they like. It counts those that are left
// out, and says how many they were once a second.
type throttle struct {
	limiter *rate.Limiter        // nil: no bound
	report  func(leftOut uint64) // nil: nothing is said, as the lines themselves tell how many there were

	mu      sync.Mutex
	leftOut uint64 // since the last report
}

// newThrottle returns a throttle for so many lines a second, 0 for no bound, and burst at once.
func newThrottle(perSecond, burst int, report func(leftOut uint64)) *throttle {
	t := &throttle{report: report}
	if perSecond > 0 {
		t.limiter = rate.NewLimiter(rate.Limit(perSecond), burst)
	}
	return t
}

// allows reports whether the next line may be written.
func (t *throttle) allows() bool {
	if t.limiter == nil || t.limiter.Allow() {
		return true
	}
	if t.report == nil {
		return false
	}
	t.mu.Lock()
	t.leftOut++
	first := t.leftOut == 1
	t.mu.Unlock()
	if first {
		time.AfterFunc(time.Second, t.flush)
	}
	return false
}

// flush says what was left out so far.
func (t *throttle) flush() {
	t.mu.Lock()
	n := t.leftOut
	t.leftOut = 0
	t.mu.Unlock()
	if n > 0 {
		t.report(n)
	}
}
