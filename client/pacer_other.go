//go:build !linux

package client

import "time"

// A pacer waits until it is time. On Linux it is more exact.
type pacer struct{ stopped chan struct{} }

func newPacer() (*pacer, error) { return &pacer{make(chan struct{})}, nil }

// wait waits, and is false after stop.
func (p *pacer) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.stopped:
		return false
	}
}

// stop ends a wait that is under way, and all later ones.
func (p *pacer) stop() { close(p.stopped) }

// close has nothing to free.
func (*pacer) close() {}
