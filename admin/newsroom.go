package admin

import (
	"sync"
	"time"

	"parley/roster"
)

// Bounds of what /events costs.
const (
	maxViewers    = 64
	interval      = 250 * time.Millisecond // between events: who is here is looked up once for all viewers
	pastEvents    = 64                     // are kept for who comes back
	pendingEvents = 8                      // may wait for a viewer, who is dropped beyond that
	listed        = 50                     // records in each list of an event
	maxEvent      = 96 << 10               // bytes of an event, which has shorter lists where records are long
)

// lingering is how long the newsroom goes on when nobody watches: as long as the events that it keeps reach back.
const lingering = pastEvents * interval

// A newsroom makes the events of a board and hands them to the viewers. It works only as long as there are any, and a little
// longer, for those who come back. Nobody waits for a viewer.
type newsroom struct {
	*board
	work sync.WaitGroup

	mu      sync.Mutex
	viewers map[*viewer]struct{}
	seq     uint64   // of the last event
	past    [][]byte // the last events, which are numbered without a gap up to seq
	open    bool     // it works
	closed  bool     // and never will again
	end     chan struct{}

	// Owned by watch.
	mark     roster.Mark
	stamp    roster.Stamp
	draining bool
}

// A viewer is one who watches.
type viewer struct {
	events chan []byte // closed when it is to get no more
}

func newNewsroom(b *board) *newsroom {
	return &newsroom{board: b, viewers: make(map[*viewer]struct{}), end: make(chan struct{})}
}

// join adds a viewer, who has seen the event last, or none. It returns what the viewer is to get first of all, and the number of
// the last event; no viewer if there are too many, or it is over.
func (n *newsroom) join(last string) (v *viewer, missed [][]byte, seq uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || len(n.viewers) >= maxViewers {
		return nil, nil, 0
	}
	if !n.open {
		n.open = true
		n.begin()
		n.work.Go(n.watch)
	}
	v = &viewer{make(chan []byte, pendingEvents)}
	n.viewers[v] = struct{}{}
	return v, n.missed(last), n.seq
}

// missed returns what has happened since the viewer saw the event last: the events, or one that says that they are not there
// any more.
func (n *newsroom) missed(last string) [][]byte {
	if last == "" {
		return nil
	}
	seen, ok := parseID(last, n.epoch)
	if ok && seen <= n.seq && n.seq-seen <= uint64(len(n.past)) {
		return append([][]byte{}, n.past[uint64(len(n.past))-(n.seq-seen):]...)
	}
	return [][]byte{event("reset", eventID(n.epoch, n.seq), roster.Reset{Epoch: n.epoch, Seq: n.seq})}
}

// leave takes a viewer out.
func (n *newsroom) leave(v *viewer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop(v)
}

// drop ends what a viewer gets. The caller holds mu.
func (n *newsroom) drop(v *viewer) {
	if _, there := n.viewers[v]; there {
		delete(n.viewers, v)
		close(v.events)
	}
}

// begin takes up work. What happened since it was left off is nobody's news: a number is left out, so that whoever saw the last
// event is told to look for itself.
func (n *newsroom) begin() {
	n.past = nil
	n.seq++
	n.draining = n.board.draining()
	news, mark := n.roster.News(roster.Mark{}, 0)
	n.mark, n.stamp = mark, news.Stamp
}

// watch looks who has come, gone and been active, again and again.
func (n *newsroom) watch() {
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	alone := 0 // ticks without a viewer
	for {
		select {
		case <-ticks.C:
		case <-n.end:
			n.look()
			n.farewell()
			return
		}
		n.look()
		n.mu.Lock()
		alone++
		if len(n.viewers) > 0 {
			alone = 0
		}
		if alone > int(lingering/interval) {
			n.open = false
			n.mu.Unlock()
			return
		}
		n.mu.Unlock()
	}
}

// look sends an event if there is news.
func (n *newsroom) look() {
	draining := n.board.draining()
	news, mark := n.roster.News(n.mark, listed)
	n.mark = mark
	if news.Stamp == n.stamp && draining == n.draining {
		return
	}
	n.stamp, n.draining = news.Stamp, draining
	seq := n.seq + 1 // Nobody else writes it while this works.
	e := n.compose(seq, news)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seq = seq
	if len(n.past) == pastEvents {
		n.past = append(n.past[:0:0], n.past[1:]...)
	}
	n.past = append(n.past, e)
	for v := range n.viewers {
		select {
		case v.events <- e:
		default:
			n.drop(v)
		}
	}
}

// compose writes the event that tells the news, with fewer records where they are long.
func (n *newsroom) compose(seq uint64, news roster.News) []byte {
	change := roster.Change{
		Time:      news.Time,
		Seq:       seq,
		Draining:  n.draining,
		Totals:    news.Totals,
		Listeners: news.Listeners,
		Joined:    news.Joined,
		Left:      news.Left,
		Changed:   news.Changed,
		More:      news.More,
	}
	for {
		e := event("roster", eventID(n.epoch, seq), change)
		if len(e) <= maxEvent || len(change.Joined)+len(change.Left)+len(change.Changed) == 0 {
			return e
		}
		halve(&change.Joined, &change.More.Joined)
		halve(&change.Left, &change.More.Left)
		halve(&change.Changed, &change.More.Changed)
	}
}

// halve leaves out half of the records.
func halve(records *[]roster.Record, more *int) {
	n := len(*records) / 2
	*more += len(*records) - n
	*records = (*records)[:n]
}

// close has the viewers get what is the news yet, and then the end.
func (n *newsroom) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.closed = true
		close(n.end)
	}
}

// farewell ends what the viewers get, and says so to those who have taken the rest.
func (n *newsroom) farewell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for v := range n.viewers {
		select {
		case v.events <- []byte("event: bye\ndata: {}\n\n"):
		default:
		}
		n.drop(v)
	}
}
