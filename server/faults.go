package server

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Faults say how the connections of a listener misbehave on request. The zero value asks for nothing. They begin with the
// conversation: PROXY header and TLS handshake are as usual, and with TLS all that is counted here is what the records
// carry. What waits because of a fault waits no longer when the server drains.
type Faults struct {
	Delay          time.Duration // what is sent arrives that much later; 0: at once
	Jitter         time.Duration // Delay differs by up to that much either way, from write to write; at most Delay
	Rate           int64         // bytes a second that are sent; 0: as many as the client takes
	Chop           int64         // bytes that are sent at a time, in a segment of their own; 0: as they come
	Stall          time.Duration // nothing is read or said for that long at first; 0: it begins at once
	Corrupt        float64       // the share of bytes sent that get another value, up to 1; 0: none
	HalfCloseAfter int64         // bytes sent after which our side ends, and what is received is still read; 0: it does not
	ResetAfter     int64         // bytes sent after which the connection is reset; 0: it is not
	CloseAfter     time.Duration // how long after its beginning it is closed; 0: it is not

	Share float64 // of the connections get them, up to 1; 0: all
	Seed  uint64  // the same one gives the n-th connection that a listener accepts the same; 0: any
}

// A faultKind is one way to misbehave. What is sent goes through the stages of those that are asked for.
type faultKind struct {
	word  string                                         // for it in greeting, log and metrics
	text  func(*Faults) string                           // how much of it is asked for; empty: none is
	begin func(f *faulty)                                // called when the conversation begins; nil: there is nothing to do
	stage func(f *faulty, r *rand.Rand, s sender) sender // what does it, on the way to s; nil: it is none of output
}

// faultKinds are all there are, in the order in which their stages stand between the handler and the client. A new one is
// a file of its own, a line here and a field of Faults.
var faultKinds = [...]faultKind{
	stallFault,
	closeFault,
	rateFault,
	delayFault,
	chopFault,
	corruptFault,
	halfCloseFault,
	resetFault,
}

const numFaults = len(faultKinds)

// FaultWords returns the words for all faults there are: the values of the label fault.
func FaultWords() []string {
	words := make([]string, numFaults)
	for i, kind := range faultKinds {
		words[i] = kind.word
	}
	return words
}

// String says which faults these are, as a greeting does: rate:1KiB+delay:200ms+jitter:50ms.
func (f *Faults) String() string {
	var words []string
	for _, kind := range faultKinds {
		if text := kind.text(f); text != "" {
			words = append(words, kind.word+":"+text)
		}
	}
	return strings.Join(words, "+")
}

// A misbehaviour gives the connections of one listener their faults.
type misbehaviour struct {
	Faults
	words string
}

// maxSeed bounds the seeds that are chosen here, so that they are short enough to be typed.
const maxSeed = 1 << 30

// newMisbehaviour returns nil where nothing is asked for. It chooses a seed where there is none.
func newMisbehaviour(f *Faults) *misbehaviour {
	words := f.String()
	if words == "" {
		return nil
	}
	if f.Seed == 0 {
		f.Seed = 1 + rand.Uint64N(maxSeed)
	}
	return &misbehaviour{*f, words}
}

// draw decides whether the n-th connection gets the faults.
func (m *misbehaviour) draw(n uint64) bool {
	return m.Share == 0 || m.random(n, numFaults).Float64() < m.Share
}

// random returns the source of random numbers of the n-th connection for one of the faultKinds. Each has one of its own,
// so that what one of them does, and when, does not change another.
func (m *misbehaviour) random(n uint64, kind int) *rand.Rand {
	return rand.New(rand.NewPCG(m.Seed, n<<8|uint64(kind)))
}

// durationText is a duration as a fault's word has it, without the units of which there are none: 1h, and not 1h0m0s. It is
// empty for none.
func durationText(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// sizeText is a number of bytes as a fault's word has it, in the largest unit of which it is a multiple; empty for none.
func sizeText(n int64) string {
	switch {
	case n <= 0:
		return ""
	case n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + "MiB"
	case n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + "KiB"
	}
	return strconv.FormatInt(n, 10) + "B"
}

// shareText is a share in percent; empty for none.
func shareText(share float64) string {
	if share <= 0 {
		return ""
	}
	return strconv.FormatFloat(100*share, 'g', 6, 64) + "%"
}
