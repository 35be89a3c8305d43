//go:build system && linux

package main_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// operateScreen runs parley serve --console on a terminal.
func operateScreen(t *testing.T) (*screen, *daemon) {
	t.Helper()
	s := newScreen(t, "PARLEY_ADMIN=off parley serve --console chat://127.0.0.1:0")
	s.await(`\* you are operator, 1 here; /name X, /who, or EXIT to leave\n`)
	address := regexp.MustCompile(`\Achat on (\S+),`).FindStringSubmatch(s.tmux("capture-pane", "-p"))
	if address == nil {
		t.Fatalf("the terminal does not say where the chat is:\n%s", s.tmux("capture-pane", "-p"))
	}
	return s, &daemon{process: &process{t: t}, addresses: address[1:]}
}

// joinNetcat joins the chat as a student does, in which are then so many.
func (d *daemon) joinNetcat(here int) *typist {
	d.t.Helper()
	n := launchTypist(d.t, netcats["OpenBSD nc -N"].command(d.t, d.addresses[0]))
	n.stdout.await(d.t, fmt.Sprintf(`^\* you are client\d+, %d here; `, here))
	return n
}

// leaves ends the program's input, behind which it ends once the server has closed.
func (p *typist) leaves() {
	p.t.Helper()
	must(p.t, p.stdin.Close())
	p.exits(0)
}

// The operator and a netcat converse in turns and at the same time. Whoever says EXIT ends the conversation, and the next
// client is served. Ctrl-C ends the daemon.
func TestConsoleTerminal(t *testing.T) {
	t.Parallel()
	s, d := operateScreen(t)
	c := d.joinNetcat(2)
	s.await(`\n\* client1 joined\n`)
	for i := range 3 {
		c.types(fmt.Sprintf("question %d\n", i))
		s.await(fmt.Sprintf(`\n<client1> question %d\n`, i))
		s.types(fmt.Sprint("answer ", i), "Enter")
		c.stdout.await(t, fmt.Sprintf(`^<operator> answer %d$`, i))
	}
	s.types("half of ")
	c.types("I interrupt\n")
	s.await(`\nhalf of <client1> I interrupt\n`)
	s.types("a line", "Enter")
	c.stdout.await(t, `^<operator> half of a line$`)

	// The operator ends it, then the client does.
	s.types("EXIT", "Enter")
	s.await(`\nEXIT\n\* waiting for the next\n`)
	c.stdout.await(t, `^\* operator ended the conversation$`)
	c.leaves()
	c = d.joinNetcat(2)
	c.types("hello again\n")
	s.await(`\n\* client2 joined\n<client2> hello again\n`)
	c.types("EXIT\n")
	s.await(`\n\* client2 left\n`)
	c.leaves()

	s.types("", "C-c")
	s.await(`stopped: drained=0 cut=0 .*(.*\n)*status 0\nisig icanon echo`)
}

// A client that is killed is one line on the terminal, whatever it was doing.
func TestConsoleTerminal_reset(t *testing.T) {
	t.Parallel()
	s, d := operateScreen(t)
	c := dial(t, d.addresses[0])
	must(t, c.matches("^HELLO "))
	must(t, c.matches(`^\* you are client1, 2 here; `))
	must(t, c.send("half a li"))
	s.await(`\n\* client1 joined\n`)
	c.reset()
	s.await(`\n\* client1 left: connection lost\n`)
	n := d.joinNetcat(2)
	n.types("hello\n")
	s.await(`\n\* client1 joined\n(<client1> half a li\n)?\* client1 left: connection lost\n\* client2 joined\n<client2> hello\n*\z`)

	// With a client there, the drain says goodbye.
	s.types("", "C-c")
	n.stdout.await(t, `^ERR shutting_down$`)
	n.leaves()
	s.await(`stopped: drained=1 cut=0 .*(.*\n)*status 0\nisig icanon echo`)
}

// While Ctrl-S holds the terminal's output nobody waits for it, and the operator may still type.
func TestConsoleTerminal_stopped(t *testing.T) {
	t.Parallel()
	s, d := operateScreen(t)
	a := d.enter(2)
	b := d.enter(3)
	must(t, a.wants("* client2 joined"))
	s.await(`\n\* client2 joined\n`)
	s.types("", "C-s")
	var longest time.Duration
	const lines = 300
	for i := range lines {
		began := time.Now()
		must(t, a.send(fmt.Sprintf("line %d\n", i)))
		must(t, b.wants(fmt.Sprintf("<client1> line %d", i)))
		longest = max(longest, time.Since(began))
	}
	t.Logf("a line took %v at most", longest)
	if shown := s.tmux("capture-pane", "-p"); strings.Contains(shown, fmt.Sprint("line ", lines-1)) {
		t.Errorf("Ctrl-S has not stopped the terminal, and this test tests nothing:\n%s", shown)
	}
	s.types("", "C-q")
	s.await(fmt.Sprintf(`\n<client1> line %d\n`, lines-1))
	s.types("I was away", "Enter")
	must(t, a.wants("<operator> I was away"))
	must(t, b.wants("<operator> I was away"))
	b.Close()
	s.await(`\nI was away\n\* client2 left\n`)
	s.types("", "C-c")
	s.await(`status 0\nisig icanon echo`)
}
