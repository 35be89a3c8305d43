package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"parley/client"
	"parley/protocol"
)

// leaveWord is the line that ends a conversation, from whichever side it comes.
const leaveWord = "EXIT"

// A conversation is one that is held from a keyboard, or from whatever is piped in.
type conversation struct {
	conn    *client.Conn
	address client.Address
	show    func(text string) // prints what comes
	greeted func()            // does so when it is a late greeting
	stay    bool              // the end of the input is not ours: listen on
	timeout time.Duration     // for sending a line, and for what comes after our end

	serverEnded bool // it was the server that ended it
	answered    bool // it has said something beside its greeting
}

// hold sends the lines that come in and shows what the server says, until one of the two ends it. The error is what went wrong,
// or what the server said went wrong as it ended.
func (c *conversation) hold(ctx context.Context, input <-chan string) error {
	listening, cancel := context.WithCancel(ctx)
	defer cancel()
	heard := make(chan error, 1)
	go func() { heard <- c.listen(listening) }()
	for {
		select {
		case err := <-heard:
			c.serverEnded = err == nil
			return err
		case line, ok := <-input:
			if !ok && c.stay {
				input = nil
				continue
			}
			if ok {
				err := c.send(ctx, line)
				if err != nil {
					return c.sendFailed(err, heard, cancel)
				}
			}
			if !ok || line == leaveWord {
				return c.leave(heard, cancel)
			}
		}
	}
}

// listen shows what comes until the server ends its side. A server that says ERR and then ends has said why: that is the error
// then.
func (c *conversation) listen(ctx context.Context) error {
	var told error
	_, silent := c.conn.Greeting()
	for {
		msg, err := c.conn.Receive(ctx)
		e, _ := errors.AsType[*client.Error](err)
		switch {
		case errors.Is(err, io.EOF):
			return told
		case err == nil:
			told = nil
		case e != nil && e.Kind == client.Told:
			told = err
		default:
			return err
		}
		if _, noGreeting := c.conn.Greeting(); silent != nil && noGreeting == nil {
			silent = nil
			c.greeted()
			continue
		}
		c.answered = true
		c.show(c.conn.Text(msg))
	}
}

func (c *conversation) send(ctx context.Context, line string) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.conn.Send(ctx, line)
}

func (c *conversation) register(ctx context.Context, name, email string) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.conn.Register(ctx, name, email)
}

// leave ends our side and waits for the rest of what the server says.
func (c *conversation) leave(heard <-chan error, cancel func()) error {
	if err := c.conn.CloseWrite(); err != nil {
		return c.sendFailed(err, heard, cancel)
	}
	ended, err := c.await(heard, cancel, c.timeout)
	if !ended {
		return statusError{
			exitStatuses[client.Timeout],
			fmt.Errorf("%s %v: it has not ended the conversation within %v of our end", client.Timeout, c.address, c.timeout),
		}
	}
	return err
}

// lastWords is how long what a server said before the connection broke may take to be read.
const lastWords = time.Second

// sendFailed returns why the conversation is over when nothing more can be sent: what the server said says more than that.
func (c *conversation) sendFailed(sendErr error, heard <-chan error, cancel func()) error {
	ended, err := c.await(heard, cancel, lastWords)
	if !ended {
		return sendErr
	}
	c.serverEnded = err == nil
	return err
}

// await waits for the end of listen. If that does not come in time, listen is called off, which is its error then.
func (c *conversation) await(heard <-chan error, cancel func(), limit time.Duration) (ended bool, err error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-heard:
		return true, err
	case <-timer.C:
		cancel()
		return false, <-heard
	}
}

// A printer prints what a server says, so that a terminal shows it and does nothing else.
type printer struct {
	w    io.Writer
	wide bool // other letters than those of ASCII may be printed
	raw  bool // what comes is no lines: newlines are printed where they come, and nowhere else
	open bool // the last line has no newline yet
}

// show prints a message.
func (p *printer) show(text string) {
	if !p.raw {
		text = strings.TrimSuffix(text, "\n") + "\n"
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		line, p.open = strings.CutSuffix(line, "\n")
		p.open = !p.open
		b.WriteString(protocol.Printable(strings.TrimSuffix(line, "\r"), p.wide))
		if !p.open {
			b.WriteByte('\n')
		}
	}
	_, _ = io.WriteString(p.w, b.String()) // Nobody is left to tell.
}

// end ends the last line.
func (p *printer) end() {
	if p.open {
		_, _ = io.WriteString(p.w, "\n")
	}
}
