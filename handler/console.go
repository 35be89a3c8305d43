package handler

import (
	"bufio"
	"fmt"
	"io"
	"sync"
)

// operatorName is the name of whoever sits at the server's own terminal.
const operatorName = "operator"

// Console has the operator of the server in the room: what is typed at in goes to all members, what they say is written
// to out, a line each. EXIT alone on a line ends the conversation of everybody who is here; the room waits for the next. It
// returns at the end of in, with nil, or when reading fails.
func (c *Chat) Console(in io.Reader, out io.Writer) error {
	nothing := func() {} // The operator's lines get lost where a slow client would be dropped.
	m := c.join(operatorName, nothing, nothing)
	var writing sync.WaitGroup
	writing.Go(func() {
		for line := range m.lines {
			fmt.Fprintln(out, line) //nolint:errcheck // a terminal that is gone shows in reading
		}
	})
	input := bufio.NewScanner(in)
	for input.Scan() {
		if line := input.Text(); line == exitWord {
			c.endAll(m)
		} else {
			c.hear(m, line)
		}
	}
	c.leave(m)
	writing.Wait()
	return input.Err()
}

// endAll ends the conversation of everybody but one.
func (c *Chat) endAll(but *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broadcast(but, "* "+but.name+" ended the conversation")
	for _, m := range c.members {
		if m != but {
			m.end()
		}
	}
	c.put(but, "* waiting for the next")
}
