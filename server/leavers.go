package server

// leavers are the last connections that have closed, for the roster. They are guarded by Server.mu.
type leavers struct {
	most  int // that are kept
	count uint64
	ring  []member // the one that left when count was n is at n % most
}

// add keeps one, in the place of the one that left first.
func (l *leavers) add(m member) {
	if len(l.ring) < l.most {
		l.ring = append(l.ring, m)
	} else if l.most > 0 {
		l.ring[l.count%uint64(l.most)] = m
	}
	l.count++
}

// since appends those that are kept of all that have left since count was so many, the first first.
func (l *leavers) since(to []member, count uint64) []member {
	if count >= l.count {
		return to
	}
	for n := l.count - min(l.count-count, uint64(len(l.ring))); n < l.count; n++ {
		to = append(to, l.ring[n%uint64(l.most)])
	}
	return to
}
