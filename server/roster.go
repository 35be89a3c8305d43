package server

import (
	"cmp"
	"slices"
	"time"

	"parley/roster"
)

// A Roster tells who is connected to a server, and who was until lately. It costs those who converse nothing but the lock that
// each takes to come and go, which it holds for as long as it takes to copy a list of pointers: what there is to say of a
// connection it reads from the connection itself, in counters that are kept for the metrics anyway.
type Roster struct{ srv *Server }

// Roster returns the server's roster.
func (s *Server) Roster() *Roster { return &Roster{s} }

// Started is when the server was made.
func (r *Roster) Started() time.Time { return r.srv.began }

// Stamp tells one state of the roster from another.
func (r *Roster) Stamp() roster.Stamp {
	v := r.srv.look(leftNever)
	defer v.done()
	return v.stamp()
}

// Select answers a query.
func (r *Roster) Select(q roster.Query) roster.Selection {
	v := r.srv.look(0)
	defer v.done()
	return v.selection(q)
}

func (v *sight) selection(q roster.Query) roster.Selection {
	fits := newMatcher(q)
	if q.State != roster.Closed {
		for _, c := range v.conns {
			if m := c.member(); fits.member(&m) {
				v.members = append(v.members, m)
			}
		}
	}
	open := len(v.members)
	if q.State != roster.Open {
		for _, m := range slices.Backward(v.gone) {
			if fits.member(&m) {
				v.members = append(v.members, m)
			}
		}
	}
	for i := range v.members {
		v.sorted = append(v.sorted, &v.members[i])
	}
	compare := order(q, v.now)
	page := roster.Window(v.sorted[:open], q.Offset, q.Limit, compare)
	offset, limit := max(0, q.Offset-open), q.Limit-len(page)
	gone := v.sorted[open:]
	if q.Sort != "" {
		gone = roster.Window(gone, offset, limit, compare)
	} else {
		gone = gone[min(offset, len(gone)):]
		gone = gone[:min(limit, len(gone))]
	}
	out := roster.Selection{
		Time:      roster.Time{Time: v.wall},
		Totals:    v.totals(),
		Listeners: v.listeners(),
		Matched:   roster.Matched{Open: open, Closed: len(v.sorted) - open},
		Clients:   make([]roster.Record, 0, len(page)+len(gone)),
	}
	for _, m := range page {
		out.Clients = append(out.Clients, m.record(v))
	}
	for _, m := range gone {
		out.Clients = append(out.Clients, m.record(v))
	}
	return out
}

// activeBefore is how old the time may be that a connection notes as that of its last activity.
const activeBefore = 10 * time.Millisecond

// News returns what has happened since a mark, at most so many of each kind, and the mark for the next time.
func (r *Roster) News(since roster.Mark, most int) (roster.News, roster.Mark) {
	v := r.srv.look(since.Left)
	defer v.done()
	return v.news(since, most)
}

func (v *sight) news(since roster.Mark, most int) (roster.News, roster.Mark) {
	for _, c := range v.conns {
		if c.id > since.ClientID || c.lastActive.Load() > int64(since.At-activeBefore) {
			v.members = append(v.members, c.member())
		}
	}
	for i := range v.members {
		v.sorted = append(v.sorted, &v.members[i])
	}
	changed, joined := split(v.sorted, func(m *member) bool { return m.id <= since.ClientID })
	news := roster.News{
		Stamp:     v.stamp(),
		Time:      roster.Time{Time: v.wall},
		Totals:    v.totals(),
		Listeners: v.listeners(),
		More: roster.More{
			Joined:  max(0, len(joined)-most),
			Left:    int(v.left-since.Left) - min(len(v.gone), most),
			Changed: max(0, len(changed)-most),
		},
		Joined:  make([]roster.Record, 0, min(len(joined), most)),
		Left:    make([]roster.Record, 0, min(len(v.gone), most)),
		Changed: make([]roster.Record, 0, min(len(changed), most)),
	}
	latest := func(a, b *member) int { return cmp.Compare(b.id, a.id) }
	for _, m := range slices.Backward(roster.Window(joined, 0, most, latest)) {
		news.Joined = append(news.Joined, m.record(v))
	}
	for _, m := range v.gone[max(0, len(v.gone)-most):] {
		news.Left = append(news.Left, m.record(v))
	}
	busiest := func(a, b *member) int { return cmp.Or(cmp.Compare(b.active, a.active), cmp.Compare(a.id, b.id)) }
	for _, m := range roster.Window(changed, 0, most, busiest) {
		news.Changed = append(news.Changed, m.record(v))
	}
	return news, roster.Mark{ClientID: v.lastID, Left: v.left, At: time.Duration(v.now)}
}

// split moves those for whom first holds to the front.
func split(members []*member, first func(*member) bool) (before, after []*member) {
	n := 0
	for i, m := range members {
		if first(m) {
			members[i], members[n] = members[n], members[i]
			n++
		}
	}
	return members[:n], members[n:]
}
