//go:build linux

package main

import (
	"math"
	"testing"
)

func TestSpread(t *testing.T) {
	tests := []struct {
		values []float64
		want   spread
	}{
		{nil, spread{}},
		{[]float64{2}, spread{2, 2, 2, 1}},
		{[]float64{3, 1}, spread{2, 1, 3, 2}},
		{[]float64{9, 1, 2}, spread{2, 1, 9, 3}},
		{[]float64{4, 1, 3, 2}, spread{2.5, 1, 4, 4}},
	}
	for _, test := range tests {
		if got := spreadOf(test.values); got != test.want {
			t.Errorf("spreadOf(%v) = %+v, want %+v", test.values, got, test.want)
		}
	}
	values := []float64{3, 1, 2}
	spreadOf(values)
	if values[0] != 3 || values[1] != 1 {
		t.Errorf("spreadOf changed the order of its values to %v", values)
	}
}

func TestNoise(t *testing.T) {
	for ratio, want := range map[float64]float64{1: 0, 1.05: 0.05, 0.95: 0.05} {
		if got := noise(ratio); math.Abs(got-want) > 1e-9 {
			t.Errorf("noise(%v) = %v, want %v", ratio, got, want)
		}
	}
}
