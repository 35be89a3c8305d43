package server

import (
	"errors"
	"io"
	"iter"
	"os"

	"parley/protocol"
)

// Messages yields the client's messages; see handler.Session.
func (c *conn) Messages() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if c.looping.Load() {
			panic("Messages within the loop over Messages") // It would wait for itself, for ever.
		}
		if c.ending.Load() != nil || c.eof || c.ended.Load() {
			return
		}
		c.yield = yield
		c.looping.Store(true)
		defer c.looping.Store(false)
		// A loop that was left in the middle of a piece goes on there.
		if !c.take(nil) {
			return
		}
		// The connection spends its idle time in here.
		for {
			err := c.t.receive(c)
			if err == nil || !c.waited(err) {
				return
			}
		}
	}
}

// take takes a piece of input from the transport, or goes on with the last one if it is given none, and hands the handler
// every whole message. It is false when the loop over the messages ends.
func (c *conn) take(piece []byte) bool {
	if piece != nil {
		c.received.Store(c.received.Load() + uint64(len(piece)))
		c.dec.Feed(piece)
	}
	before := c.messagesIn.Load() + c.sent.Load()
	return c.taken(c.handAll(), before)
}

// taken notes when a piece was dealt with, whether anything came of it, and what stands unfinished then. It is false when
// the loop over the messages ends. It is not part of take, whose frame stands on the stack below the handler's.
//
//go:noinline
func (c *conn) taken(goOn bool, before uint64) bool {
	c.uncork()
	now := c.ln.srv.now()
	c.lastInput = now
	if c.messagesIn.Load()+c.sent.Load() != before {
		c.lastActive.Store(now)
	}
	if !goOn {
		return false
	}
	c.settle(now)
	if c.ending.Load() != nil || c.ended.Load() {
		return false
	}
	// Who sends without a pause never lets the deadline fire, and need not have sent a message.
	if c.armed != 0 && now >= c.armed && c.ln.srv.drain.Load() == nil && !c.fellDue() {
		return false
	}
	return c.takesMore(now)
}

// handAll hands the handler every whole message. It is false when the loop over the messages ends. What it does with each is
// what hand does, whose frame would stand on the stack below the handler's.
func (c *conn) handAll() bool {
	for {
		msg, ok, err := c.dec.Next()
		if err != nil {
			c.end(endingOf(err))
			return false
		}
		if !ok {
			return true
		}
		c.messageBegan = 0
		if c.dec.More() {
			c.stage.Store(more)
			c.owing = true
		} else {
			c.stage.Store(last)
		}
		if c.ln.srv.logMessages {
			c.logMessage(msg) // Before it is counted: whoever sees the count sees the message, or a later one.
		}
		c.messagesIn.Store(c.messagesIn.Load() + 1)
		if !c.yield(msg) || c.ending.Load() != nil || c.ended.Load() {
			c.dec.Hold()
			return false
		}
	}
}

// hand gives the handler one message. It is false when the handler leaves the loop, or the conversation is over.
func (c *conn) hand(msg []byte) bool {
	if c.ln.srv.logMessages {
		c.logMessage(msg) // As handAll does.
	}
	c.messagesIn.Store(c.messagesIn.Load() + 1)
	return c.yield(msg) && c.ending.Load() == nil && !c.ended.Load()
}

// uncork sends what was gathered in a piece of several messages and did not go along with a reply to the last of them: the
// handler may have had none for it, or the decoder may have swallowed it.
func (c *conn) uncork() {
	if c.owing {
		c.owing = false
		_ = c.Flush()
	}
	c.stage.Store(waiting)
}

// settle notes what stands unfinished after a piece, and sees to it that the read deadline comes no later than anything
// that falls due. A deadline that comes too early is put right when it fires: so one who keeps talking costs
// no timer per message.
func (c *conn) settle(now int64) {
	pending := c.dec.Pending()
	switch {
	case pending == protocol.Nothing:
		c.messageBegan = 0
	case c.messageBegan == 0:
		c.messageBegan = now
	}
	if due := c.due(pending); due != 0 && (c.armed == 0 || due < c.armed) {
		c.arm(due)
	}
}

