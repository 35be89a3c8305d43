package client

import (
	"context"
	"sync"
	"time"
)

// afterFailure is how long nothing is dialled where dialling has failed: what refuses at once is not to be overrun.
const afterFailure = 10 * time.Millisecond

// maxRefused is how long a load goes on when it meets nothing but refusals: nobody is there any more.
const maxRefused = time.Second

// churn opens connections, has one message echoed on each, and closes them.
func (r *loadRun) churn(ctx context.Context) {
	stopInterrupt := context.AfterFunc(ctx, r.interrupt)
	defer stopInterrupt()
	var wg sync.WaitGroup
	for worker := range r.Connections {
		all := &loadConn{r: r, number: worker}
		all.speak()
		r.opened(all)
		wg.Go(func() { all.churn(ctx) })
	}
	ended := make(chan struct{})
	go func() {
		wg.Wait()
		close(ended)
	}()
	r.measure(ctx, ended)
	<-ended
}

// churn is one after the other of the connections, and keeps the count of all.
func (c *loadConn) churn(ctx context.Context) {
	r := c.r
	for !r.stopping.Load() {
		nc, err := r.dial(ctx, c.number)
		if ctx.Err() != nil {
			if err == nil {
				nc.Close()
				r.open.Add(-1)
			}
			return
		}
		if err != nil {
			r.fail(err)
			if r.refusedForLong(err.Kind) {
				return
			}
			pass(ctx, afterFailure, r.stopped)
			continue
		}
		r.refusedSince.Store(0)
		c.mu.Lock()
		c.nc = nc
		c.mu.Unlock()
		if err := c.exchange(); err != nil {
			r.fail(r.newError(err))
		} else {
			c.conversations.Add(1)
		}
		nc.Close()
		r.open.Add(-1)
	}
}

// refusedForLong notes how a connection failed, and reports whether for long there has been nothing but refusals.
func (r *loadRun) refusedForLong(kind Kind) bool {
	if kind != Refused {
		r.refusedSince.Store(0)
		return false
	}
	now := r.now()
	if r.refusedSince.CompareAndSwap(0, now) {
		return false
	}
	since := r.refusedSince.Load()
	return since != 0 && now-since > int64(maxRefused)
}
