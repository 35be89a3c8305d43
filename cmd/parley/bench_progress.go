package main

import (
	"fmt"
	"io"
	"time"

	"parley/client"
)

// clearLine takes back a line that is not ended, on a terminal.
const clearLine = "\r\x1b[K"

// progressLine returns what shows the state of a load in one line of a terminal, each time in the place of the one before.
func progressLine(w io.Writer, load client.Load) func(client.LoadProgress) {
	var before client.LoadProgress
	last := time.Now()
	return func(p client.LoadProgress) {
		now := time.Now()
		took := now.Sub(last).Seconds()
		phase := "opening"
		if p.Elapsed > 0 {
			phase = fmt.Sprintf("%.0fs of %v", p.Elapsed.Seconds(), load.Duration)
		} else if p.Messages > 0 {
			phase = "warming up"
		}
		fmt.Fprintf(w, clearLine+"%s  %d connections  %.0f messages/s  %.1f MB/s  %d errors", phase, p.Connections,
			float64(p.Messages-before.Messages)/took, float64(p.Bytes-before.Bytes)/took/1e6, p.Errors)
		before, last = p, now
	}
}
