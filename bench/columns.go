//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
)

// A measured is what a server gave in one round: a sample for each work it was put through.
type measured map[string]sample

// A column is a measure of the table.
type column struct {
	name  string // for --only
	title string
	works []string // what figure needs
	// figure is the server's own, from a round in which it did all those works.
	figure func(measured) float64
	show   func(float64) string // the figure, with its unit

	absolute bool // the cell is the figure; else it is its ratio to the reference's of the same round
	more     bool // more is better
	target   float64
}

// columns is every measure. The targets are parley's.
func columns() []column {
	return []column{
		perOperation("cpu-1", "64 B, 1 conn: CPU per message", "message-1", 1.10),
		perOperation("cpu-64", "64 B, 64 conns: CPU per message", "message-64", 1.08),
		perOperation("cpu-1000", "64 B, 1000 conns: CPU per message", "message-1000", 1.20),
		perOperation("cpu-10000", "64 B, 10,000 conns: CPU per message", "message-10000", 1.05),
		perOperation("cpu-16k", "16 KiB, 64 conns: CPU per message", "message-16k", 1.03),
		perByte("bulk-cpu-1", "bulk, 1 conn: CPU per GB", "bulk-1", 0.65),
		perByte("bulk-cpu-8", "bulk, 8 conns: CPU per GB", "bulk-8", 0.50),
		throughput("bulk-rate-1", "bulk, 1 conn: GB/s", "bulk-1", 1.35),
		throughput("bulk-rate-8", "bulk, 8 conns: GB/s", "bulk-8", 1.8),
		perOperation("churn-quiet", "connect, 1 message, close, unlogged: CPU", "churn-quiet", 1.03),
		perOperation("churn", "connect, 1 message, close, logged: CPU", "churn", 1.06),
		latency("p99-closed", "64 B, 64 conns: p99", "message-64", 1.15),
		latency("p99-open", "60,000 messages/s, 1000 conns: p99", "open", 1.00),
		{
			name: "memory", title: "bytes per idle conn at 15,000", works: []string{"idle"}, absolute: true, target: 3700,
			figure: func(m measured) float64 { return m["idle"].resident[1] },
			show:   thousands,
		},
		perOperation("text", "text echo with prefix: CPU per message", "text", 1.10),
		perOperation("unpinned", "64 B, 64 conns, not pinned: CPU per message", "unpinned", 1.10),
		{
			name: "growth", title: "CPU per message, 10,000 conns over 64", works: []string{"message-64", "message-10000"}, target: 1.00,
			figure: func(m measured) float64 {
				return perMessage(m["message-10000"]) / perMessage(m["message-64"])
			},
			show: times,
		},
		{
			name: "memory-growth", title: "bytes per idle conn, 15,000 over 1,500", works: []string{"idle"}, absolute: true, target: 1.05,
			figure: func(m measured) float64 { return m["idle"].resident[1] / m["idle"].resident[0] },
			show:   times,
		},
	}
}

func perMessage(s sample) float64 { return s.cpu.Seconds() * 1e6 / float64(s.load.Operations) }

// perOperation is CPU time for each message or connection.
func perOperation(name, title, work string, target float64) column {
	return column{
		name: name, title: title, works: []string{work}, target: target,
		figure: func(m measured) float64 { return perMessage(m[work]) },
		show:   func(v float64) string { return fmt.Sprintf("%.2f µs", v) },
	}
}

// perByte is CPU time for what came back, in seconds for 10^9 bytes.
func perByte(name, title, work string, target float64) column {
	return column{
		name: name, title: title, works: []string{work}, target: target,
		figure: func(m measured) float64 { return m[work].cpu.Seconds() * 1e9 / float64(m[work].load.Bytes) },
		show:   func(v float64) string { return fmt.Sprintf("%.3f s/GB", v) },
	}
}

// throughput is what came back in a second, in 10^9 bytes.
func throughput(name, title, work string, target float64) column {
	return column{
		name: name, title: title, works: []string{work}, target: target, more: true,
		figure: func(m measured) float64 { return float64(m[work].load.Bytes) / 1e9 / m[work].load.Seconds },
		show:   func(v float64) string { return fmt.Sprintf("%.2f GB/s", v) },
	}
}

// latency is the 99th percentile.
func latency(name, title, work string, target float64) column {
	return column{
		name: name, title: title, works: []string{work}, target: target,
		figure: func(m measured) float64 { return m[work].load.Latency.P99 },
		show:   func(v float64) string { return fmt.Sprintf("%.0f µs", v) },
	}
}

func times(v float64) string { return fmt.Sprintf("%.2f", v) }

func thousands(v float64) string {
	n := int64(math.Round(v))
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// cell shows what stands in a cell of the column: a ratio, or the figure itself.
func (c column) cell(v float64) string {
	if c.absolute {
		return c.show(v)
	}
	return times(v)
}

// reached reports whether a value, to the digits that are shown, reaches the target.
func (c column) reached(v float64) bool {
	if !c.absolute || c.target < 1000 {
		v = math.Round(v*100) / 100
	}
	if c.more {
		return v >= c.target
	}
	return v <= c.target
}

// figures returns a server's figures by round. A round in which it lacks a sample is not in it.
func (c column) figures(samples map[cell]sample, server string, rounds int) map[int]float64 {
	all := make(map[int]float64)
	for round := range rounds {
		m := make(measured)
		for _, work := range c.works {
			if got, ok := samples[cell{round, server, work}]; ok {
				m[work] = got
			}
		}
		if len(m) < len(c.works) {
			continue
		}
		if v := c.figure(m); !math.IsNaN(v) && !math.IsInf(v, 0) {
			all[round] = v
		}
	}
	return all
}

// values returns what stands in the server's cell, for each round that has it: the figure, or its ratio to the mean of
// the reference's two of that round.
func (c column) values(samples map[cell]sample, server string, rounds int) []float64 {
	own := c.figures(samples, server, rounds)
	if c.absolute {
		return ordered(own)
	}
	first := c.figures(samples, reference, rounds)
	again := c.figures(samples, referenceAgain, rounds)
	if server == reference || server == referenceAgain {
		again = first // the first is 1.00, and the other's row is the one against the other
	}
	ratios := make(map[int]float64)
	for round, v := range own {
		a, ok := first[round]
		b, okAgain := again[round]
		if ok && okAgain {
			ratios[round] = v / ((a + b) / 2)
		}
	}
	return ordered(ratios)
}

// noise returns the median, over the rounds, of how far the reference was from itself. It is 0 for absolute columns.
func (c column) noise(samples map[cell]sample, rounds int) float64 {
	if c.absolute {
		return 0
	}
	var all []float64
	for _, ratio := range c.values(samples, referenceAgain, rounds) {
		all = append(all, noise(ratio))
	}
	return spreadOf(all).median
}

// against returns the ratio of one server's figure to another's of the same round.
func (c column) against(samples map[cell]sample, server, other string, rounds int) []float64 {
	theirs := c.figures(samples, other, rounds)
	ratios := make(map[int]float64)
	for round, v := range c.figures(samples, server, rounds) {
		if o, ok := theirs[round]; ok {
			ratios[round] = v / o
		}
	}
	return ordered(ratios)
}

// ordered returns the values of the rounds, in their order.
func ordered(byRound map[int]float64) []float64 {
	rounds := make([]int, 0, len(byRound))
	for round := range byRound {
		rounds = append(rounds, round)
	}
	slices.Sort(rounds)
	values := make([]float64, len(rounds))
	for i, round := range rounds {
		values[i] = byRound[round]
	}
	return values
}
