package client

import (
	"context"
	"fmt"
	"time"
)

// echo has messages echoed, by turns or at fixed times.
func (r *loadRun) echo(ctx context.Context) error {
	if r.Rate == 0 {
		r.perform(ctx, r.interrupt, (*loadConn).converse)
		return nil
	}
	schedule := schedule{conns: r.conns, interval: float64(time.Second) / r.Rate}
	for i, c := range r.conns {
		c.schedule, c.place = &schedule, uint64(i)
	}
	p, err := newPacer()
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		schedule.run(r, p)
	}()
	r.perform(ctx, r.interrupt, (*loadConn).listen)
	p.stop()
	<-ended
	r.countUnsent()
	return nil
}

// A schedule says when messages are due: message i on the connections in turn.
type schedule struct {
	conns    []*loadConn
	start    int64   // in nanoseconds, when message 0 is due
	interval float64 // from one message to the next
}

// due is when message i is due.
func (s *schedule) due(i uint64) int64 { return s.start + int64(float64(i)*s.interval) }

// dueOn is when the i-th message of the connection at a place is due.
func (s *schedule) dueOn(place, i uint64) int64 { return s.due(i*uint64(len(s.conns)) + place) }

// run has each message sent when it is due, or as soon as the answer to the one before has come, until the run stops.
func (s *schedule) run(r *loadRun, p *pacer) {
	defer p.close()
	<-r.running
	now := r.now()
	s.start = now
	for i := uint64(0); ; i++ {
		due := s.due(i)
		for now < due {
			if !p.wait(time.Duration(due - now)) {
				return
			}
			now = r.now()
		}
		if r.stopping.Load() {
			return
		}
		s.conns[i%uint64(len(s.conns))].offer(due)
	}
}

// offer sends a message that is due now, unless one is under way.
func (c *loadConn) offer(due int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due++
	if c.ended || c.r.stopping.Load() || c.sentAt.Load() != 0 {
		return
	}
	now := c.r.now()
	c.sentAt.Store(now)
	c.r.lag.add(c.number, time.Duration(now-due))
	n, err := c.sendFromOutside(c.msg.out)
	if err != nil {
		// Its goroutine says what the server said before it closed, or that it closed.
		c.sendErr = fmt.Errorf("%w: %w", errSending, err)
		c.nc.SetReadDeadline(longAgo)
		return
	}
	c.sent.Add(uint64(len(c.msg.out)))
	c.sendRest(c.msg.out[n:])
}

// answeredInTurn notes the answer to a message that was due at a fixed time, and sends the next one if it is due already.
func (c *loadConn) answeredInTurn(now int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.r.answer.add(c.number, time.Duration(now-c.schedule.dueOn(c.place, c.done)))
	c.done++
	c.msg.next()
	c.sentAt.Store(0)
	if c.r.stopping.Load() {
		return false
	}
	if c.done == c.due {
		return true
	}
	c.sentAt.Store(now)
	return c.send()
}

// countUnsent counts the messages that were due and could not be sent before the end. On connections that still stand each counts
// among the answers with the time it has waited: who stalls at the end is not to look better than who stalls earlier.
func (r *loadRun) countUnsent() {
	now := r.now()
	for _, c := range r.conns {
		r.unsent += c.due - c.done
		if !c.survived {
			continue
		}
		for i := c.done; i < c.due; i++ {
			r.answer.add(c.number, time.Duration(now-c.schedule.dueOn(c.place, i)))
		}
	}
}
