package protocol

import "sync"

// An unfinished message is what came of one in earlier pieces. The zero value holds none.
type unfinished struct {
	buf   *[]byte // from unfinishedBuffers; nil when there is none
	given bool    // buf was returned as a message: giveBack frees it
}

// unfinishedBuffers hold unfinished messages, so that one that comes in two pieces costs no allocation. They begin small: a
// thousand peers may each send one byte and wait.
var unfinishedBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// maxPooledUnfinished is the largest buffer that goes back into unfinishedBuffers; a larger one would stay with somebody's
// next single byte. What append makes of a message of 8 KiB, the daemon's limit, still goes back.
const maxPooledUnfinished = 16 << 10

// empty reports whether no message has begun.
func (u *unfinished) empty() bool { return u.buf == nil || u.given }

// bytes returns what came so far.
func (u *unfinished) bytes() []byte {
	if u.empty() {
		return nil
	}
	return *u.buf
}

// add adds a piece.
func (u *unfinished) add(piece []byte) {
	if u.buf == nil {
		u.buf = unfinishedBuffers.Get().(*[]byte)
	}
	*u.buf = append(*u.buf, piece...)
}

// take returns what came as a message, which is good until giveBack.
func (u *unfinished) take() []byte {
	u.given = true
	return *u.buf
}

// giveBack frees the buffer of the message that take returned, if any.
func (u *unfinished) giveBack() {
	if !u.given {
		return
	}
	if cap(*u.buf) <= maxPooledUnfinished {
		*u.buf = (*u.buf)[:0]
		unfinishedBuffers.Put(u.buf)
	}
	u.buf, u.given = nil, false
}

// tooLong reports whether a message that stands in two pieces is longer than limit even if its last byte is a CR that
// belongs to the end of a line. The same holds for a message that is still growing: cutting the input elsewhere must
// not change the verdict.
func tooLong(begun, piece []byte, limit int) bool {
	n := len(begun) + len(piece)
	if limit == 0 || n <= limit {
		return false
	}
	last := piece
	if len(piece) == 0 {
		last = begun
	}
	return n > limit+1 || last[len(last)-1] != '\r'
}
