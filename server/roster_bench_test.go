package server_test

import (
	"testing"

	"parley/protocol"
	"parley/roster"
	"parley/server"
)

// BenchmarkRoster looks at 10,000 connections. "lock" is how long they could neither come nor go for a look.
func BenchmarkRoster(b *testing.B) {
	srv := server.New(server.Config{RosterClosed: 256})
	l := srv.NewListener(server.ListenerConfig{Label: "echo://:12000", HandlerName: "echo", WireName: protocol.TextName})
	srv.Populate(l, 10_000)
	r := srv.Roster()
	bench := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
	page := func(name string, q roster.Query) {
		q.State = roster.All
		bench(name, func() {
			if got := r.Select(q).Clients; len(got) != q.Limit {
				b.Fatalf("%d records", len(got))
			}
		})
	}
	bench("lock", srv.Copy)
	bench("stamp", func() { r.Stamp() })
	page("page", roster.Query{Limit: 100})
	page("page in the middle by bytes", roster.Query{Limit: 100, Offset: 5000, Sort: "bytes"})
	page("page of 1000 by address", roster.Query{Limit: 1000, Sort: "you"})
	page("found", roster.Query{Limit: 30, Text: ":1024"})
	_, mark := r.News(roster.Mark{}, 0)
	bench("news of none", func() { r.News(mark, 50) })
	bench("news of all", func() { r.News(roster.Mark{ClientID: mark.ClientID}, 50) })
}
