package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

const (
	// bulkMemory is what the buffers of all connections may have together.
	bulkMemory = 128 << 20
	// A buffer has at least minBulk bytes; more than maxBulk bring nothing.
	minBulk, maxBulk = 16 << 10, 256 << 10
)

// bulk sends as fast as the server takes it.
func (r *loadRun) bulk(ctx context.Context) {
	size := min(max(bulkMemory/2/len(r.conns), minBulk), maxBulk)
	r.perform(ctx, r.interrupt, func(c *loadConn) error { return c.stream(size) })
}

// stream sends and receives at the same time, until the run stops and all that was sent has been answered.
func (c *loadConn) stream(size int) error {
	if !c.begin() {
		return nil
	}
	var wg sync.WaitGroup
	wg.Go(func() { c.pour(size) })
	err := c.drink(size)
	c.nc.SetWriteDeadline(longAgo) // Nobody would take the answers.
	wg.Wait()
	poured := c.sent.Load() / uint64(len(c.msg.out))
	if errors.Is(err, io.EOF) && c.at == 0 && c.r.stopping.Load() && c.messages.Load() == poured && c.sendErr == nil {
		return nil
	}
	if errors.Is(err, io.EOF) && c.sendErr != nil && !errors.Is(c.sendErr, os.ErrDeadlineExceeded) {
		err = c.sendErr // That deadline is ours, of just now: nothing was late.
	}
	return c.ending(err)
}

// pour sends until the run stops, and ends our side.
func (c *loadConn) pour(size int) {
	count := max(1, size/len(c.msg.out))
	batch := bytes.Repeat(c.msg.out, count)
	one := c.msg // Its text is in the batch.
	number := uint64(c.number) << stampShift
	for !c.r.stopping.Load() {
		for i := range count {
			at := i*len(c.msg.out) + c.msg.textAt
			one.text = batch[at : at+len(c.msg.text)]
			one.stamp(number)
			number++
		}
		n, err := c.nc.Write(batch)
		c.sent.Add(uint64(n))
		if err != nil {
			c.sendErr = fmt.Errorf("%w: %w", errSending, err)
			return
		}
	}
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // Where it fails, reading does.
	}
}

// drink receives and checks until the server's end. It always returns an error.
func (c *loadConn) drink(size int) error {
	buf := make([]byte, size)
	for {
		n, err := c.nc.Read(buf)
		c.sentAt.Store(c.r.now())
		c.received.Add(uint64(n))
		for p := buf[:n]; len(p) > 0; {
			part := p[:min(len(p), c.want-c.at)]
			if same := c.msg.match(part, c.at); same < len(part) {
				return c.mismatch(p, same)
			}
			p = p[len(part):]
			if c.at += len(part); c.at == c.want {
				c.at = 0
				c.messages.Add(1)
				c.msg.next()
			}
		}
		if err != nil {
			return err
		}
	}
}