// due is when the next of the message timeout, the idle timeout, the end of the lifetime and the flush of a quiet client falls,
// 0 for never.
func (c *conn) due(pending protocol.Pending) int64 {
	limits := &c.ln.Limits
	var due int64
	if limit := limits.MessageTimeout; pending != protocol.Nothing && limit > 0 {
		due = c.messageBegan + int64(limit)
	} else if limit := limits.IdleTimeout; limit > 0 {
		due = max(c.lastActive.Load(), c.messageBegan) + int64(limit)
	}
	if over := c.lifetimeOver(pending); over != 0 && (due == 0 || over < due) {
		due = over
	}
	if pending == protocol.Quiet && c.ln.Flush > 0 {
		if quiet := c.lastInput + int64(c.ln.Flush); due == 0 || quiet < due {
			due = quiet
		}
	}
	return due
}

// lifetimeOver is when the connection has been there for long enough, 0 for never. A message that is unfinished then has as much
// time to end as one has in a drain.
func (c *conn) lifetimeOver(pending protocol.Pending) int64 {
	limit := c.ln.Limits.MaxLifetime
	switch {
	case limit <= 0:
		return 0
	case pending != protocol.Nothing:
		return c.began + int64(limit) + int64(unfinishedTimeout)
	}
	return c.began + int64(limit)
}

// arm sets the read deadline. Shutdown and End set it too, from other goroutines and after they have published why:
// so whoever comes last, it is no later than they allow.
func (c *conn) arm(at int64) {
	c.armed = at
	c.t.setReadDeadline(c.ln.srv.at(at))
	if by := c.drainBy(); by != 0 && (at == 0 || by < at) {
		c.armed = by
		c.t.setReadDeadline(c.ln.srv.at(by))
	}
	if c.ended.Load() {
		c.t.setReadDeadline(longAgo)
	}
}

// waited deals with what ended a wait for input. It reports whether to wait again.
//
//go:noinline
func (c *conn) waited(err error) bool {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return c.fellDue()
	case errors.Is(err, io.EOF):
		c.eof = true
		c.finishMessage()
		return false
	}
	c.end(endingOf(err))
	return false
}

// fellDue does what the passing of the read deadline asks for. It reports whether to wait again.
func (c *conn) fellDue() bool {
	if c.ended.Load() {
		return false
	}
	now := c.ln.srv.now()
	if by := c.drainBy(); by != 0 && now >= by {
		return c.looksAgain(now)
	}
	pending := c.dec.Pending()
	limits := &c.ln.Limits
	switch {
	case pending != protocol.Nothing && limits.MessageTimeout > 0 && now >= c.messageBegan+int64(limits.MessageTimeout):
		c.end(&ending{reason: MessageTimeout})
		return false
	case pending == protocol.Quiet && c.ln.Flush > 0 && now >= c.lastInput+int64(c.ln.Flush):
		if !c.finishMessage() {
			return false
		}
		pending = protocol.Nothing
		c.messageBegan = 0
		c.lastActive.Store(now)
	}
	due := c.due(pending)
	if due != 0 && now >= due {
		reason := IdleTimeout
		if over := c.lifetimeOver(pending); over != 0 && now >= over {
			reason = Lifetime
		}
		c.end(&ending{reason: reason})
		return false
	}
	c.arm(due)
	return true
}

// finishMessage hands over what stands unfinished as the last message, or as one that silence has ended. It is false when
// the loop over the messages ends.
func (c *conn) finishMessage() bool {
	msg, ok, err := c.dec.Finish()
	if err != nil {
		c.end(endingOf(err))
		return false
	}
	return !ok || c.hand(msg)
}
