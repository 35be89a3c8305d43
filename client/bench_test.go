package client_test

import (
	"context"
	"io"
	"net"
	"testing"

	"parley/client"
	"parley/protocol"
)

// BenchmarkConn is a message and its echo over loopback, on each wire, with a deadline as a probe has one.
func BenchmarkConn(b *testing.B) {
	for _, name := range []string{protocol.TextName, protocol.JSONName, protocol.PickleName, protocol.RawName} {
		b.Run(name, func(b *testing.B) {
			conn := dial(b, client.Dialer{Wire: name, NoGreeting: true}, serve(b, func(nc *net.TCPConn) { _, _ = io.Copy(nc, nc) }))
			ctx, cancel := context.WithTimeout(b.Context(), patience)
			defer cancel()
			text := "parley probe 0"
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if err := conn.Send(ctx, text); err != nil {
					b.Fatal(err)
				}
				if _, err := conn.Receive(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
