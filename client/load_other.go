//go:build !unix

package client

// A loadSystem is what a loadConn has of the system: here nothing.
type loadSystem struct{}

func (*loadSystem) init(*loadConn) {}

// receive takes what comes until take says that there is no more to wait for.
func (c *loadConn) receive() { c.receiveHolding() }

// sendSome sends what is taken of b at once.
func (c *loadConn) sendSome(b []byte) (int, error) { return c.nc.Write(b[:min(len(b), atOnce)]) }

// sendFromOutside is sendSome for whoever knows that the connection's goroutine is not sending.
func (c *loadConn) sendFromOutside(b []byte) (int, error) { return c.sendSome(b) }
