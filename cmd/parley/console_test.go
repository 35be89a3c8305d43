//go:build unix

package main_test

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An operated daemon is one with a keyboard.
type operated struct {
	*daemon
	keyboard io.WriteCloser
}

// operate starts a daemon with a chat, whose keyboard is a pipe.
func operate(t *testing.T) *operated {
	t.Helper()
	cmd := command("PARLEY_LOG_LEVEL=info", "parley", "serve", "--console", "chat://127.0.0.1:0")
	keyboard, err := cmd.StdinPipe()
	must(t, err)
	o := &operated{awaitDaemon(launch(t, cmd)), keyboard}
	o.stdout.await(t, `^\* you are operator, `)
	return o
}

func (o *operated) types(lines ...string) {
	o.t.Helper()
	_, err := io.WriteString(o.keyboard, strings.Join(lines, "\n")+"\n")
	must(o.t, err)
}

// enter dials a client, who is then one of here.
func (d *daemon) enter(here int) *client {
	d.t.Helper()
	c := dial(d.t, d.addresses[0])
	hello, err := c.greeting()
	must(d.t, err)
	must(d.t, c.wants(fmt.Sprintf("* you are client%d, %d here; /name X, /who, or EXIT to leave", hello.ClientID, here)))
	return c
}

// Operator and client take turns, and then both talk at the same time. The end of the keyboard's input ends neither the
// conversation nor the daemon.
func TestConsole(t *testing.T) {
	t.Parallel()
	o := operate(t)
	c := o.enter(2)
	const turns = 20
	for i := range turns {
		must(t, c.send(fmt.Sprintf("question %d\n", i)))
		o.stdout.await(t, fmt.Sprintf("^<client1> question %d$", i))
		o.types(fmt.Sprintf("answer %d", i))
		must(t, c.wants(fmt.Sprintf("<operator> answer %d", i)))
	}

	const lines = 500
	talked := make(chan error, 1)
	go func() {
		for i := range lines {
			if err := c.send(fmt.Sprintf("theirs %d\n", i)); err != nil {
				talked <- err
				return
			}
		}
		talked <- nil
	}()
	typed := make(chan error, 1)
	go func() {
		for i := range lines {
			if _, err := fmt.Fprintf(o.keyboard, "ours %d\n", i); err != nil {
				typed <- err
				return
			}
		}
		typed <- nil
	}()
	for i := range lines {
		must(t, c.wants(fmt.Sprintf("<operator> ours %d", i)))
	}
	must(t, <-talked)
	must(t, <-typed)
	o.stdout.await(t, fmt.Sprintf("^<client1> theirs %d$", lines-1))
	var theirs []string
	for line := range strings.Lines(o.stdout.String()) {
		if rest, ok := strings.CutPrefix(line, "<client1> theirs "); ok {
			theirs = append(theirs, strings.TrimSpace(rest))
		}
	}
	for i, got := range theirs {
		if got != fmt.Sprint(i) {
			t.Fatalf("line %d of the client's is %s", i, got)
		}
	}
	if len(theirs) != lines {
		t.Errorf("the operator saw %d lines, want %d", len(theirs), lines)
	}

	must(t, o.keyboard.Close())
	must(t, c.wants("* operator left"))
	o.stdout.await(t, "^end of input: the operator has left the chat, and the server goes on$")
	d := o.enter(2)
	must(t, c.wants("* client2 joined"))
	must(t, d.send("still here\n"))
	must(t, c.wants("<client2> still here"))
	o.stop()
}

// The operator's EXIT ends the conversation and not the daemon: the next client is served.
func TestConsole_exit(t *testing.T) {
	t.Parallel()
	o := operate(t)
	for i := range 3 {
		c := o.enter(2)
		o.types("I have to go", "EXIT")
		must(t, c.wants("<operator> I have to go"))
		must(t, c.wants("* operator ended the conversation"))
		must(t, c.ends())
		c.Close()
		eventually(t, "the operator waits for the next", func() bool {
			return strings.Count(o.stdout.String(), "* waiting for the next\n") == i+1
		})
	}
	o.stop()
}

// A connection that breaks is one line on the operator's terminal.
func TestConsole_lost(t *testing.T) {
	t.Parallel()
	cmd := command("parley", "serve", "--console", "chat://127.0.0.1:0")
	keyboard, err := cmd.StdinPipe()
	must(t, err)
	defer keyboard.Close()
	// Without PARLEY_LOG_LEVEL nothing but the conversation is shown, and the address is not logged.
	p := launch(t, cmd)
	p.stdout.await(t, `^\* you are operator, 1 here; .*$`)
	address := regexp.MustCompile(`^chat on (\S+),`).FindStringSubmatch(p.stdout.String())
	if address == nil {
		t.Fatalf("no address in\n%s", p.stdout)
	}
	d := &daemon{process: p, addresses: address[1:]}
	before := p.stdout.String()
	c := d.enter(2)
	must(t, c.send("hello\n"))
	p.stdout.await(t, "^<client1> hello$")
	c.reset()
	p.stdout.await(t, `^\* client1 left`)
	d.enter(2).Close() // The next is served.
	p.stdout.await(t, `^\* client2 left`)
	got := strings.TrimPrefix(p.stdout.String(), before)
	const want = "* client1 joined\n<client1> hello\n* client1 left: connection lost\n* client2 joined\n* client2 left\n"
	if got != want {
		t.Errorf("the terminal has\n%swant\n%s", got, want)
	}
	d.stop()
}

// A terminal that shows nothing, by Ctrl-S or because nobody reads the pipe, is nobody's to wait for.
func TestConsole_blocked(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { _ = r.Close() })
	cmd := command("PARLEY_LOG_LEVEL=info", "parley", "serve", "--console", "chat://127.0.0.1:0")
	cmd.Stdout = w
	keyboard, err := cmd.StdinPipe()
	must(t, err)
	d := &daemon{process: launch(t, cmd)}
	must(t, w.Close())
	d.readPiped(r, "admin listening", "* you are operator")
	a := d.enter(2)
	b := d.enter(3)
	must(t, a.wants("* client2 joined"))

	// As much as a pipe holds and the backlog takes, several times.
	text := strings.Repeat("x", 100)
	var longest time.Duration
	for i := range 5000 {
		began := time.Now()
		must(t, a.send(fmt.Sprintf("%d %s\n", i, text)))
		must(t, b.wants(fmt.Sprintf("<client1> %d %s", i, text)))
		longest = max(longest, time.Since(began))
	}
	t.Logf("a line took %v at most", longest)
	_, err = io.WriteString(keyboard, "I see nothing\n")
	must(t, err)
	must(t, a.wants("<operator> I see nothing"))
	must(t, b.wants("<operator> I see nothing"))
	_, err = io.WriteString(keyboard, "EXIT\n")
	must(t, err)
	must(t, a.wants("* operator ended the conversation"))
	must(t, a.ends())
	must(t, b.wants("* operator ended the conversation"))
	must(t, b.ends())
	d.stop()
}

// Log lines that are no warnings would come between those of the conversation. The end is told all the same, and is no warning.
func TestConsoleStopped(t *testing.T) {
	t.Parallel()
	p := launch(t, command("parley", "serve", "--console", "chat://127.0.0.1:0"))
	p.stdout.await(t, "^end of input: ")
	p.signal(syscall.SIGINT)
	if status := p.status(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if out := p.stdout.String(); !regexp.MustCompile(`\nstopped: drained=0 cut=0 took=\d+ms\n\z`).MatchString(out) || strings.Contains(out, `"level"`) {
		t.Errorf("printed %q", out)
	}
}
