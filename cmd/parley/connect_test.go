//go:build unix

package main_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A stranger is a server that does to parley connect what no server of ours would.
type stranger struct {
	t       testing.TB
	address string
	socket  net.Listener
}

func newStranger(t testing.TB) *stranger {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { socket.Close() })
	return &stranger{t, socket.Addr().String(), socket}
}

// accept waits for parley connect and greets it.
func (s *stranger) accept(greeting string) *client {
	s.t.Helper()
	nc, err := s.socket.Accept()
	must(s.t, err)
	s.t.Cleanup(func() { nc.Close() })
	c := &client{nc, bufio.NewReader(nc)}
	must(s.t, c.send(greeting))
	return c
}

const strangersGreeting = "HELLO clientid=7 name=stranger handler=strange\n"

// A talk is a parley connect, whose keyboard is a pipe.
type talk struct {
	*process
	keyboard io.WriteCloser
}

func newTalk(t testing.TB, words ...string) *talk {
	t.Helper()
	cmd := command(append([]string{"parley", "connect"}, words...)...)
	keyboard, err := cmd.StdinPipe()
	must(t, err)
	t.Cleanup(func() { keyboard.Close() })
	return &talk{launch(t, cmd), keyboard}
}

func (k *talk) types(text string) {
	k.t.Helper()
	_, err := io.WriteString(k.keyboard, text)
	must(k.t, err)
}

// said checks all that was printed, as patterns.
func (k *talk) said(stdout, stderr string) {
	k.t.Helper()
	for text, pattern := range map[string]string{k.stdout.String(): stdout, k.stderr.String(): stderr} {
		if !regexp.MustCompile(`\A` + pattern + `\z`).MatchString(text) {
			k.t.Errorf("printed %q, which does not match %s", text, pattern)
		}
	}
}

// What comes is printed when it comes, and a line is sent when it is typed; the server's end is the end.
func TestConnectAtAnyTime(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	k := newTalk(t, s.address)
	c := s.accept(strangersGreeting)
	k.stdout.await(t, `^connected to `+regexp.QuoteMeta(s.address)+`: client ID 7, handler strange on stranger$`)
	must(t, c.send("unasked\n"))
	k.stdout.await(t, `^unasked$`)
	k.types("typed\n")
	must(t, c.wants("typed"))
	must(t, c.send("answered\n"))
	k.stdout.await(t, `^answered$`)
	must(t, c.send("goodbye\n"))
	must(t, c.halfClose())
	k.exits(0)
	k.said(`connected .*\nunasked\nanswered\ngoodbye\n`, `the server has closed the conversation\n`)
}

// EXIT is sent and ends our side, though the keyboard goes on; what the server still says is printed.
func TestConnectExit(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	k := newTalk(t, s.address)
	c := s.accept(strangersGreeting)
	k.types("EXIT\n")
	must(t, c.wants("EXIT"))
	must(t, c.ends())
	must(t, c.send("one more thing\n"))
	c.Close()
	k.exits(0)
	k.said(`connected .*\none more thing\n`, ``)
}

// A server that does not end does not keep us.
func TestConnectEndTimeout(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	k := newTalk(t, s.address, "--timeout=200ms")
	c := s.accept(strangersGreeting)
	must(t, k.keyboard.Close())
	must(t, c.ends())
	k.exits(5)
	k.said(`connected .*\n`, `parley: timeout 127\.0\.0\.1:\d+: it has not ended the conversation within 200ms of our end\n`)
}

// A network error is one line and its status.
func TestConnectReset(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	k := newTalk(t, s.address)
	c := s.accept(strangersGreeting)
	k.stdout.await(t, `^connected`)
	c.reset()
	k.exits(7)
	k.said(`connected .*\n`, `parley: reset 127\.0\.0\.1:\d+: the connection was cut off \(answer\)\n`)
}

// Nor does one that takes nothing.
func TestConnectSendTimeout(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	k := newTalk(t, s.address, "--timeout=300ms")
	c := s.accept(strangersGreeting)
	go func() { // It ends when nobody reads what is typed any more.
		line := append(bytes.Repeat([]byte("a"), 1<<20), '\n')
		for {
			if _, err := k.keyboard.Write(line); err != nil {
				return
			}
		}
	}()
	k.exits(5)
	k.said(`connected .*\n`, `parley: timeout 127\.0\.0\.1:\d+: it does not take what it is sent \(answer\)\n`)
	c.Close()
}

// Interrupted, it leaves; with --name, where the end of the input is not ours, that is how one leaves.
func TestConnectInterrupted(t *testing.T) {
	t.Parallel()
	for _, words := range [][]string{nil, {"--name=Ada"}} {
		s := newStranger(t)
		k := newTalk(t, append([]string{s.address}, words...)...)
		c := s.accept(strangersGreeting)
		k.stdout.await(t, `^connected`)
		if words != nil {
			must(t, c.wants("name=Ada"))
			must(t, k.keyboard.Close())
		}
		must(t, c.send("a line\n"))
		k.stdout.await(t, `^a line$`)
		k.signal(syscall.SIGINT)
		k.exits(0)
		k.said(`connected .*\na line\n`, ``)
		must(t, c.ends())
	}
}

