package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/term"
)

// once is an input of one line.
func once(line string) <-chan string {
	input := make(chan string, 1)
	input <- line
	close(input)
	return input
}

// lines gives the lines of r, without what ends them, to a goroutine that lives as long as r has more: a read of a keyboard or
// a pipe cannot be called off, and the process does not wait for it.
func lines(r io.Reader) <-chan string {
	in := bufio.NewReader(r)
	return forward(func() (string, error) {
		line, err := in.ReadString('\n')
		return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), lastLine(line, err)
	})
}

// lastLine takes no error for the end as long as there is a line.
func lastLine(line string, err error) error {
	if line != "" {
		return nil // The next read says it again.
	}
	return err
}

// forward calls next until its error or the line that ends a conversation, and closes input then.
func forward(next func() (string, error)) <-chan string {
	input := make(chan string)
	go func() {
		defer close(input)
		for line := ""; line != leaveWord; {
			var err error
			if line, err = next(); err != nil {
				return
			}
			input <- line
		}
	}()
	return input
}

// A terminal is a keyboard and a screen with line editing: what is printed while a line is typed does not destroy it.
type terminal struct {
	keyboard, screen *os.File
	editor           *term.Terminal
	restore          func()

	mu     sync.Mutex
	closed bool
}

const prompt = "> "

// openTerminal makes a terminal of standard input and output, or returns nil where they are none that can be edited on.
func openTerminal(stdin io.Reader, stdout io.Writer, environ []string) *terminal {
	keyboard, ok1 := stdin.(*os.File)
	screen, ok2 := stdout.(*os.File)
	if !ok1 || !ok2 || !term.IsTerminal(int(keyboard.Fd())) || !term.IsTerminal(int(screen.Fd())) || slices.Contains(environ, "TERM=dumb") {
		return nil
	}
	before, err := term.MakeRaw(int(keyboard.Fd()))
	if err != nil {
		return nil // It can still be used as it is.
	}
	t := &terminal{keyboard: keyboard, screen: screen}
	t.restore = func() { _ = term.Restore(int(keyboard.Fd()), before) }
	return t
}

// lines gives the lines that are typed, until Ctrl-D. Ctrl-C, which is a key like any other there, calls interrupt.
func (t *terminal) lines(interrupt func()) <-chan string {
	t.editor = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{&keys{t.keyboard, interrupt}, t.screen}, prompt)
	t.resize()
	return forward(func() (string, error) {
		t.resize()
		line, err := t.editor.ReadLine()
		if err != nil || line == leaveWord {
			t.close(err != nil) // From here on Ctrl-C is a signal again.
		}
		return line, err
	})
}

// resize tells the editor how wide the terminal is. It is asked each time, since Windows has no signal for it.
func (t *terminal) resize() {
	if width, height, err := term.GetSize(int(t.screen.Fd())); err == nil {
		_ = t.editor.SetSize(width, height)
	}
}

// Write prints above the line that is being typed.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return t.screen.Write(p)
	}
	t.resize()
	return t.editor.Write(p)
}

// close gives the terminal back as it was. typing says that there is a line that is being typed.
func (t *terminal) close(typing bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.closed = true
	if typing {
		_, _ = io.WriteString(t.screen, "\r\n")
	}
	t.restore()
}

// keys are the keys that are typed. The editor takes Ctrl-C for the end of the input, and it is more.
type keys struct {
	io.Reader
	interrupt func()
}

func (k *keys) Read(p []byte) (int, error) {
	const ctrlC = 3
	n, err := k.Reader.Read(p)
	if bytes.IndexByte(p[:n], ctrlC) >= 0 {
		k.interrupt()
	}
	return n, err
}
