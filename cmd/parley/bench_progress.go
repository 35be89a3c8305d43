package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"parley/client"
)

// clearLine takes back a line that is not ended, on a terminal.
const clearLine = "\r\x1b[K"

// progressLine returns what shows the state of a load in one line of a terminal, each time in the place of the one before.
func progressLine(screen *os.File, load client.Load) func(client.LoadProgress) {
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
		line := fmt.Sprintf("%s  %d connections  %.0f messages/s  %.1f MB/s  %d errors", phase, p.Connections,
			float64(p.Messages-before.Messages)/took, float64(p.Bytes-before.Bytes)/took/1e6, p.Errors)
		// A line that does not fit would leave its beginning behind.
		if width, _, err := term.GetSize(int(screen.Fd())); err == nil && width > 0 {
			line = line[:min(len(line), width-1)]
		}
		fmt.Fprint(screen, clearLine+line)
		before, last = p, now
	}
}
