package handler

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
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
// Nobody waits for out. What it does not take is lost.
func (c *Chat) Console(in io.Reader, out io.Writer) error {
	m := &member{
		given: operatorName,
		lines: newBacklog(max(c.queue, chatQueue)),
	}
	m.reply = func(line string) { c.tell(m, line) }
	c.join(m)
	var writing sync.WaitGroup
	defer writing.Wait()
	defer c.leave(m)
	writing.Go(func() { m.write(out) })
	for input := bufio.NewReaderSize(in, consoleLine); ; {
		line, _, err := input.ReadLine()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case string(line) == exitWord:
			c.endAll(m)
		default:
			c.hear(m, string(line))
		}
	}
}

// write writes what is said to the operator.
func (m *member) write(out io.Writer) {
	for {
		line, _, ok := m.lines.take()
		if !ok {
			return
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
