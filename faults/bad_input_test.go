//go:build system && linux

package faults_test

import (
	"strings"
	"testing"
	"time"

	"parley/faults/daemontest"
)

// Clients that connect, say nothing and leave are no news, and each is counted.
func TestB2_silentConnects(t *testing.T) {
	eachTransport(t, func(f *fault) {
		n := sized(f, 2000, 10_000)
		p := f.serve("PARLEY_LOG_LEVEL=info", "echo://127.0.0.1:0")
		p.clientsAbort = true // They leave a greeting unread.
		quiet := len(p.Stdout.String())
		began := time.Now()
		for range n {
			c, err := daemontest.Connect(p.Addresses[0])
			f.must(err)
			c.Close()
		}
		f.figure("connections a second", "%.0f", float64(n)/time.Since(began).Seconds())
		f.eventually("each is counted", func() bool { return p.ended() == n })
		for line := range strings.Lines(p.Stdout.String()[quiet:]) {
			if !strings.Contains(line, canaryListener) {
				f.Errorf("logged: %s", line)
			}
		}
	})
}
