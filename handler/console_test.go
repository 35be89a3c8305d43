package handler_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/handler"
	"parley/handler/handlertest"
	"parley/protocol"
)

// An operator sits at the console of a room.
type operator struct {
	t        *testing.T
	keyboard *io.PipeWriter
	screen   *bufio.Reader
	glass    *io.PipeReader // what screen reads
	returned chan error     // what Console returned
}

// operate has an operator in the room, until the end of the test or of its input.
func (r *room) operate(t *testing.T, here int) *operator {
	t.Helper()
	in, keyboard := io.Pipe()
	glass, out := io.Pipe()
	o := &operator{t: t, keyboard: keyboard, screen: bufio.NewReader(glass), glass: glass, returned: make(chan error, 1)}
	go func() { o.returned <- r.chat.Console(in, out) }()
	t.Cleanup(func() {
		_ = keyboard.Close()
		_ = glass.Close()
	})
	o.sees(fmt.Sprintf("* you are operator, %d here; /name X, /who, or EXIT to leave", here))
	return o
}

func (o *operator) types(text string) {
	o.t.Helper()
	if _, err := io.WriteString(o.keyboard, text); err != nil {
		o.t.Error(err)
	}
}

// sees expects lines on the screen.
func (o *operator) sees(lines ...string) {
	o.t.Helper()
	for _, want := range lines {
		if got := o.line(); got != want {
			o.t.Fatalf("the screen has %q, want %q", got, want)
		}
	}
}

