package server

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"parley/roster"
)

// A matcher finds the connections that fit a query.
type matcher struct {
	roster.Query
	text  string // in lower case; empty: any
	bytes []byte
	id    uint64 // that text is; 0: none
}

func newMatcher(q roster.Query) *matcher {
	text := strings.ToLower(q.Text)
	id, _ := strconv.ParseUint(text, 10, 64)
	return &matcher{Query: q, text: text, bytes: []byte(text), id: id}
}

func (q *matcher) member(m *member) bool {
	return (len(q.Listeners) == 0 || slices.Contains(q.Listeners, m.ln.Label)) &&
		(len(q.Handlers) == 0 || slices.Contains(q.Handlers, m.ln.HandlerName)) &&
		(len(q.Reasons) == 0 || m.ended != 0 && slices.Contains(q.Reasons, m.reason.String())) &&
		(q.text == "" || q.somewhere(m))
}

// somewhere reports whether the text is the ID, or part of what there is to read.
func (q *matcher) somewhere(m *member) bool {
	if q.id != 0 && q.id == m.id || q.in(m.ln.Label) || m.ended != 0 && q.in(m.reason.String()) {
		return true
	}
	if m.remote.IsValid() {
		var room [64]byte // Ten thousand addresses are not to be garbage.
		if bytes.Contains(m.remote.AppendTo(room[:0]), q.bytes) {
			return true
		}
	} else if q.in(addrString(m.unnamed)) {
		return true
	}
	if m.who != nil && (q.in(m.who.name) || q.in(m.who.email)) {
		return true
	}
	f := m.facts
	return f != nil && (q.in(f.via) || q.in(f.sni) || q.in(f.clientCN))
}

func (q *matcher) in(text string) bool {
	return text != "" && (strings.Contains(text, q.text) || strings.Contains(strings.ToLower(text), q.text))
}

// order returns how the members that fit a query are sorted.
func order(q roster.Query, now int64) func(a, b *member) int {
	by := orders[q.Sort]
	direction := 1
	if q.Descending {
		direction = -1
	}
	return func(a, b *member) int {
		if by != nil {
			if n := by(a, b, now); n != 0 {
				return n * direction
			}
			return cmp.Compare(a.id, b.id)
		}
		return cmp.Compare(a.id, b.id) * direction
	}
}

// orders are those of roster.SortKeys, but clientid.
var orders = map[string]func(a, b *member, now int64) int{
	"you": func(a, b *member, _ int64) int {
		if a.remote.IsValid() || b.remote.IsValid() {
			return a.remote.Compare(b.remote)
		}
		return cmp.Compare(addrString(a.unnamed), addrString(b.unnamed))
	},
	"listener":    func(a, b *member, _ int64) int { return cmp.Compare(a.ln.Label, b.ln.Label) },
	"handler":     func(a, b *member, _ int64) int { return cmp.Compare(a.ln.HandlerName, b.ln.HandlerName) },
	"name":        func(a, b *member, _ int64) int { return compareNames(a.name(), b.name()) },
	"since":       func(a, b *member, _ int64) int { return cmp.Compare(a.began, b.began) },
	"last_active": func(a, b *member, _ int64) int { return cmp.Compare(a.active, b.active) },
	"messages": func(a, b *member, _ int64) int {
		return cmp.Compare(a.traffic.messagesIn+a.traffic.replies, b.traffic.messagesIn+b.traffic.replies)
	},
	"bytes": func(a, b *member, _ int64) int {
		return cmp.Compare(a.traffic.received+a.traffic.sent, b.traffic.received+b.traffic.sent)
	},
	"duration": func(a, b *member, now int64) int { return cmp.Compare(a.lasted(now), b.lasted(now)) },
	"reason": func(a, b *member, _ int64) int {
		if a.ended == 0 || b.ended == 0 {
			return cmp.Compare(a.ended, b.ended)
		}
		return cmp.Compare(a.reason.String(), b.reason.String())
	},
}

func (m *member) lasted(now int64) int64 {
	if m.ended != 0 {
		return m.ended - m.began
	}
	return now - m.began
}

// compareNames compares names as a list of people has them, whatever their case. Who has none comes last.
func compareNames(a, b string) int {
	if a == "" || b == "" {
		return -cmp.Compare(len(a), len(b))
	}
	for a != "" && b != "" {
		r, n := utf8.DecodeRuneInString(a)
		s, m := utf8.DecodeRuneInString(b)
		if c := cmp.Compare(unicode.ToLower(r), unicode.ToLower(s)); c != 0 {
			return c
		}
		a, b = a[n:], b[m:]
	}
	return cmp.Compare(len(a), len(b))
}
