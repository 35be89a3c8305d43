package client_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"parley/client"
)

// Cut in any way, a text is found if and only if it is there.
func TestFinder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	words := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ab"[random.IntN(2)]
		}
		return string(b)
	}
	there := 0
	for range 20_000 {
		text, all := words(random.IntN(8)), words(random.IntN(40))
		find := client.NewFinder(text)
		got, seen := find(""), 0
		for seen < len(all) {
			n := 1 + random.IntN(len(all)-seen)
			got = find(all[seen : seen+n])
			seen += n
			if want := strings.Contains(all[:seen], text); got != want {
				t.Fatalf("%q in %q: %v, want %v", text, all[:seen], got, want)
			}
		}
		if got {
			there++
		}
	}
	if there < 5000 || there > 19_000 {
		t.Errorf("found %d times", there)
	}
}

// Each byte is looked at once, as far as that can be seen from how long it takes: this is what takes quadratic time otherwise.
func BenchmarkFinder(b *testing.B) {
	text := strings.Repeat("a", 100_000) + "b"
	pieces := strings.Split(strings.Repeat("a", 160_000), "")
	for b.Loop() {
		find := client.NewFinder(text)
		for _, p := range pieces {
			find(p)
		}
	}
}
