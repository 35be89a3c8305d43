package handler

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"parley/protocol"
)

const (
	chatQueue    = 1024   // lines that wait for a member, unless it is said otherwise
	maxChatQueue = 65_536 // and as many as may be asked for
	maxName      = 32     // characters of a member's name
	whoPerLine   = 50     // names on a line of /who, so that a full room makes lines that clients can read
	whoMost      = 500    // names in all: to ask is cheap, and so must be to answer
	exitWord     = "EXIT" // alone on a line, ends the conversation
)

// Who comes and goes is said to everybody: a stranger who only connects, again and again, has the room say two lines a
// time to each of its members. So at most noticesPerSecond are said, but for a crowd of noticesAtOnce.
const (
	noticesPerSecond = 10
	noticesAtOnce    = 100
)

// speakerPause is how long one rests who has said a line that leaves somebody's backlog more than half full. The room does not
// wait, and nor do the others: but a client that sends faster than others can read would have all of them dropped within
// milliseconds. One who stopped reading makes the others rest for half of its backlog, then it is dropped.
const speakerPause = time.Millisecond

var chatKind = Kind{
	Summary: "a room: each line goes to all others; /name X, /who, EXIT",
	Options: []string{"queue"},
	Wires:   []string{protocol.TextName, protocol.JSONName, protocol.PickleName},
	New: func(o Options) (Handler, error) {
		queue, err := o.Count("queue", maxChatQueue)
		if err != nil {
			return nil, err
		}
		return NewChat(queue), nil
	},
}

// Chat is a room. What one member says goes to all others, behind its name. Nobody waits for anybody: each member has a
// backlog of lines and a goroutine that sends them, and one whose backlog is full is dropped.
type Chat struct {
	queue   int
	notices *rate.Limiter

	mu      sync.Mutex
	members []*member          // in the order they came
	names   map[string]*member // by their names in lower case
}

// NewChat returns an empty room, in which queue lines may wait for each member; 0 means 1024.
func NewChat(queue int) *Chat {
	if queue == 0 {
		queue = chatQueue
	}
	return &Chat{
		queue:   queue,
		notices: rate.NewLimiter(noticesPerSecond, noticesAtOnce),
		names:   make(map[string]*member),
	}
}

// A member is one who is in the room. Its fields are guarded by Chat.mu, but for the functions.
type member struct {
	name  string
	given string   // the name that it came with
	lines *backlog // what is said to it; it ends when it is no member any more

	gone    bool // no member any more
	dropped bool // its backlog was full; its own goroutine takes it out of the room
	lost    int  // lines for which there was no room in the operator's backlog

	reply func(line string) // answers what the member itself has asked for

	// Only clients have these, which must not take Chat.mu: drop ends the connection of one who does not read, and end the
	// conversation.
	drop, end func()
}

// Serve has the client in the room until it leaves.
func (c *Chat) Serve(s Session) error {
	m := &member{
		given: fmt.Sprintf("client%d", s.ID()),
		lines: newBacklog(c.queue),
		reply: func(line string) { _ = s.Reply(line) }, // One who is gone is found out by Messages.
		drop:  s.Drop,
		end:   s.End,
	}
	m.reply(c.join(m)) // Before its own goroutine and that of its lines may say something in any order.
	defer func() { c.leave(m, s.Context().Err() != nil) }()
	s.Go(func() { m.send(s) })
	for msg := range s.Messages() {
		if !c.hear(m, s.Text(msg)) {
			break
		}
	}
	return nil
}

// send sends the client what is said to it, all that waits at a time.
func (m *member) send(s Session) {
	for {
		line, last, ok := m.lines.take()
		if !ok {
			return
		}
		_ = s.Gather(line)
		if last {
			_ = s.Flush()
		}
	}
}

// hear does what a member's line asks for. It is false when the member leaves.
func (c *Chat) hear(m *member, line string) bool {
	command, argument, _ := strings.Cut(line, " ")
	crowded := false
	switch {
	case line == exitWord:
		return false
	case command == "/name":
		name := strings.TrimSpace(argument)
		var err error
		if crowded, err = c.rename(m, name); err != nil {
			m.reply("* " + err.Error())
		} else {
			m.reply("* you are " + name)
		}
	case command == "/who":
		c.who(m)
	case strings.HasPrefix(line, "/"):
		m.reply("* no such command: /name X, /who, or EXIT to leave")
	case line != "":
		crowded = c.say(m, line)
	}
	if crowded {
		time.Sleep(speakerPause)
	}
	return true
}

