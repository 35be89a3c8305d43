package server_test

import (
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/server"
)

// A thousand clients are answered as late as was asked for: never early, and half of them less than 2 ms after that. What the
// machine adds to any answer, another server tells, whose answers are not delayed; and one that is busy for a while has
// several rounds for it.
func TestDelay_manyClients(t *testing.T) {
	if portable {
		return // Faults are above the transport, and were tested.
	}
	t.Parallel()
	const clients, delay, rounds, within = 1000, 200 * time.Millisecond, 10, 2 * time.Millisecond
	late, plain := dialMany(serve(t, overTCP, echo(""), misbehaving(server.Faults{Delay: delay})), clients), dialMany(serve(t, overTCP, echo("")), clients)
	for round := range rounds {
		undelayed := askAll(t, plain, delay)
		took := askAll(t, late, delay)
		if t.Failed() {
			return
		}
		t.Logf("round %d: %d answers came %v to %v after the delay, p50 %v, p90 %v, p99 %v; without one they take p50 %v, p99 %v", round+1, clients,
			took[0]-delay, took[clients-1]-delay, took[clients/2]-delay, took[clients*9/10]-delay, took[clients*99/100]-delay, undelayed[clients/2], undelayed[clients*99/100])
		if took[0] < delay {
			t.Fatalf("one came %v early", delay-took[0])
		}
		if took[clients/2]-delay <= within+undelayed[clients/2] {
			return
		}
	}
	t.Errorf("in no round of %d, half of the answers came within %v", rounds, within)
}

func dialMany(s *stage, n int) []*client {
	conns := make([]*client, n)
	for i := range conns {
		conns[i] = s.dial()
	}
	return conns
}

// askAll has each client ask once, spread evenly over a while, as clients who know nothing of each other do. It returns how long
// the answers took, the shortest first.
func askAll(t *testing.T, conns []*client, spread time.Duration) []time.Duration {
	t.Helper()
	took := make([]time.Duration, len(conns))
	var done sync.WaitGroup
	began := time.Now()
	for i, c := range conns {
		done.Go(func() {
			time.Sleep(time.Duration(i)*spread/time.Duration(len(conns)) - time.Since(began))
			line := fmt.Sprintf("%d\n", i)
			sent := time.Now()
			if _, err := io.WriteString(c.Conn, line); err != nil {
				t.Error(err)
				return
			}
			got, err := c.r.ReadString('\n')
			took[i] = time.Since(sent)
			if err != nil || got != line {
				t.Errorf("got %q, %v; want %q", got, err, line)
			}
		})
	}
	done.Wait()
	slices.Sort(took)
	return took
}

// Over a real connection too the rate is what was asked for, within 5 % in half a second; of several, for a busy machine.
func TestRate_real(t *testing.T) {
	if portable {
		return // Faults are above the transport, and were tested.
	}
	t.Parallel()
	const rate, during, rounds, within = 100_000, time.Second / 2, 10, 0.05
	s := serve(t, overTCP, says(pattern(rate*10)), raw, misbehaving(server.Faults{Rate: rate}))
	c := s.dial()
	if _, err := io.ReadFull(c.r, make([]byte, rate/10)); err != nil { // The first tenth of a second is for what is made once.
		t.Fatal(err)
	}
	for range rounds {
		began := time.Now()
		const size = rate * int64(during) / int64(time.Second)
		if _, err := io.CopyN(io.Discard, c.r, size); err != nil {
			t.Fatal(err)
		}
		off := float64(size)/time.Since(began).Seconds()/rate - 1
		t.Logf("%+.2f %%", 100*off)
		if math.Abs(off) < within {
			return
		}
	}
	t.Errorf("in no half second of %d, the rate was right", rounds)
}

// A client that reads whatever comes reads the pieces one by one. On a busy machine it may not come to read each before the
// next one is there, so that these are most of them, in one of several conversations; that each was sent by itself, is for
// TestChop_segments.
func TestChop_real(t *testing.T) {
	if portable {
		return // Faults are above the transport, and were tested.
	}
	t.Parallel()
	const size, piece, rounds = 300, 3, 10
	s := serve(t, overTCP, says(pattern(size-1)), misbehaving(server.Faults{Chop: piece}))
	for range rounds {
		c := s.dial()
		b, reads, alone := make([]byte, size), 0, 0
		for got := 0; got < size; reads++ {
			n, err := c.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			if n%piece != 0 {
				t.Errorf("a read brought %d bytes, which are no pieces of %d", n, piece)
			}
			if n == piece {
				alone++
			}
			got += n
		}
		c.Close()
		t.Logf("%d pieces in %d reads, %d of them one piece", size/piece, reads, alone)
		if alone >= size/piece*9/10 {
			return
		}
	}
	t.Errorf("in none of %d conversations were the pieces read one by one", rounds)
}

// Each connection draws by itself, about as many as were asked for, and the same ones by the same seed.
func TestFaults_share(t *testing.T) {
	if portable {
		return // Faults are above the transport, and were tested.
	}
	t.Parallel()
	const conns = 20_000
	for _, share := range []float64{0.001, 0.05, 0.5, 0.95, 1} {
		drawn := server.Draws(server.Faults{Delay: 1, Share: share, Seed: 42}, conns)
		if again := server.Draws(server.Faults{Delay: 1, Share: share, Seed: 42}, conns); !slices.Equal(drawn, again) {
			t.Errorf("share %v: the same seed drew others", share)
		}
		if other := server.Draws(server.Faults{Delay: 1, Share: share, Seed: 43}, conns); share < 1 && slices.Equal(drawn, other) {
			t.Errorf("share %v: another seed drew the same ones", share)
		}
		// Drawn, and drawn after one that was: both within 5 standard deviations.
		n, pairs := 0, 0
		for i, is := range drawn {
			if is {
				n++
				if i > 0 && drawn[i-1] {
					pairs++
				}
			}
		}
		for what, got := range map[string]struct{ n, p float64 }{"drawn": {float64(n), share}, "drawn twice in a row": {float64(pairs), share * share}} {
			if diff, allowed := got.n-conns*got.p, 5*conns*got.p*(1-got.p)+25; diff*diff > 5*allowed {
				t.Errorf("share %v: %v of %d %s, want about %v", share, got.n, conns, what, conns*got.p)
			}
		}
	}
	if drawn := server.Draws(server.Faults{Delay: 1}, conns); slices.Contains(drawn, false) {
		t.Error("without a share, not all were drawn")
	}
	if one, other := server.Draws(server.Faults{Delay: 1, Share: 0.5}, conns), server.Draws(server.Faults{Delay: 1, Share: 0.5}, conns); slices.Equal(one, other) {
		t.Error("without a seed, two listeners drew the same")
	}
}
