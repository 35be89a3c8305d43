//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
)

// The guard of --quick: who is held against whom, in what, and the flags that it starts from.
const (
	guarded        = "parley"
	guardedAgainst = "go"

	quickColumns  = "cpu-64,cpu-1000,cpu-16k,churn"
	quickRounds   = 5
	quickDuration = "300ms"
)

var errOverBound = errors.New("parley costs more than it may")

// guard writes parley's ratio to plain Go for each column, and fails if the median of one is over the bound.
func guard(out io.Writer, columns []column, samples map[cell]sample, rounds int, bound, noiseLimit float64) error {
	var failed error
	for _, c := range columns {
		s := spreadOf(c.against(samples, guarded, guardedAgainst, rounds))
		verdict := "ok"
		switch {
		case s.rounds == 0:
			verdict, failed = "not measured", errOverBound
		case s.median > bound:
			verdict, failed = "OVER", errOverBound
		}
		if n := c.noise(samples, rounds); n > noiseLimit {
			verdict += fmt.Sprintf(" (noisy machine: the reference was %.0f %% from itself)", n*100)
		}
		fmt.Fprintf(out, "%-12s parley / plain Go %.2f (%.2f–%.2f, %d rounds), bound %.2f: %s\n", c.name, s.median, s.min, s.max,
			s.rounds, bound, verdict)
	}
	return failed
}
