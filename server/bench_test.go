package server_test

import "testing"

// BenchmarkConversation has one client that waits for each answer, over loopback: half of the time is the client's.
func BenchmarkConversation(b *testing.B) {
	for _, c := range hot {
		b.Run(c.name, func(b *testing.B) {
			round := converses(b, c.handler, c.options, c.wire, c.send, c.answer)
			n := 0
			for _, piece := range c.send {
				n += len(piece)
			}
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				round()
			}
		})
	}
}
