package handler

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"parley/protocol"
)

const (
	chatQueue    = 256    // lines that wait for a member who reads slowly
	maxChatQueue = 65_536 // and as many as may be asked for
	maxName      = 32     // characters of a member's name
	whoPerLine   = 50     // names on a line of /who, so that a full room makes lines that clients can read
	exitWord     = "EXIT" // alone on a line, ends the conversation
)

var chatKind = Kind{
	Summary: "a room: each line goes to all others; /name X, /who, EXIT",
	Options: []string{"queue"},
	Wires:   []string{protocol.TextName, protocol.JSONName, protocol.PickleName},
	New: func(o Options) (Handler, error) {
		queue, err := o.Count("queue", maxChatQueue)
		if err != nil {
			return nil, err
		}
		if queue == 0 {
			queue = chatQueue
		}
		return NewChat(queue), nil
	},
}

// Chat is a room. What one member says goes to all others, behind its name. Nobody waits for anybody: each member has a
// queue of lines and a goroutine that sends them, and one whose queue is full is dropped.
type Chat struct {
	queue int

	mu      sync.Mutex
	members []*member // in the order they came
}

// NewChat returns an empty room, in which queue lines may wait for each member.
func NewChat(queue int) *Chat { return &Chat{queue: queue} }

// A member is one who is in the room.
type member struct {
	name  string      // guarded by Chat.mu
	lines chan string // closed, under Chat.mu, when the member has left
	drop  func()      // ends the connection of one who does not read
	end   func()      // ends the conversation
}

// Serve has the client in the room until it leaves.
func (c *Chat) Serve(s Session) error {
	m := c.join(fmt.Sprintf("client%d", s.ID()), s.Drop, s.End)
	var sending sync.WaitGroup
	sending.Go(func() {
		for line := range m.lines {
			_ = s.Reply(line) // One who is gone is found out by Messages.
		}
	})
	for msg := range s.Messages() {
		if !c.hear(m, s.Text(msg)) {
			break
		}
	}
	c.leave(m)
	sending.Wait()
	return nil
}

// hear does what a member's line asks for. It is false when the member leaves.
func (c *Chat) hear(m *member, line string) bool {
	command, argument, _ := strings.Cut(line, " ")
	switch {
	case line == exitWord:
		return false
	case command == "/name":
		if err := c.rename(m, strings.TrimSpace(argument)); err != nil {
			c.tell(m, "* "+err.Error())
		}
	case line == "/who":
		c.who(m)
	case strings.HasPrefix(line, "/"):
		c.tell(m, "* no such command: /name X, /who, or EXIT to leave")
	case line != "":
		c.say(m, line)
	}
	return true
}

// join lets a member in and tells the others.
func (c *Chat) join(name string, drop, end func()) *member {
	m := &member{name: name, lines: make(chan string, c.queue), drop: drop, end: end}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broadcast(nil, "* "+name+" joined")
	c.members = append(c.members, m)
	c.put(m, fmt.Sprintf("* you are %s, %d here; /name X, /who, or EXIT to leave", name, len(c.members)))
	return m
}

// leave takes a member out and tells the others.
func (c *Chat) leave(m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.remove(m) {
		return
	}
	close(m.lines)
	c.broadcast(m, "* "+m.name+" left")
}

// remove is false when m is no member any more. The caller holds mu, as for all below.
func (c *Chat) remove(m *member) bool {
	i := slices.Index(c.members, m)
	if i < 0 {
		return false
	}
	c.members = slices.Delete(c.members, i, i+1)
	return true
}

// say sends a member's line to all others.
func (c *Chat) say(from *member, line string) {
	line = printable(line)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broadcast(from, "<"+from.name+"> "+line)
}

// tell sends a line to one member alone.
func (c *Chat) tell(m *member, line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(m, line)
}

// who tells a member who is here.
func (c *Chat) who(m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(m, fmt.Sprintf("* %d here:", len(c.members)))
	for some := range slices.Chunk(c.members, whoPerLine) {
		names := make([]string, len(some))
		for i, o := range some {
			names[i] = o.name
		}
		c.put(m, "* "+strings.Join(names, " "))
	}
}

var (
	errBadName   = fmt.Errorf("a name is 1 to %d letters, digits, or any of - _ .", maxName)
	errNameTaken = errors.New("somebody has that name")
)

// rename gives a member another name and tells everybody.
func (c *Chat) rename(m *member, name string) error {
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, notInName) {
		return errBadName
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.ContainsFunc(c.members, func(o *member) bool { return o != m && strings.EqualFold(o.name, name) }) {
		return errNameTaken
	}
	old := m.name
	m.name = name
	c.broadcast(m, "* "+old+" is now "+name)
	c.put(m, "* you are "+name)
	return nil
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
}

// broadcast queues a line for everybody but one. The caller holds mu, as for put.
func (c *Chat) broadcast(but *member, line string) {
	for _, m := range c.members {
		if m != but {
			c.put(m, line)
		}
	}
}

// put queues a line for a member, who is dropped when there is no room: it has not taken what it was sent for so long
// that the others would have to wait. Its own goroutine takes it out of the room.
func (c *Chat) put(m *member, line string) {
	select {
	case m.lines <- line:
	default:
		m.drop()
	}
}
