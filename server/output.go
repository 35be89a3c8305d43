package server

import "parley/protocol"

// gatherBytes is how much of replies is gathered before it is sent: enough that a system call's price is spread, and
// little enough that a client who does not read holds under 64 KiB together with the input it is an answer to.
const gatherBytes = 16 << 10

// maxPooledOutput is the largest buffer that goes back into outputBuffers.
const maxPooledOutput = 2 * gatherBytes

var outputBuffers = newBuffers(func() []byte { return make([]byte, 0, 1<<10) })

// Reply sends text as one message; see handler.Session.
func (c *conn) Reply(text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refusal(); err != nil {
		return err
	}
	c.gather(c.ln.Wire.AppendText(c.gathered(), text))
	return c.replied()
}

// Gather adds text as one message to what is gathered, and sends that when it is enough; see handler.Session.
func (c *conn) Gather(text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refusal(); err != nil {
		return err
	}
	c.gather(c.ln.Wire.AppendText(c.gathered(), text))
	c.replies.Store(c.replies.Load() + 1)
	if len(*c.out) < gatherBytes {
		return nil
	}
	return c.flush()
}

// Echo sends a message back behind prefix; see handler.Session.
func (c *conn) Echo(prefix string, msg []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refusal(); err != nil {
		return err
	}
	if prefix == "" && c.out == nil && c.ln.Wire.Verbatim() {
		c.replies.Store(c.replies.Load() + 1)
		return c.send(msg)
	}
	c.lend()
	if !c.gatherEcho(prefix, msg) {
		return nil
	}
	err := c.send(*c.out)
	c.release()
	return err
}

// gatherEcho gathers what Echo sends, and reports whether it is to be sent now. Neither it nor lend is part of Echo, so
// that their frames are off the stack when the system sends: with them, the smallest stack would not do.
//
//go:noinline
func (c *conn) gatherEcho(prefix string, msg []byte) bool {
	*c.out = c.ln.Wire.AppendEcho(*c.out, prefix, msg)
	c.replies.Store(c.replies.Load() + 1)
	return !c.holdsBack()
}

// Record sends fields under a word as one message; see handler.Session.
func (c *conn) Record(word string, fields []protocol.Field) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refusal(); err != nil {
		return err
	}
	c.gather(c.ln.Wire.AppendRecord(c.gathered(), word, fields))
	return c.replied()
}

// Flush sends what was gathered; see handler.Session.
func (c *conn) Flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flush()
}

// refusal is the error that Reply and Echo return instead of sending. Outside of Messages nothing else tells a handler
// that the server drains. The caller holds mu, as for all that follow.
func (c *conn) refusal() error {
	if c.sendErr != nil {
		return c.sendErr
	}
	if d := c.ln.srv.drain.Load(); d != nil && !c.looping.Load() && c.ln.srv.now() >= d.unfinished {
		c.end(&ending{reason: ShuttingDown})
	}
	if e := c.ending.Load(); e != nil {
		return e
	}
	return nil
}

// gathered returns what was gathered, to be appended to and given to gather.
func (c *conn) gathered() []byte {
	c.lend()
	return *c.out
}

// lend sees to it that there is a buffer to gather in.
//
//go:noinline
func (c *conn) lend() {
	if c.out == nil {
		c.out = outputBuffers.get()
	}
}

func (c *conn) gather(b []byte) { *c.out = b }

// replied counts a reply that was gathered, and sends what was unless there is more to come.
func (c *conn) replied() error {
	c.replies.Store(c.replies.Load() + 1)
	if c.holdsBack() {
		return nil
	}
	return c.flush()
}

// holdsBack reports whether what was gathered waits for more.
func (c *conn) holdsBack() bool {
	return c.stage.Load() == more && len(*c.out) < gatherBytes
}

func (c *conn) flush() error {
	var err error
	if c.sendErr != nil { // A nil *ending is no nil error.
		err = c.sendErr
	}
	if c.out == nil {
		return err
	}
	if err == nil {
		err = c.send(*c.out)
	}
	c.release()
	return err
}

// release gives back the buffer that was gathered in.
func (c *conn) release() {
	if cap(*c.out) <= maxPooledOutput {
		*c.out = (*c.out)[:0]
		outputBuffers.put(c.out)
	}
	c.out = nil
}

// send sends b, however long the client takes as long as it takes something. Nothing to send is no sign of life, and over
// a pipe would wait for a reader. When it fails, a wait for input that is under way on another goroutine ends too: nobody
// could be answered any more.
func (c *conn) send(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	n, err := c.t.send(b)
	c.sent.Store(c.sent.Load() + uint64(n))
	if err != nil {
		return c.sendFailed(err)
	}
	if c.stage.Load() == waiting { // Otherwise taken does.
		c.lastActive.Store(c.ln.srv.now())
	}
	return nil
}

// sendFailed notes that nothing more can be sent. What a fault has ended on request is closed as that fault wants it, which
// may be in good order.
//
//go:noinline
func (c *conn) sendFailed(err error) error {
	e := endingOf(err)
	c.end(e)
	if e.reason == Fault {
		c.sendErr = e
		c.End()
		return e
	}
	c.sendErr = c.ending.Load()
	c.t.interrupt()
	return c.sendErr
}

// failed reports whether sending has failed, other than on request.
func (c *conn) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sendErr != nil && c.sendErr.reason != Fault
}

// greet tells the client who it is, as far as the system takes it at once; what is left is gathered.
func (c *conn) greet() {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.facts()
	c.gather(c.ln.Wire.AppendGreeting(c.gathered(), protocol.Greeting{
		ClientID: c.id,
		You:      c.peer(),
		Me:       addrString(c.local),
		Name:     c.ln.srv.name,
		Handler:  c.ln.HandlerName,
		Via:      f.via,
		TLS:      f.tls,
		SNI:      f.sni,
		ALPN:     f.alpn,
		ClientCN: f.clientCN,
		Fault:    c.fault(),
	}))
	n := c.t.sendNow(*c.out)
	c.sent.Store(uint64(n))
	if n == len(*c.out) {
		c.release()
	} else {
		*c.out = append((*c.out)[:0], (*c.out)[n:]...)
	}
}

// tell sends what was gathered and, behind it, the reason why the connection ends where the client is to know it.
func (c *conn) tell(reason Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tells(reason) {
		c.gather(c.ln.Wire.AppendError(c.gathered(), c.errorOf(reason)))
	}
	_ = c.flush()
}

// tells reports whether the client is told reason before the connection is closed. In TLS it can't be before the
// handshake is over.
func (c *conn) tells(reason Reason) bool {
	return reason.told() && (c.welcomed || c.ln.TLS == nil)
}

// errorOf is what the client is told.
func (c *conn) errorOf(reason Reason) protocol.Error {
	e := protocol.Error{Reason: reason.String()}
	switch reason { //nolint:exhaustive // the other reasons say it all
	case LineTooLong:
		e.Limit = int64(c.ln.Limits.MaxMessage)
	case BadMessage:
		e.Detail = c.ending.Load().err.Error()
	}
	return e
}
