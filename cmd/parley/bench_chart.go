package main

import (
	"fmt"
	"strings"
	"time"

	"parley/client"
)

// chartWidth is how many columns the longest bar has.
const chartWidth = 50

// barChart draws how long the answers took, a bar for each step of 1, 2, 5, 10; empty if there were none.
func barChart(r *client.LoadResult, utf8 bool) string {
	bars := r.Echo.Bars()
	var most int64
	for _, bar := range bars {
		most = max(most, bar.Count)
	}
	var b strings.Builder
	for i, bar := range bars {
		if i == 0 {
			b.WriteString("echo up to\n")
		}
		line := fmt.Sprintf("%10s %6.2f%% %s", bound(bar.To), 100*float64(bar.Count)/float64(r.Echo.Count()), drawBar(bar.Count, most, utf8))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// drawBar draws a bar, with blocks of an eighth's precision or in ASCII. What is not nothing is seen.
func drawBar(count, most int64, utf8 bool) string {
	if count == 0 {
		return ""
	}
	if !utf8 {
		return strings.Repeat("#", max(1, int(count*chartWidth/most)))
	}
	eighths := max(1, int(count*chartWidth*8/most))
	bar := strings.Repeat("█", eighths/8)
	if part := eighths % 8; part > 0 {
		bar += string([]rune("▏▎▍▌▋▊▉")[part-1])
	}
	return bar
}

// bound writes a round duration in ASCII, without what Go writes behind whole minutes: 1m, not 1m0s.
func bound(d time.Duration) string {
	s := strings.Replace(d.String(), "µ", "u", 1)
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	return s
}
