package client

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A tally gathers durations from many goroutines. It is split, so that they rarely meet, and its size does not depend on how
// many durations or connections there are.
type tally struct{ shards []tallyShard }

type tallyShard struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram // in nanoseconds; nil: empty
	_  [48]byte                // The next one is in another cache line.
}

// tallySplit is how many shards there are for each processor.
const tallySplit = 4

func newTally() *tally {
	return &tally{shards: make([]tallyShard, tallySplit*runtime.GOMAXPROCS(0))}
}

// add adds a duration; number is whatever spreads those who add.
func (t *tally) add(number int, d time.Duration) {
	s := &t.shards[number%len(t.shards)]
	s.mu.Lock()
	if s.h == nil {
		s.h = newDistribution()
	}
	_ = s.h.RecordValue(int64(min(max(d, 1), longest))) // It is within the bounds.
	s.mu.Unlock()
}

// reset forgets everything.
func (t *tally) reset() {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		if s.h != nil {
			s.h.Reset()
		}
		s.mu.Unlock()
	}
}

// sum returns all of it.
func (t *tally) sum() *Latencies {
	h := newDistribution()
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		if s.h != nil {
			h.Merge(s.h)
		}
		s.mu.Unlock()
	}
	return &Latencies{h}
}

func newDistribution() *hdrhistogram.Histogram { return hdrhistogram.New(1, int64(longest), digits) }

// Latencies are the distribution of one duration, exact to three digits.
type Latencies struct{ h *hdrhistogram.Histogram }

// Count is how many there are.
func (l *Latencies) Count() int64 { return l.h.TotalCount() }

// Min is the shortest one, zero if there is none.
func (l *Latencies) Min() time.Duration { return time.Duration(l.h.Min()) }

// Max is the longest one, zero if there is none.
func (l *Latencies) Max() time.Duration { return time.Duration(l.h.Max()) }

// Mean is zero if there is none.
func (l *Latencies) Mean() time.Duration {
	if l.Count() == 0 {
		return 0
	}
	return time.Duration(math.Round(l.h.Mean()))
}

// Percentile returns the duration that p percent of all do not exceed, zero if there is none.
func (l *Latencies) Percentile(p float64) time.Duration {
	if l.Count() == 0 {
		return 0
	}
	return min(time.Duration(l.h.ValueAtPercentile(p)), l.Max())
}

// A LatencyBar says how many of some latencies do not exceed a bound and exceed that of the bar before.
type LatencyBar struct {
	To    time.Duration
	Count int64
}

// Bars returns the distribution in steps of 1, 2, 5, 10, from the step that has the shortest to the one that has the longest.
func (l *Latencies) Bars() []LatencyBar {
	var bars []LatencyBar
	unit, digit := int64(1), 0
	for _, b := range l.h.Distribution() {
		if b.Count == 0 {
			continue
		}
		for len(bars) == 0 || int64(bars[len(bars)-1].To) < b.To {
			bar := LatencyBar{To: time.Duration(unit * []int64{1, 2, 5}[digit])}
			if digit++; digit == 3 {
				unit, digit = 10*unit, 0
			}
			if len(bars) > 0 || int64(bar.To) >= b.To {
				bars = append(bars, bar)
			}
		}
		bars[len(bars)-1].Count += b.Count
	}
	return bars
}

// A loadCount is what a connection has done. Its goroutine adds, and others read at any time.
type loadCount struct {
	messages, sent, received, conversations atomic.Uint64
}

// A loadSum is what many connections have done.
type loadSum struct{ messages, sent, received, conversations uint64 }

func (s *loadSum) add(c *loadCount) {
	s.messages += c.messages.Load()
	s.sent += c.sent.Load()
	s.received += c.received.Load()
	s.conversations += c.conversations.Load()
}

func (s loadSum) minus(o loadSum) loadSum {
	return loadSum{s.messages - o.messages, s.sent - o.sent, s.received - o.received, s.conversations - o.conversations}
}
