package server

import (
	"slices"
	"sync"
	"time"

	"parley/roster"
)

// A sight is what is there to be seen of a server at a moment, and what a look needs to sort that out.
type sight struct {
	conns      []*conn  // but those that were turned away
	gone       []member // who has left since the server had counted so many, the first first
	tallies    []tally
	traffic    traffic   // of all connections
	now        int64     // Server.now
	wall       time.Time // and what the clock says then
	lastID     uint64
	left       uint64
	introduced uint64
	active     uint64 // the times at which each was last active, added up, which may overflow

	members []member
	sorted  []*member
}

// sights keeps what a look at 10,000 connections takes, which is some 2 MB.
var sights = sync.Pool{New: func() any { return new(sight) }}

// leftNever is as many as never leave.
const leftNever = 1<<64 - 1

// look returns what there is to be seen, with those who have left since the server had counted so many. It is to be given back
// by done.
func (s *Server) look(left uint64) *sight {
	v := sights.Get().(*sight)
	v.copy(s, left)
	v.wall = time.Now()
	v.now = int64(v.wall.Sub(s.began))
	v.introduced += s.registrations.Load()
	for i := range v.tallies {
		v.traffic.add(v.tallies[i].traffic)
	}
	for _, c := range v.conns {
		v.traffic.add(c.traffic())
		v.active += uint64(c.lastActive.Load())
	}
	v.conns = slices.DeleteFunc(v.conns, func(c *conn) bool { return c.refused })
	return v
}

// at is the time that Server.now returned t at, by the clock as it is set now: since the server began it may have been set, and
// the machine may have slept, which Server.now does not count. What was before a sleep seems as much later as that was long.
func (v *sight) at(t int64) time.Time { return v.wall.Add(time.Duration(t - v.now)) }

// copy is what the lock is held for, which every connection needs to come and go: pointers, and the few that have left. Nobody is
// in both lists, or in none.
func (v *sight) copy(s *Server, left uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.conns = slices.Grow(v.conns, len(s.conns))
	for c := range s.conns {
		v.conns = append(v.conns, c)
	}
	v.gone = s.leavers.since(v.gone, left)
	for _, t := range s.tallies {
		v.tallies = append(v.tallies, *t)
	}
	v.lastID, v.left, v.introduced = s.lastID, s.leavers.count, s.handshaken
}

// done gives a sight back, which forgets whom it has seen.
func (v *sight) done() {
	clear(v.conns)
	clear(v.gone)
	clear(v.tallies)
	clear(v.members)
	clear(v.sorted)
	*v = sight{conns: v.conns[:0], gone: v.gone[:0], tallies: v.tallies[:0], members: v.members[:0], sorted: v.sorted[:0]}
	sights.Put(v)
}

func (v *sight) stamp() roster.Stamp {
	stamp := roster.Stamp{
		Left:             v.left,
		Introduced:       v.introduced,
		MessagesReceived: v.traffic.messagesIn,
		MessagesSent:     v.traffic.replies,
		ReceivedBytes:    v.traffic.received,
		SentBytes:        v.traffic.sent,
		Active:           v.active,
	}
	for i := range v.tallies {
		stamp.Accepted += v.tallies[i].accepted
	}
	return stamp
}

func (v *sight) totals() roster.Totals {
	totals := roster.Totals{
		ClosedByReason:   make(map[string]uint64),
		MessagesReceived: v.traffic.messagesIn,
		MessagesSent:     v.traffic.replies,
		ReceivedBytes:    v.traffic.received,
		SentBytes:        v.traffic.sent,
	}
	for i := range v.tallies {
		t := &v.tallies[i]
		totals.Accepted += t.accepted
		totals.Active += t.active
		for reason, n := range t.closed {
			if n > 0 {
				totals.Closed += n
				totals.ClosedByReason[Reason(reason).String()] += n
			}
		}
	}
	return totals
}

// listeners returns the counts of all labels. Two handlers may have the same one.
func (v *sight) listeners() []roster.Counts {
	counts := make([]roster.Counts, 0, len(v.tallies))
	for i := range v.tallies {
		t := &v.tallies[i]
		at := slices.IndexFunc(counts, func(c roster.Counts) bool { return c.Label == t.listener })
		if at < 0 {
			at = len(counts)
			counts = append(counts, roster.Counts{Label: t.listener})
		}
		counts[at].Active += t.active
		counts[at].Accepted += t.accepted
	}
	return counts
}
