package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"parley/client"
)

// Where the plot stands in its drawing, in units of the drawing.
const (
	plotLeft, plotRight = 70.0, 780.0
	plotTop, plotBottom = 20.0, 340.0
)

// curves are the percentiles of some latencies. Across, each step leaves out nine of ten of those that the step before left
// out: 0, 90, 99, 99.9 percent; upwards is the time on a logarithmic scale.
type curves struct {
	Lines         []curve
	Across        []tick
	Up            []tick
	Left, Right   float64
	Top, Bottom   float64
	Width, Height float64
}

type curve struct {
	Name   string
	Points string // as the attribute of a polyline
}

type tick struct {
	At    float64
	Label string
}

// maxNines is the last step across, 99.9999 percent; a load of less than a million messages has fewer.
const maxNines = 6.0

// newCurves draws what was measured, or returns nil if nothing was.
func newCurves(r *client.LoadResult) *curves {
	rows := r.Rows()
	if len(rows) == 0 {
		return nil
	}
	c := &curves{
		Left: plotLeft, Right: plotRight, Top: plotTop, Bottom: plotBottom,
		Width: plotRight + 30, Height: plotBottom + 50,
	}
	nines, shortest, longest := 1.0, time.Duration(math.MaxInt64), time.Duration(0)
	for _, row := range rows {
		nines = min(max(nines, math.Log10(float64(row.Count()))), maxNines)
		shortest, longest = min(shortest, row.Min()), max(longest, row.Max())
	}
	low := math.Floor(math.Log10(float64(max(shortest, 1))))
	high := max(math.Ceil(math.Log10(float64(max(longest, 1)))), low+1)
	across := func(n float64) float64 { return plotLeft + n/nines*(plotRight-plotLeft) }
	up := func(d time.Duration) float64 {
		return plotBottom - (math.Log10(float64(max(d, 1)))-low)/(high-low)*(plotBottom-plotTop)
	}
	for n := 0.0; n <= nines; n++ {
		c.Across = append(c.Across, tick{across(n), fmt.Sprintf("%g%%", percentile(n))})
	}
	for e := low; e <= high; e++ {
		d := time.Duration(math.Pow(10, e))
		c.Up = append(c.Up, tick{up(d), bound(d)})
	}
	const steps = 40 // for each nine
	for _, row := range rows {
		var points strings.Builder
		last := min(math.Log10(float64(row.Count())), nines)
		for i := 0; float64(i)/steps <= last; i++ {
			n := float64(i) / steps
			fmt.Fprintf(&points, "%.1f,%.1f ", across(n), up(row.Percentile(percentile(n))))
		}
		fmt.Fprintf(&points, "%.1f,%.1f", across(last), up(row.Max()))
		c.Lines = append(c.Lines, curve{row.Name, points.String()})
	}
	return c
}

// percentile is the percentile with so many nines, rounded to what is shown of it.
func percentile(nines float64) float64 {
	const digits = 1e8
	return math.Round((1-math.Pow(10, -nines))*100*digits) / digits
}