// Interrupted before there is an answer to -m, it says so.
func TestConnectInterruptedMessage(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	k := newTalk(t, s.address, "-m", "hi")
	c := s.accept(strangersGreeting)
	must(t, c.wants("hi"))
	k.signal(syscall.SIGINT)
	k.exits(1)
	k.said(``, `connected .*\nparley: failed 127\.0\.0\.1:\d+: interrupted \(answer\)\n`)
}

// A greeting that is late is still one, if it is the first that comes; what is typed before it is sent at once.
func TestConnectLateGreeting(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	k := newTalk(t, s.address)
	c := s.accept("")
	k.types("early\n")
	must(t, c.wants("early"))
	must(t, c.send("HELLO client"))
	must(t, c.send("id=7 name=stranger handler=strange\nan answer\nanother"))
	must(t, c.halfClose())
	k.exits(0)
	k.said(`connected to \S+: no greeting\nconnected to \S+: client ID 7, handler strange on stranger\nan answer\nanother\n`,
		`the server has closed the conversation\n`)
}

// What is not a greeting, or not the first that comes, is what it is.
func TestConnectNoLateGreeting(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"HELLO world\n", "HELL\nHELLO clientid=7\n"} {
		s := newStranger(t)
		k := newTalk(t, s.address)
		c := s.accept("")
		k.types("early\n")
		must(t, c.wants("early"))
		must(t, c.send(first))
		must(t, c.halfClose())
		k.exits(0)
		k.said(`connected to \S+: no greeting\n`+first, `the server has closed the conversation\n`)
	}
}

// Nothing that a server says makes the terminal do anything but show it, and what is no greeting is only what it is.
func TestConnectTerminalTricks(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	k := newTalk(t, s.address)
	c := s.accept("220 \x1b]0;owned\x07ready\r\n")
	must(t, c.send("\x1b[2J\x9b31m\r\x00\u202eevil\x7f\tend\r\nunended \x1b"))
	must(t, c.halfClose())
	k.exits(0)
	k.said(`connected to 127\.0\.0\.1:\d+: no greeting\n`+
		regexp.QuoteMeta(`220 \x1b]0;owned\x07ready`+"\n"+`\x1b[2J\x9b31m\x0d\x00\u202eevil\x7f`+"\tend\n"+`unended \x1b`+"\n"),
		`the server has closed the conversation\n`)
}

// A line without an end is an error before it is much.
func TestConnectEndlessLine(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	k := newTalk(t, s.address)
	c := s.accept(strangersGreeting)
	piece := strings.Repeat("a", 1<<20)
	sent := 0
	for c.send(piece) == nil {
		if sent += len(piece); sent > 1<<30 {
			t.Fatal("it has taken a line of 1 GiB")
		}
	}
	k.exits(9)
	k.said(`connected .*\n`, `parley: wrong 127\.0\.0\.1:\d+: what it said is no message of the text wire: message too long \(answer\)\n`)
}

// A server's trickle ends with -m, too.
func TestConnectTrickle(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	k := newTalk(t, s.address, "--timeout=300ms", "-m", "hi")
	c := s.accept(strangersGreeting)
	must(t, c.wants("hi"))
	for range time.Tick(20 * time.Millisecond) {
		if c.send("a line\n") != nil {
			break
		}
	}
	k.exits(5)
	k.said(`(a line\n)+`, `connected .*\nparley: timeout .*\n`)
}

// A connection that is cut off at the keyboard is told as that; one that is closed in good order is the usual end.
func TestConnectCutOff(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, stderr string
		end          func(*client)
		status       int
	}{
		{"closed", "the server has closed the conversation\n", func(*client) {}, 0},
		{"reset", `parley: reset \S+: the connection was cut off \(answer\)\n`, func(c *client) { _ = c.Conn.(*net.TCPConn).SetLinger(0) }, 7},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStranger(t)
			k := newTalk(t, s.address)
			c := s.accept(strangersGreeting)
			k.types("hi\n")
			must(t, c.matches("^hi$"))
			test.end(c)
			c.Close()
			if got := k.status(); got != test.status {
				t.Errorf("exit status %d, want %d", got, test.status)
			}
			k.said("connected to .*\n", test.stderr)
		})
	}
}

// On a wire where a line is a message, two lines would be two.
func TestConnectTwoLines(t *testing.T) {
	t.Parallel()
	d := serve(t, "echo://127.0.0.1:0", "echo://127.0.0.1:0?wire=json", "echo://127.0.0.1:0?wire=pickle")
	for i, want := range []int{2, 2, 0} {
		k := newTalk(t, d.addresses[i], "-m", "two\nlines")
		if got := k.status(); got != want {
			t.Errorf("listener %d: exit status %d, want %d", i, got, want)
		}
		if want == 2 {
			k.said("", "parley: --message: one line is one message\n")
		}
	}
}
