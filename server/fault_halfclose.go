package server

import "math/rand/v2"

// A halfClosing ends our side when so many bytes were sent, and swallows what comes later. The conversation goes on as if
// nothing had happened: what the client sends is read.
type halfClosing struct {
	f     *faulty
	below sender
	left  int64
}

var halfCloseFault = faultKind{
	word: "half_close_after",
	text: func(f *Faults) string { return sizeText(f.HalfCloseAfter) },
	stage: func(f *faulty, _ *rand.Rand, below sender) sender {
		return &halfClosing{f, below, f.HalfCloseAfter}
	},
}

func (h *halfClosing) send(b []byte) (int, error) {
	if h.left == 0 {
		return 0, nil
	}
	n, err := h.below.send(b[:min(int64(len(b)), h.left)])
	h.left -= int64(n)
	if err == nil && h.left == 0 {
		h.f.halfClose()
	}
	return n, err
}

// halfClose ends our side below, while the client's goes on.
func (f *faulty) halfClose() {
	if s, ok := f.transport.(*secured); ok {
		s.halfClose()
		return
	}
	f.transport.closeWrite()
}
