package handler_test

import (
	"fmt"
	"strings"
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