func (o *operator) line() string {
	o.t.Helper()
	line, err := o.screen.ReadString('\n')
	if err != nil {
		o.t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\n")
}

// end waits for what Console returns.
func (o *operator) end() error {
	o.t.Helper()
	select {
	case err := <-o.returned:
		return err
	case <-time.After(patience):
		o.t.Fatal("Console has not returned")
		return nil
	}
}

// The operator and two clients converse, each with all others.
func TestConsole(t *testing.T) {
	onWires(t, "chat", func(t *testing.T, w protocol.Wire) {
		r := newRoom(t, w, nil)
		o := r.operate(t, 1)
		a := r.join(2)
		o.sees("* client1 joined")
		b := r.join(3)
		o.sees("* client2 joined")
		a.hears("* client2 joined")

		o.types("hello\n")
		a.hears("<operator> hello")
		b.hears("<operator> hello")
		a.says("good morning")
		o.sees("<client1> good morning")
		b.hears("<client1> good morning")
		b.says("red \x1b[31m")
		o.sees(`<client2> red \x1b[31m`)
		a.hears(`<client2> red \x1b[31m`)

		o.types("\n/who\n/nonsense\n/name client1\n/name boss\nit is me\r\n/name operator\n")
		o.sees("* 3 here:", "* operator client1 client2", "* no such command: /name X, /who, or EXIT to leave",
			"* somebody has that name", "* you are boss", "* you are operator")
		for _, c := range []talker{a, b} {
			c.hears("* operator is now boss", "<boss> it is me", "* boss is now operator")
		}

		a.leaves()
		o.sees("* client1 left")
		b.hears("* client1 left")
		b.says("EXIT")
		b.ExpectEnd()
		o.sees("* client2 left")
	})
}

// EXIT of the operator's ends the conversation with those who are here: their answers are sent, and the connection is closed as
// it is when a handler has said all it has to say. The next one converses.
func TestConsole_exit(t *testing.T) {
	onWires(t, "chat", func(t *testing.T, w protocol.Wire) {
		r := newRoom(t, w, nil)
		o := r.operate(t, 1)
		for range 3 {
			first := r.join(2)
			o.line()
			second := r.join(3)
			o.line()
			first.Message()
			o.types("bye\nEXIT\n")
			for _, c := range []talker{first, second} {
				c.hears("<operator> bye", "* operator ended the conversation")
				c.ExpectEnd()
				c.CloseWrite()
			}
			o.sees("* waiting for the next")
			if diff := cmp.Diff(map[string]int{"done": 2}, r.ended(2)); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
			o.types("/who\n")
			o.sees("* 1 here:", "* operator")
		}
		o.types("EXIT\n") // to nobody
		o.sees("* waiting for the next")
		c := r.join(2)
		o.types("exit\nEXIT \nto EXIT\n")
		c.hears("<operator> exit", "<operator> EXIT ", "<operator> to EXIT")
	})
}

// The operator's EXIT ends those who do not read at the time, too, and those who are speaking.
func TestConsole_exitBusy(t *testing.T) {
	t.Parallel()
	chat := handler.NewChat(0)
	s := serveTCP(t, chat, protocol.Text{})
	in, keyboard := io.Pipe()
	var console, speaking sync.WaitGroup
	console.Go(func() {
		if err := chat.Console(in, io.Discard); err != nil {
			t.Error(err)
		}
	})
	const clients = 20
	var silent []*tcpClient
	for i := range clients {
		c := s.dial()
		c.enter(t)
		if i%2 == 0 {
			silent = append(silent, c)
			continue
		}
		speaking.Go(func() {
			for {
				if _, err := io.WriteString(c, "on and on\n"); err != nil {
					return
				}
			}
		})
		speaking.Go(func() {
			_, _ = io.Copy(io.Discard, c.in)
			c.close()
		})
	}
	if _, err := io.WriteString(keyboard, "EXIT\n"); err != nil {
		t.Error(err)
	}
	for _, c := range silent {
		_, _ = io.Copy(io.Discard, c.in)
		c.close()
	}
	speaking.Wait()
	for reason, n := range s.ended(clients) {
		if reason != "done" && reason != "slow_reader" && reason != "reset" {
			t.Errorf("%d ended for %s", n, reason)
		}
	}
	_ = keyboard.Close()
	console.Wait()
}

// At the end of the keyboard's input the operator leaves, and nobody else.
func TestConsole_endOfInput(t *testing.T) {
	t.Parallel()
	r := newRoom(t, protocol.Text{}, nil)
	a := r.join(1)
	for range 3 {
		o := r.operate(t, 2)
		a.hears("* operator joined")
		o.types("that is all")
		_ = o.keyboard.Close()
		a.hears("<operator> that is all", "* operator left")
		if err := o.end(); err != nil {
			t.Errorf("Console = %v", err)
		}
	}
	a.says("hi", "/who")
	a.hears("* 1 here:", "* client1")
}

func TestConsole_noInput(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := handler.NewChat(0).Console(strings.NewReader(""), &out); err != nil {
		t.Errorf("Console = %v", err)
	}
	if got, want := out.String(), "* you are operator, 1 here; /name X, /who, or EXIT to leave\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestConsole_readError(t *testing.T) {
	t.Parallel()
	r := newRoom(t, protocol.Text{}, nil)
	a := r.join(1)
	broken := errors.New("the keyboard is broken")
	err := r.chat.Console(io.MultiReader(strings.NewReader("hi\n"), iotest.ErrReader(broken)), io.Discard)
	if !errors.Is(err, broken) {
		t.Errorf("Console = %v, want %v", err, broken)
	}
	a.hears("* operator joined", "<operator> hi", "* operator left")
}

// A screen that is gone is no reason to stop: who waits for an answer waits at the keyboard.
func TestConsole_writeError(t *testing.T) {
	t.Parallel()
	r := newRoom(t, protocol.Text{}, nil)
	a := r.join(1)
	o := r.operate(t, 2)
	a.hears("* operator joined")
	_ = o.glass.Close()
	for i := range 5 {
		a.says("are you there?")
		o.types("yes\n")
		a.hears("<operator> yes")
		_ = i
	}
}

// A panic over the keyboard or the screen ends the console and nothing else. Once, it ended the process.
func TestConsole_panic(t *testing.T) {
	t.Parallel()
	r := newRoom(t, protocol.Text{}, nil)
	a := r.join(1)
	in, keyboard := io.Pipe()
	for name, console := range map[string]func() error{
		"keyboard": func() error { return r.chat.Console(panicking{}, io.Discard) },
		"screen":   func() error { return r.chat.Console(in, panicking{}) },
	} {
		returned := make(chan error, 1)
		go func() { returned <- console() }()
		a.hears("* operator joined", "* operator left")
		if name == "screen" {
			_, _ = io.WriteString(keyboard, "is anybody here?\n")
		}
		if err := (&operator{t: t, returned: returned}).end(); err == nil || !strings.Contains(err.Error(), "console panicked: oh") {
			t.Errorf("%s: Console = %v", name, err)
		}
	}
	a.says("/who")
	a.hears("* 1 here:", "* client1")
}

type panicking struct{}

func (panicking) Read([]byte) (int, error)  { panic("oh") }
func (panicking) Write([]byte) (int, error) { panic("oh") }

// Nobody waits for the screen. It is told how much it has missed.
func TestConsole_blockedScreen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, protocol.Text{}, handler.Options{"queue": {"1"}})
		a, b := r.join(1), r.join(2)
		a.hears("* client2 joined")
		o := r.operate(t, 3)
		a.hears("* operator joined")
		b.hears("* operator joined")
		const lines = 3000
		for i := range lines {
			began := time.Now()
			a.says(fmt.Sprint(i))
			b.hears(fmt.Sprint("<client1> ", i))
			if took := time.Since(began); took > time.Millisecond {
				t.Fatalf("line %d took %v", i, took)
			}
		}
		o.types("I see nothing\n") // while the screen is blocked
		a.hears("<operator> I see nothing")
		b.hears("<operator> I see nothing")

		const waited = 1024 + 1 // and the one that was being written
		for i := range waited {
			o.sees(fmt.Sprint("<client1> ", i))
		}
		synctest.Wait()
		a.says("are you back?")
		o.sees(fmt.Sprintf("* %d lines lost: this terminal did not take them", lines-waited), "<client1> are you back?")
		b.hears("<client1> are you back?")
		a.says("once more")
		o.sees("<client1> once more")
	})
}

