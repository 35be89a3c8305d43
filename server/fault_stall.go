package server

import "time"

// stallFault accepts a client and then says and reads nothing for a while. What the client sends waits in the system.
var stallFault = faultKind{
	word: "stall",
	text: func(f *Faults) string { return durationText(f.Stall) },
}

// stalls waits where a conversation begins with a stall. Only then does the client's silence count.
//
//go:noinline
func (c *conn) stalls(f *faulty) {
	if f.Stall > 0 {
		f.pause(time.Now().Add(f.Stall))
		c.lastActive.Store(c.ln.srv.now())
	}
}
