package client

import "context"

// idle has a message echoed on each connection, and another one when they have been held for the duration. When ctx ends, the
// holding does, but not the asking whether they still stand.
func (r *loadRun) idle(ctx context.Context) {
	r.perform(ctx, func() {}, func(c *loadConn) error {
		if err := c.exchange(); err != nil {
			return err
		}
		<-r.stopped
		return c.exchange()
	})
}
