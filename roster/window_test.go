package roster_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"parley/roster"
)

// A window is what the whole would show there if it were sorted, whatever the order and wherever the window.
func TestWindow(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		n := random.IntN(60)
		sorted := make([]int, n)
		for i := range sorted {
			sorted[i] = i
		}
		s := slices.Clone(sorted)
		switch random.IntN(3) {
		case 0:
			slices.Reverse(s)
		case 1:
			random.Shuffle(n, func(i, j int) { s[i], s[j] = s[j], s[i] })
		}
		shuffled := slices.Clone(s)
		offset, limit := random.IntN(70), random.IntN(70)
		got := roster.Window(s, offset, limit, cmp.Compare[int])
		want := sorted[min(offset, n):min(offset+limit, n)]
		if !slices.Equal(got, want) {
			t.Fatalf("%v at %d, %d: got %v, want %v", shuffled, offset, limit, got, want)
		}
		if slices.Sort(s); !slices.Equal(s, sorted) {
			t.Fatalf("%v became %v: something was lost", shuffled, s)
		}
	}
}

func ExampleWindow() {
	arrivals := []int{5, 3, 9, 1, 7, 2, 8}
	fmt.Println(roster.Window(arrivals, 2, 3, cmp.Compare[int]))
	// Output: [3 5 7]
}

// BenchmarkWindow has a page of 100 out of 10,000, beside what sorting all would cost.
func BenchmarkWindow(b *testing.B) {
	values := rand.Perm(10_000)
	s := make([]int, len(values))
	b.Run("window", func(b *testing.B) {
		for b.Loop() {
			copy(s, values)
			roster.Window(s, 5000, 100, cmp.Compare[int])
		}
	})
	b.Run("sort", func(b *testing.B) {
		for b.Loop() {
			copy(s, values)
			slices.SortFunc(s, cmp.Compare[int])
		}
	})
}
