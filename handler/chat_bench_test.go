package handler_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"parley/handler"
	"parley/protocol"
)

// BenchmarkChat is a line from its speaker to all other members of a room, over loopback, until the last has it.
func BenchmarkChat(b *testing.B) {
	for _, members := range []int{2, 100} {
		b.Run(fmt.Sprint(members, " members"), func(b *testing.B) {
			s := serveTCP(b, handler.NewChat(0), protocol.Text{})
			all := make([]*tcpClient, members)
			for i := range all {
				all[i] = s.dial()
				all[i].enter(b)
				for _, before := range all[:i] {
					before.want(b, fmt.Sprintf("* client%d joined", i+1))
				}
			}
			line := strings.Repeat("x", 80)
			b.SetBytes(int64((members - 1) * len("<client1> "+line+"\n")))
			b.ReportAllocs()
			for b.Loop() {
				all[0].send(b, line+"\n")
				for _, c := range all[1:] {
					c.want(b, "<client1> "+line)
				}
			}
		})
	}
}

// BenchmarkChat_crowd is a room in which everybody says a line at the same time, until all have heard all others.
func BenchmarkChat_crowd(b *testing.B) {
	for _, members := range []int{20, 300} {
		b.Run(fmt.Sprint(members, " members"), func(b *testing.B) {
			s := serveTCP(b, handler.NewChat(0), protocol.Text{})
			all := make([]*tcpClient, members)
			for i := range all {
				all[i] = s.dial()
				all[i].enter(b)
				all[i].send(b, fmt.Sprintf("/name n%03d\n", i)) // Names of one length make lines of one length.
				all[i].want(b, fmt.Sprintf("* you are n%03d", i))
			}
			// Behind what the last to come says nobody has anything more to hear of who came.
			last := all[members-1]
			last.send(b, "settled\n")
			for _, c := range all[:members-1] {
				if _, _, err := c.spoken(); err != nil {
					b.Fatal(err)
				}
			}
			line := strings.Repeat("x", 80) + "\n"
			heard := (members - 1) * len("<n000> "+line)
			b.SetBytes(int64(members * heard))
			for b.Loop() {
				var hearing sync.WaitGroup
				for _, c := range all {
					hearing.Go(func() { c.takes(b, heard) })
				}
				for _, c := range all {
					c.send(b, line)
				}
				hearing.Wait()
				if b.Failed() {
					return
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(members*(members-1)), "ns/line")
			if n := len(s.closed); n > 0 {
				b.Errorf("%v have left", s.ended(n))
			}
		})
	}
}

// takes reads n bytes of lines, and not one more.
func (c *tcpClient) takes(b *testing.B, n int) {
	var last byte
	for n > 0 {
		if _, err := c.in.Peek(1); err != nil {
			b.Error(err)
			return
		}
		piece, _ := c.in.Peek(c.in.Buffered())
		if len(piece) > n || bytes.ContainsRune(piece, '*') {
			b.Errorf("got %.80q, want %d bytes of lines", piece, n)
			return
		}
		last = piece[len(piece)-1]
		n -= len(piece)
		_, _ = c.in.Discard(len(piece))
	}
	if last != '\n' {
		b.Errorf("the last line ends with %q", last)
	}
}