// What is pasted at the console comes in pieces that clients can read.
func TestConsole_longLine(t *testing.T) {
	t.Parallel()
	r := newRoom(t, protocol.Text{}, nil)
	a := r.join(1)
	o := r.operate(t, 2)
	a.hears("* operator joined")
	const size = 100_000
	o.types(strings.Repeat("x", size) + "\nhi\n")
	got := 0
	for got < size {
		line := strings.TrimPrefix(a.Message(), "<operator> ")
		if len(line) > 8<<10 || strings.Trim(line, "x") != "" {
			t.Fatalf("got %d bytes: %.40q", len(line), line)
		}
		got += len(line)
	}
	a.hears("<operator> hi")
}

// What is typed is escaped, as what clients say is: a key that was pressed by mistake clears nobody's screen.
func TestConsole_escapes(t *testing.T) {
	t.Parallel()
	r := newRoom(t, protocol.Text{}, nil)
	a := r.join(1)
	o := r.operate(t, 2)
	a.hears("* operator joined")
	o.types("\x1b[A\xff\xfb\x01\n")
	a.hears(`<operator> \x1b[A\xff\xfb\x01`)
}

// Nobody comes or goes too fast for the operator.
func TestConsole_atOnce(t *testing.T) {
	t.Parallel()
	chat := handler.NewChat(0)
	s := handlertest.NewServer(t, chat, handlertest.Log(newWatch(t).logger()))
	in, keyboard := io.Pipe()
	var all sync.WaitGroup
	all.Go(func() {
		if err := chat.Console(in, io.Discard); err != nil {
			t.Error(err)
		}
	})
	all.Go(func() {
		for range 200 {
			if _, err := io.WriteString(keyboard, "hello\nEXIT\n/who\n"); err != nil {
				t.Error(err)
			}
		}
		_ = keyboard.Close()
	})
	for range 200 {
		c := s.Dial()
		c.Send("hi\n/name x\n")
		c.CloseWrite()
	}
	all.Wait()
}
