package server_test

import (
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/server"
)

// A thousand clients are answered as late as was asked for: never early, and half of them less than 2 ms after that. What a
// busy machine adds to the others is logged.
func TestDelay_manyClients(t *testing.T) {
	t.Parallel()
	const clients, delay, rounds = 1000, 200 * time.Millisecond, 3
	s := serve(t, overTCP, echo(""), misbehaving(server.Faults{Delay: delay}))
	conns := make([]*client, clients)
	for i := range conns {
		conns[i] = s.dial()
	}
	var mu sync.Mutex
	var took []time.Duration
	var done sync.WaitGroup
	began := time.Now()
	for i, c := range conns {
		done.Go(func() {
			for round := range rounds {
				// Spread evenly, as clients who know nothing of each other are.
				due := time.Duration(round)*2*delay + time.Duration(i)*2*delay/clients
				time.Sleep(due - time.Since(began))
				line := fmt.Sprintf("%d of %d\n", round, i)
				sent := time.Now()
				if _, err := io.WriteString(c.Conn, line); err != nil {
					t.Error(err)
					return
				}
				got, err := c.r.ReadString('\n')
				d := time.Since(sent)
				if err != nil || got != line {
					t.Errorf("got %q, %v; want %q", got, err, line)
					return
				}
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
			}
		})
	}
	done.Wait()
	if t.Failed() {
		return
	}
	slices.Sort(took)
	late := func(percent int) time.Duration { return took[(len(took)-1)*percent/100] - delay }
	t.Logf("%d answers of %d clients came %v to %v after the delay, p50 %v, p90 %v, p99 %v", len(took), clients, late(0), late(100), late(50), late(90), late(99))
	if late(0) < 0 {
		t.Errorf("one came %v early", -late(0))
	}
	if late(50) > 2*time.Millisecond && !raceDetector {
		t.Errorf("half of them came %v late or more", late(50))
	}
}

// Over a real connection too the rate is what was asked for, within 5 %, and never more.
func TestRate_real(t *testing.T) {
	t.Parallel()
	const rate, during = 100_000, 1500 * time.Millisecond
	s := serve(t, overTCP, says(pattern(rate*10)), raw, misbehaving(server.Faults{Rate: rate}))
	c := s.dial()
	if _, err := io.ReadFull(c.r, make([]byte, rate/10)); err != nil { // The first tenth of a second is for what is made once.
		t.Fatal(err)
	}
	began := time.Now()
	const size = rate * int64(during) / int64(time.Second)
	if _, err := io.CopyN(io.Discard, c.r, size); err != nil {
		t.Fatal(err)
	}
	got := float64(size) / time.Since(began).Seconds()
	t.Logf("%.0f bytes a second, %+.2f %%", got, 100*(got/rate-1))
	if got < 0.95*rate || got > 1.05*rate {
		t.Errorf("%.0f bytes a second, want %d", got, rate)
	}
}

// A client that reads whatever comes reads the pieces one by one. On a busy machine it may not come to read each before the
// next one is there, so that this is no more than most of them; that each was sent by itself, TestChop_segments wants to see.
func TestChop_real(t *testing.T) {
	t.Parallel()
	const size, piece = 999, 3
	s := serve(t, overTCP, says(pattern(size-1)), misbehaving(server.Faults{Chop: piece}))
	nc, err := net.Dial("tcp", s.socket.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	b, reads, alone := make([]byte, size), 0, 0
	for got := 0; got < size; reads++ {
		n, err := nc.Read(b)
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
	t.Logf("%d pieces in %d reads, %d of them one piece", size/piece, reads, alone)
	if alone < size/piece/2 {
		t.Errorf("%d of %d pieces were read alone", alone, size/piece)
	}
}

// Each connection draws by itself, about as many as were asked for, and the same ones by the same seed.
func TestFaults_share(t *testing.T) {
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
