package server

import "math/rand/v2"

// A corrupted gives a share of all bytes another value. Which ones, and which values, depends on nothing but the seed, the
// connection's number and the byte's place in what is sent.
type corrupted struct {
	below  sender
	share  float64
	random *rand.Rand
	buf    []byte
}

var corruptFault = faultKind{
	word: "corrupt",
	text: func(f *Faults) string { return shareText(f.Corrupt) },
	stage: func(f *faulty, random *rand.Rand, below sender) sender {
		return &corrupted{below: below, share: f.Corrupt, random: random}
	},
}

// corruptPiece is how much is changed, and sent, at a time: what a connection keeps for it.
const corruptPiece = 4 << 10

func (c *corrupted) send(b []byte) (int, error) {
	sent := 0
	for {
		piece := b[sent:min(len(b), sent+corruptPiece)]
		c.buf = append(c.buf[:0], piece...) // b is not ours to change.
		for i := range c.buf {
			if c.random.Float64() < c.share {
				c.buf[i] ^= byte(1 + c.random.IntN(255))
			}
		}
		n, err := c.below.send(c.buf)
		sent += n
		if err != nil || n < len(piece) || sent == len(b) {
			return sent, err
		}
	}
}
