package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"parley/protocol"
)

// openers is how many connections are opened at the same time.
const openers = 32

// openAll opens the connections, the first one alone. The error is what went wrong with that one; the others are counted.
func (r *loadRun) openAll(ctx context.Context) error {
	first, err := r.scout(ctx)
	if err != nil {
		return err
	}
	if r.Mode == LoadChurn { // Each connection is opened when the one before has been closed.
		first.close()
		r.open.Add(-1)
		return nil
	}
	r.opened(first)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(openers, r.Connections-1) {
		wg.Go(func() {
			for ctx.Err() == nil {
				number := int(next.Add(1))
				if number >= r.Connections {
					return
				}
				if c := r.openOne(ctx, number); c != nil {
					r.opened(c)
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// openOne opens a connection, or counts why not.
func (r *loadRun) openOne(ctx context.Context, number int) *loadConn {
	nc, err := r.dial(ctx, number)
	if err != nil {
		if ctx.Err() == nil {
			r.fail(err)
		}
		return nil
	}
	c := r.newConn(number, nc)
	c.speak()
	return c
}

// dial opens a connection and reads its greeting, as the first one had one or not.
func (r *loadRun) dial(ctx context.Context, number int) (net.Conn, *Error) {
	conn, err := r.Dialer.Dial(ctx, r.Address)
	if err != nil {
		e, _ := errors.AsType[*Error](err)
		return nil, e
	}
	if !r.Dialer.NoGreeting && conn.noGreeting != nil {
		conn.Close()
		return nil, conn.badGreeting(conn.noGreeting)
	}
	r.connect.add(number, conn.timings.Connect)
	if conn.secure != nil {
		r.handshake.add(number, conn.timings.TLS)
	}
	if conn.timings.Greeting > 0 {
		r.greeting.add(number, conn.timings.Greeting)
	}
	r.open.Add(1)
	return conn.nc, nil
}

// scout opens the first connection and learns from it how to speak with this server.
func (r *loadRun) scout(ctx context.Context) (*loadConn, error) {
	conn, err := r.Dialer.Dial(ctx, r.Address)
	if err != nil {
		return nil, err
	}
	silent := errors.Is(conn.noGreeting, ErrSilent)
	if conn.noGreeting != nil && (!silent || r.MustGreet) {
		conn.Close()
		return nil, conn.badGreeting(conn.noGreeting)
	}
	if r.message, err = newLoadMessage(conn.wire, r.Size); err != nil {
		conn.Close()
		return nil, fmt.Errorf("the %s wire: %w", conn.wireName, err)
	}
	r.wire, r.wireName = conn.wire, conn.wireName
	err = conn.headerAnswered()
	if err == nil {
		err = r.learn(ctx, conn.nc)
	}
	if err != nil {
		conn.Close()
		return nil, r.newError(err)
	}
	r.connect.add(0, conn.timings.Connect)
	if r.tls = conn.TLS(); r.tls != nil {
		r.handshake.add(0, conn.timings.TLS)
	}
	if !silent {
		r.greeting.add(0, conn.timings.Greeting)
	}
	r.open.Add(1)
	// The others neither look the name up nor wait for a greeting that does not come; one that comes is waited for patiently.
	r.Dialer.Wire, r.Dialer.NoGreeting = conn.wireName, silent
	r.Dialer.Silence = r.Dialer.timeout(Greeting)
	if a, err := ParseAddress(conn.RemoteAddr().String()); err == nil && r.Address.network == "tcp" {
		if conn.secure != nil { // The certificate is for the name all the same.
			config := *r.Dialer.TLS
			config.ServerName = conn.secure.name
			r.Dialer.TLS = &config
		}
		r.Address = a
	}
	c := r.newConn(0, conn.nc)
	c.speak()
	return c, nil
}

// learn has one message echoed, and keeps the form of the answer.
func (r *loadRun) learn(ctx context.Context, nc net.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	release := within(ctx, nc.SetDeadline)
	defer release()
	r.message.stamp(1<<stampShift - 1) // No message of the run has it.
	var sending sync.WaitGroup         // As with sendRest.
	sending.Go(func() { _, _ = nc.Write(r.message.out) })
	answer, err := r.firstAnswer(nc)
	if err != nil {
		nc.SetWriteDeadline(longAgo)
	}
	sending.Wait()
	switch {
	case err == nil && !r.isHeader(answer) && r.message.learn(answer):
		return nil
	case err != nil && len(answer) == 0:
		return interrupted(ctx, err)
	}
	return notEcho(answer, proxyHint(r.Dialer.Proxy != 0))
}

// headerAnswered says what came together with the greeting, where a server may have taken the PROXY header for a message.
func (c *Conn) headerAnswered() error {
	if !c.proxied {
		return nil
	}
	if msg, ok, _ := c.dec.Next(); ok {
		return notEcho([]byte(c.wire.Text(msg)), proxyHint(true))
	}
	return nil
}

// isHeader reports whether a server has taken the PROXY header for messages, and answered those; the answer to ours may be among the
// answers.
func (r *loadRun) isHeader(answer []byte) bool {
	words := []string{1: "PROXY ", 2: "QUIT"} // of the two versions
	return r.Dialer.Proxy != 0 && bytes.Contains(answer, []byte(words[r.Dialer.Proxy]))
}

// firstAnswer reads the answer whose form is not known yet: one message or, on the raw wire, what ends with what was sent.
func (r *loadRun) firstAnswer(nc net.Conn) (answer []byte, err error) {
	dec := r.wire.NewDecoder(r.Size + maxAnswer)
	buf := make([]byte, maxLoadRead)
	for len(answer) < r.Size+maxAnswer {
		n, err := nc.Read(buf)
		answer = append(answer, buf[:n]...)
		if r.wireName == protocol.RawName {
			if bytes.Contains(answer, r.message.out) {
				return answer, nil
			}
		} else {
			dec.Feed(buf[:n])
			switch msg, ok, err := dec.Next(); {
			case err != nil:
				return nil, &wrongError{err: err, why: fmt.Sprintf("its answer is no message of the %s wire: %v", r.wireName, err)}
			case ok:
				if told, ok := r.wire.ParseError(msg); ok {
					return nil, told
				}
				return answer, nil
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) && len(answer) > 0 {
				err = errMidMessage
			}
			return answer, err
		}
	}
	return answer, nil
}

// atOnce is how much is sent before any of the answer is received. Any system takes it.
const atOnce = 16 << 10

// exchange has one message echoed, and is for what is not done often.
func (c *loadConn) exchange() (err error) {
	now := c.r.now()
	c.mu.Lock()
	c.sentAt.Store(now)
	c.nc.SetDeadline(time.Now().Add(c.r.Timeout))
	c.mu.Unlock()
	defer c.sentAt.Store(0)
	defer func() {
		if err != nil {
			c.nc.SetWriteDeadline(longAgo)
		}
		c.sending.Wait()
	}()
	first := c.msg.out[:min(len(c.msg.out), atOnce)]
	if _, err := c.nc.Write(first); err != nil {
		return fmt.Errorf("%w: %w", errSending, err)
	}
	c.sendRest(c.msg.out[len(first):])
	c.sent.Add(uint64(len(c.msg.out)))
	borrowed := c.r.buffers.Get().(*[]byte)
	defer c.r.buffers.Put(borrowed)
	buf := *borrowed
	for at := 0; at < c.want; {
		n, err := c.nc.Read(buf)
		if same := c.msg.match(buf[:min(n, c.want-at)], at); same < n {
			c.at = at
			return c.mismatch(buf[:n], same)
		}
		if at += n; err != nil && at < c.want {
			if errors.Is(err, io.EOF) && at > 0 {
				return errMidMessage
			}
			return err
		}
	}
	c.sending.Wait()
	c.r.answer.add(c.number, time.Duration(c.r.now()-now))
	c.messages.Add(1)
	c.received.Add(uint64(c.want))
	c.msg.next()
	return nil
}
