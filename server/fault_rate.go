package server

import (
	"math/rand/v2"
	"time"
)

// A rated sends so many bytes a second, in pieces of what ratePiece brings. A piece is sent as soon as those before it
// have had their time, so that the delays of timers and of the machine do not add up.
type rated struct {
	f     *faulty
	below sender
	piece int
	free  time.Time // when all that was sent so far has had its time
}

const (
	ratePiece    = 20 * time.Millisecond
	maxRatePiece = 16 << 10
	// rateSlack is how much time may be made up for: who was silent has no more than that to his credit.
	rateSlack = 100 * time.Millisecond
)

var rateFault = faultKind{
	word: "rate",
	text: func(f *Faults) string { return sizeText(f.Rate) },
	stage: func(f *faulty, _ *rand.Rand, below sender) sender {
		piece := min(max(1, f.Rate/int64(time.Second/ratePiece)), maxRatePiece)
		return &rated{f: f, below: below, piece: int(piece)}
	},
}

func (r *rated) send(b []byte) (int, error) {
	sent := 0
	for len(b) > 0 {
		r.f.pause(r.free)
		if err := r.f.failure(); err != nil {
			return sent, err
		}
		now := time.Now()
		if r.free.IsZero() {
			r.free = now
		} else if earliest := now.Add(-rateSlack); r.free.Before(earliest) {
			r.free = earliest
		}
		piece := b[:min(len(b), r.piece)]
		n, err := r.below.send(piece)
		sent += n
		if err != nil {
			return sent, err
		}
		r.free = r.free.Add(time.Duration(int64(len(piece)) * int64(time.Second) / r.f.Rate))
		b = b[len(piece):]
	}
	return sent, nil
}
