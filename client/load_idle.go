package client

import (
	"context"
	"errors"
	"os"
	"time"
)

// idle has a message echoed on each connection, and another one when they have been held for the duration. When ctx ends, the
// holding does, but not the asking whether they still stand.
func (r *loadRun) idle(ctx context.Context) {
	r.perform(ctx, func() {}, func(c *loadConn) error {
		if err := c.exchange(); err != nil {
			return err
		}
		if err := c.hold(); err != nil {
			return err
		}
		return c.exchange()
	})
}

// hold waits until the run stops, or something goes wrong with the connection.
func (c *loadConn) hold() error {
	c.mu.Lock()
	if !c.r.stopping.Load() {
		c.nc.SetDeadline(time.Time{}) // That of the first message still holds; the one by which the run stops is yet to come.
	} else {
		c.nc.SetReadDeadline(longAgo)
	}
	c.mu.Unlock()
	buf := make([]byte, 256) // of each connection: enough for an ERR
	n, err := c.nc.Read(buf)
	switch {
	case n > 0:
		return c.mismatch(buf[:n], 0)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	}
	return err
}
