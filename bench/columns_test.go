//go:build linux

package main

import (
	"maps"
	"math"
	"slices"
	"testing"
	"time"
)

// taken makes a sample of so many messages, each of which cost so much.
func taken(perMessage time.Duration, messages uint64) sample {
	return sample{cpu: perMessage * time.Duration(messages), load: loadResult{Operations: messages, Bytes: messages * 64, Seconds: 2}}
}

func columnNamed(t *testing.T, name string) column {
	t.Helper()
	for _, c := range columns() {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("no column %q", name)
	return column{}
}

func TestColumnValues_ratioToTheRoundsReference(t *testing.T) {
	c := columnNamed(t, "cpu-64")
	samples := map[cell]sample{
		// The machine is half as fast in the second round, for everyone.
		{0, reference, "message-64"}: taken(4*time.Microsecond, 100), {0, referenceAgain, "message-64"}: taken(6*time.Microsecond, 200),
		{1, reference, "message-64"}: taken(9*time.Microsecond, 100), {1, referenceAgain, "message-64"}: taken(11*time.Microsecond, 300),
		{0, "parley", "message-64"}: taken(6*time.Microsecond, 50), {1, "parley", "message-64"}: taken(13*time.Microsecond, 50),
		{1, "go", "message-64"}: taken(20*time.Microsecond, 50),
	}
	tests := map[string][]float64{
		"parley":       {1.2, 1.3}, // to the mean of the reference's two
		"go":           {2},        // not there in the first round
		"node":         {},
		reference:      {1, 1},
		referenceAgain: {1.5, 11. / 9}, // to the first, which is its row's use
	}
	for server, want := range tests {
		if got := c.values(samples, server, 2); !slices.EqualFunc(got, want, near) {
			t.Errorf("%s: got %v, want %v", server, got, want)
		}
	}
	if got, want := c.noise(samples, 2), (0.5+2./9)/2; !near(got, want) {
		t.Errorf("noise %v, want %v", got, want)
	}
	if got, want := c.against(samples, "parley", "go", 2), []float64{0.65}; !slices.EqualFunc(got, want, near) {
		t.Errorf("parley against go: %v, want %v", got, want)
	}
}

func TestColumnValues_roundWithoutReference(t *testing.T) {
	c := columnNamed(t, "cpu-64")
	samples := map[cell]sample{
		{0, reference, "message-64"}: taken(5*time.Microsecond, 100), // and not again: it failed
		{0, "parley", "message-64"}:  taken(5*time.Microsecond, 100),
	}
	if got := c.values(samples, "parley", 1); len(got) != 0 {
		t.Errorf("got %v, want nothing without both of the reference's", got)
	}
}

func TestColumnFigures(t *testing.T) {
	latency := sample{}
	latency.load.Latency.P99 = 1500
	tests := []struct {
		column string
		of     measured
		want   float64
		shown  string
	}{
		{"cpu-1", measured{"message-1": taken(4*time.Microsecond, 10)}, 4, "4.00 µs"},
		{"bulk-cpu-1", measured{"bulk-1": {cpu: time.Second, load: loadResult{Bytes: 4e9, Seconds: 2}}}, 0.25, "0.250 s/GB"},
		{"bulk-rate-8", measured{"bulk-8": {cpu: time.Second, load: loadResult{Bytes: 4e9, Seconds: 2}}}, 2, "2.00 GB/s"},
		{"p99-open", measured{"open": latency}, 1500, "1500 µs"},
		{"growth", measured{"message-64": taken(4*time.Microsecond, 10), "message-10000": taken(5*time.Microsecond, 7)}, 1.25, "1.25"},
		{"memory", measured{"idle": {resident: []float64{4000, 3628}}}, 3628, "3,628"},
		{"memory-growth", measured{"idle": {resident: []float64{4000, 3600}}}, 0.9, "0.90"},
	}
	for _, test := range tests {
		c := columnNamed(t, test.column)
		if got := c.figure(test.of); !near(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.column, got, test.want)
		}
		if got := c.show(test.want); got != test.shown {
			t.Errorf("%s shows %q, want %q", test.column, got, test.shown)
		}
	}
}

// Nothing measured is a figure that is left out, and not an infinite one.
func TestColumnFigures_nothingDone(t *testing.T) {
	c := columnNamed(t, "cpu-64")
	samples := map[cell]sample{{0, "parley", "message-64"}: {cpu: time.Second}}
	if got := c.figures(samples, "parley", 1); len(got) != 0 {
		t.Errorf("got %v", slices.Collect(maps.Values(got)))
	}
}

func TestColumnReached(t *testing.T) {
	tests := []struct {
		column string
		value  float64
		want   bool
	}{
		{"cpu-64", 1.08, true},
		{"cpu-64", 1.084, true}, // shown as 1.08
		{"cpu-64", 1.09, false},
		{"bulk-rate-8", 1.8, true},
		{"bulk-rate-8", 1.79, false},
		{"memory", 3700, true},
		{"memory", 3701, false},
		{"memory-growth", 1.05, true},
		{"memory-growth", 1.06, false},
	}
	for _, test := range tests {
		if got := columnNamed(t, test.column).reached(test.value); got != test.want {
			t.Errorf("%s: %v reaches the target: %v, want %v", test.column, test.value, got, test.want)
		}
	}
}

// Every column names works that exist, and every work is needed by a column.
func TestColumns_works(t *testing.T) {
	known, needed := make(map[string]bool), make(map[string]bool)
	for _, k := range works() {
		known[k.name] = true
	}
	for _, c := range columns() {
		for _, name := range c.works {
			needed[name] = true
			if !known[name] {
				t.Errorf("column %s needs %q, which is no work", c.name, name)
			}
		}
	}
	if len(needed) != len(known) {
		t.Errorf("works %v, of which columns need %v", known, needed)
	}
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }
