//go:build linux

package main

import (
	"math"
	"slices"
)

// A spread is what several rounds gave for one figure.
type spread struct {
	median, min, max float64
	rounds           int
}

// spreadOf returns the spread of values, whose order it does not touch. Without values, rounds is 0.
func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return spread{median: median, min: sorted[0], max: sorted[len(sorted)-1], rounds: len(sorted)}
}

// noise is how far a ratio of two runs of the same thing is from 1: 0.05 is 5 %.
func noise(ratio float64) float64 { return math.Abs(ratio - 1) }
