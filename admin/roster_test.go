package admin_test

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"parley/admin"
	"parley/roster"
)

// A roll is a roster that a test writes.
type roll struct {
	began time.Time

	mu      sync.Mutex
	stamp   roster.Stamp
	asked   []roster.Query
	joined  []roster.Record // all that ever came
	padding string          // a name that everybody has
}

func newRoll() *roll { return &roll{began: time.Now()} }

// joins has clients come.
func (r *roll) joins(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range n {
		r.stamp.Accepted++
		r.joined = append(r.joined, roster.Record{ClientID: r.stamp.Accepted, Listener: "echo://:12000", Name: r.padding})
	}
}

// queries are those that were asked.
func (r *roll) queries() []roster.Query {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}

func (r *roll) Started() time.Time { return r.began }

func (r *roll) Stamp() roster.Stamp {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stamp
}

func (r *roll) totals() roster.Totals {
	return roster.Totals{Accepted: r.stamp.Accepted, Active: len(r.joined), ClosedByReason: map[string]uint64{}}
}

func (r *roll) counts() []roster.Counts {
	return []roster.Counts{{Label: "echo://:12000", Active: len(r.joined), Accepted: r.stamp.Accepted}}
}

func (r *roll) Select(q roster.Query) roster.Selection {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, q)
	page := r.joined[min(q.Offset, len(r.joined)):]
	return roster.Selection{
		Time: roster.Time{Time: time.Now()}, Totals: r.totals(), Listeners: r.counts(),
		Matched: roster.Matched{Open: len(r.joined)}, Clients: append([]roster.Record{}, page[:min(q.Limit, len(page))]...),
	}
}

func (r *roll) News(since roster.Mark, most int) (roster.News, roster.Mark) {
	r.mu.Lock()
	defer r.mu.Unlock()
	joined := r.joined[since.ClientID:]
	more := max(0, len(joined)-most)
	return roster.News{
		Stamp: r.stamp, Time: roster.Time{Time: time.Now()}, Totals: r.totals(), Listeners: r.counts(),
		Joined: append([]roster.Record{}, joined[more:]...), Left: []roster.Record{}, Changed: []roster.Record{}, More: roster.More{Joined: more},
	}, roster.Mark{ClientID: r.stamp.Accepted}
}

// showing are options with a roster.
func showing(r *roll) admin.Options {
	return admin.Options{
		Roster: r, Name: "lab", Version: "v1.2.3", Reasons: []string{"done", "reset"},
		Listeners: []admin.Listener{
			{Name: "echo://:12000", Try: "nc 127.0.0.1 12000", Handler: "echo", Wire: "text", Addresses: []string{"[::]:12000"}},
			{Name: "echo+tls://:7443", Handler: "echo", Wire: "raw", Addresses: []string{"[::]:7443"}, TLS: true},
		},
	}
}

// get is the head of a request.
func get(target string, header ...string) string {
	head := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: localhost\r\n", target)
	for _, h := range header {
		head += h + "\r\n"
	}
	return head + "\r\n"
}
