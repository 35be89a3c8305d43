package handler

import (
	"slices"
	"sync"
)

// A backlog is the lines that wait to be sent to a member of a chat. One goroutine takes them out, any may add some. Unlike
// a channel it takes no room before it is needed.
type backlog struct {
	most int // lines

	mu    sync.Mutex
	more  sync.Cond // there are lines, or there will be none
	lines []string
	taken int // of lines, from the first
	ended bool
}

func newBacklog(most int) *backlog {
	b := &backlog{most: most}
	b.more.L = &b.mu
	return b
}

// add adds a line, and returns how many wait then. It is false when there is no room.
func (b *backlog) add(line string) (waiting int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	waiting = len(b.lines) - b.taken
	if waiting == b.most {
		return waiting, false
	}
	b.lines = append(b.lines, line)
	b.more.Signal()
	return waiting + 1, true
}

// end says that there will be no more lines.
func (b *backlog) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	b.more.Signal()
}

// keptLines is how much room an empty backlog keeps.
const keptLines = 16

// take waits for a line and takes it out, until the backlog has ended and is empty. last says that no other waits.
func (b *backlog) take() (line string, last, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.taken == len(b.lines) {
		if b.ended {
			return "", false, false
		}
		b.more.Wait()
	}
	line = b.lines[b.taken]
	b.lines[b.taken] = "" // What was sent need not be kept for what was not.
	b.taken++
	switch {
	case b.taken == len(b.lines):
		last = true
		b.lines, b.taken = b.lines[:0], 0
		if cap(b.lines) > keptLines {
			b.lines = nil
		}
	case b.taken == b.most:
		b.lines, b.taken = slices.Delete(b.lines, 0, b.taken), 0
	}
	return line, last, true
}