// join lets a member in and tells the others. It returns what the member is to be told first.
func (c *Chat) join(m *member) (welcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m.name = m.given
	c.notice("* " + m.name + " joined")
	c.members = append(c.members, m)
	c.names[m.name] = m
	return fmt.Sprintf("* you are %s, %d here; /name X, /who, or EXIT to leave", m.name, len(c.members))
}

// leave takes a member out and tells the others, and why if it has not left by itself.
func (c *Chat) leave(m *member, lost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.gone {
		return
	}
	c.remove(m)
	line := "* " + m.name + " left"
	switch {
	case m.dropped:
		line += ": did not read"
	case lost:
		line += ": connection lost"
	}
	c.notice(line)
}

// who tells a member who is here.
func (c *Chat) who(m *member) {
	here, names := c.present()
	m.reply(fmt.Sprintf("* %d here:", here))
	for some := range slices.Chunk(names, whoPerLine) {
		m.reply("* " + strings.Join(some, " "))
	}
	if more := here - len(names); more > 0 {
		m.reply(fmt.Sprintf("* and %d more", more))
	}
}

// present returns how many members there are, and the names of the first.
func (c *Chat) present() (here int, names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	names = make([]string, min(len(c.members), whoMost))
	for i := range names {
		names[i] = c.members[i].name
	}
	return len(c.members), names
}

// say sends a member's line to all others. It reports whether somebody's backlog is more than half full.
func (c *Chat) say(from *member, line string) (crowded bool) {
	line = printable(line)
	c.mu.Lock()
	defer c.mu.Unlock()
	if from.gone {
		return false
	}
	return c.broadcast(from, "<"+from.name+"> "+line)
}

var (
	errBadName   = fmt.Errorf("a name is 1 to %d letters, digits, dots, hyphens or underscores", maxName)
	errNameTaken = errors.New("somebody has that name")
)

// rename gives a member another name and tells the others. It reports whether somebody's backlog is more than half full.
func (c *Chat) rename(m *member, name string) (crowded bool, err error) {
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, notInName) {
		return false, errBadName
	}
	key := strings.ToLower(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.names[key]; other != nil && other != m || key != m.given && given(key) {
		return false, errNameTaken
	}
	if m.gone || name == m.name {
		return false, nil
	}
	before := m.name
	delete(c.names, strings.ToLower(before))
	m.name = name
	c.names[key] = m
	return c.broadcast(m, "* "+before+" is now "+name), nil
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
}

// given reports whether a name is one that members come with. Nobody else may take it: they would be taken for who
// comes with it, or has left.
func given(key string) bool {
	number, ok := strings.CutPrefix(key, "client")
	return key == operatorName || ok && number != "" && strings.Trim(number, "0123456789") == ""
}

// The caller of all below holds mu.

// remove takes a member out of the room.
func (c *Chat) remove(m *member) {
	m.gone = true
	m.lines.end()
	c.members = slices.DeleteFunc(c.members, func(o *member) bool { return o == m })
	if key := strings.ToLower(m.name); c.names[key] == m {
		delete(c.names, key)
	}
}

// notice tells everybody who comes or goes, unless that is said too often.
func (c *Chat) notice(line string) {
	if len(c.members) > 0 && c.notices.Allow() {
		c.broadcast(nil, line)
	}
}

// broadcast says a line to everybody but one. It reports whether somebody's backlog is more than half full.
func (c *Chat) broadcast(but *member, line string) (crowded bool) {
	for _, m := range c.members {
		if m != but && c.put(m, line) {
			crowded = true
		}
	}
	return crowded
}

// put says a line to a member, and reports whether its backlog is more than half full. A client for whom there is no room
// is dropped: it has not taken what it was sent for so long that the others would have to wait. The operator loses lines
// instead, and is told how many; that is nothing to rest for.
func (c *Chat) put(m *member, line string) (crowded bool) {
	if m.dropped {
		return false
	}
	if m.lost > 0 {
		line = fmt.Sprintf("* %d lines lost: this terminal did not take them\n%s", m.lost, line)
	}
	waiting, ok := m.lines.add(line)
	switch {
	case ok:
		m.lost = 0
	case m.drop == nil:
		m.lost++
	default:
		m.dropped = true
		m.drop()
	}
	return ok && waiting > m.lines.most/2
}
