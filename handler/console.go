package handler

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
)

// operatorName is the name of whoever sits at the server's own terminal.
const operatorName = "operator"

// consoleLine is how much is read of the operator's line before it is said: a longer one, as a file may have that is piped
// in, becomes several.
const consoleLine = 8 << 10

// Console has the operator of the server in the room: what is typed at in goes to all members, what they say is written
// to out, a line each. EXIT alone on a line ends the conversation of everybody who is here; the room waits for the next. It
// returns at the end of in, with nil, or when reading fails, and not before what was said has been written.
//
// Nobody waits for out. What it does not take is lost. A panic of in's or out's is an error, the latter with the next line.
func (c *Chat) Console(in io.Reader, out io.Writer) error {
	m := &member{given: operatorName, lines: newBacklog(max(c.queue, chatQueue))}
	m.reply = func(line string) { c.tell(m, line) }
	m.reply(c.join(m))
	var writeErr error
	written := make(chan struct{})
	go func() {
		defer close(written)
		writeErr = guarded(func() error { return m.write(out) })
		c.leave(m, false)
	}()
	readErr := guarded(func() error { return c.read(m, in, written) })
	c.leave(m, false)
	<-written
	return errors.Join(readErr, writeErr)
}

// read has the operator say what it types, until the end of the input or of what shows it the answers.
func (c *Chat) read(m *member, in io.Reader, written <-chan struct{}) error {
	for input := bufio.NewReaderSize(in, consoleLine); ; {
		line, _, err := input.ReadLine()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading what the operator types: %w", err)
		case string(line) == exitWord:
			c.endAll(m)
		default:
			c.hear(m, string(line))
		}
		select {
		case <-written:
			return nil
		default:
		}
	}
}

// guarded calls f and returns a panic in it as an error. The console is no session whose connection could end for it.
func guarded(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("console panicked: %v\n%s", value, debug.Stack())
		}
	}()
	return f()
}

// write writes what is said to the operator.
func (m *member) write(out io.Writer) error {
	for {
		line, _, ok := m.lines.take()
		if !ok {
			return nil
		}
		fmt.Fprintln(out, line) // A terminal that is gone shows in reading.
	}
}

// tell sends a line to one member alone.
func (c *Chat) tell(m *member, line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(m, line)
}

// endAll ends the conversation of all clients. They are out of the room at once, so that none is told of all the others
// that they have left.
func (c *Chat) endAll(operator *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range slices.Clone(c.members) {
		if m.end != nil {
			c.put(m, "* "+operator.name+" ended the conversation")
			c.remove(m)
			m.end()
		}
	}
	c.put(operator, "* waiting for the next")
}
