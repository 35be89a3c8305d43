package main

import (
	"os"
	"os/signal"
	"syscall"
)

// notifySignals gives the signals that end the daemon. SIGPIPE is ignored: Go would end the process when the reader of
// its standard output goes away.
func notifySignals() (signals <-chan os.Signal, stop func()) {
	signal.Ignore(syscall.SIGPIPE)
	ch := make(chan os.Signal, 2) // The second one must not be lost.
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	return ch, func() { signal.Stop(ch) }
}
