package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameSignal is how soon behind a signal another one of its kind is the same: timeout(1) signals its child and then the whole
// process group, in which the child is.
const sameSignal = 50 * time.Millisecond

// notifySignals gives the signals that end the daemon. SIGPIPE is ignored: Go would end the process when the reader of
// its standard output goes away.
func notifySignals() (signals <-chan os.Signal, stop func()) {
	signal.Ignore(syscall.SIGPIPE)
	in, out := make(chan os.Signal, 4), make(chan os.Signal, 2) // The second one must not be lost.
	signal.Notify(in, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		mergeSignals(in, out)
	}()
	return out, func() {
		signal.Stop(in)
		close(in)
		<-done
	}
}

// mergeSignals passes on what comes in until that is closed, but for those that are the same as one before. What nobody takes from
// out is dropped.
func mergeSignals(in <-chan os.Signal, out chan<- os.Signal) {
	passed := map[os.Signal]time.Time{}
	for sig := range in {
		now := time.Now()
		if before, ok := passed[sig]; ok && now.Sub(before) < sameSignal {
			continue
		}
		passed[sig] = now
		select {
		case out <- sig:
		default:
		}
	}
}

// untilSignal returns a context that SIGINT or SIGTERM ends. A second signal, unless it is the same, ends the process as if nobody
// waited for it.
func untilSignal(ctx context.Context) (_ context.Context, stop context.CancelFunc) {
	ctx, stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() { time.AfterFunc(sameSignal, stop) })
	return ctx, stop
}
