package admin

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"parley/roster"
)

// A Roster tells who is connected and who was; server.Roster is one.
type Roster interface {
	// Started is when the server began.
	Started() time.Time
	// Stamp is another one whenever anything has changed.
	Stamp() roster.Stamp
	// Select answers a query.
	Select(q roster.Query) roster.Selection
	// News returns what has happened since a mark, at most so many of each kind, and the mark for the next time.
	News(since roster.Mark, most int) (roster.News, roster.Mark)
}

// A board shows a roster.
type board struct {
	roster        Roster
	epoch         string // of this process
	name, version string
	listeners     []roster.Listener // without counts
	words         roster.Words
	ready         func() bool
}

func newBoard(opts Options) *board {
	b := &board{
		roster:  opts.Roster,
		epoch:   newEpoch(),
		name:    opts.Name,
		version: opts.Version,
		ready:   opts.Ready,
	}
	for _, l := range opts.Listeners {
		b.listeners = append(b.listeners, roster.Listener{
			Label:     l.Name,
			Handler:   l.Handler,
			Wire:      l.Wire,
			Addresses: append([]string{}, l.Addresses...),
			TLS:       l.TLS,
			Try:       l.Try,
		})
		b.words.Listeners = append(b.words.Listeners, l.Name)
		if !slices.Contains(b.words.Handlers, l.Handler) {
			b.words.Handlers = append(b.words.Handlers, l.Handler)
		}
	}
	b.words.Reasons = opts.Reasons
	return b
}

// newEpoch returns what tells this process from the one before it.
func newEpoch() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // It never fails.
	return hex.EncodeToString(b)
}

func (b *board) draining() bool { return !b.ready() }

// page is what /clients answers.
func (b *board) page(q roster.Query) roster.Page {
	s := b.roster.Select(q)
	page := roster.Page{
		Time:      s.Time,
		Name:      b.name,
		Version:   b.version,
		Started:   roster.Time{Time: b.roster.Started()},
		Epoch:     b.epoch,
		Draining:  b.draining(),
		Totals:    s.Totals,
		Listeners: make([]roster.Listener, len(b.listeners)),
		Matched:   s.Matched,
		Offset:    q.Offset,
		Limit:     q.Limit,
		Clients:   s.Clients,
	}
	for i, l := range b.listeners {
		for _, counts := range s.Listeners {
			if counts.Label == l.Label {
				l.Active, l.Accepted = counts.Active, counts.Accepted
			}
		}
		page.Listeners[i] = l
	}
	return page
}
