package server

import (
	"math/rand/v2"
	"time"
)

// A chopped sends so many bytes at a time. Nagle's algorithm is off, so that each write makes a segment; the pause behind it
// gives a client that waits for it time to read it before the next one comes.
type chopped struct {
	f     *faulty
	below sender
	next  time.Time // when the next piece may be sent
}

const chopPause = time.Millisecond

var chopFault = faultKind{
	word: "chop",
	text: func(f *Faults) string { return sizeText(f.Chop) },
	stage: func(f *faulty, _ *rand.Rand, below sender) sender {
		return &chopped{f: f, below: below}
	},
}

func (c *chopped) send(b []byte) (int, error) {
	sent := 0
	for len(b) > 0 {
		c.f.pause(c.next)
		piece := b[:min(int64(len(b)), c.f.Chop)]
		n, err := c.below.send(piece)
		sent += n
		if err != nil {
			return sent, err
		}
		c.next = time.Now().Add(chopPause)
		b = b[len(piece):]
	}
	return sent, nil
}
