//go:build system

package main_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A screen is a real terminal, tmux's, on which parley connect runs in a shell.
type screen struct {
	t      testing.TB
	socket string
}

// newScreen runs a shell command on a terminal of 80 columns.
func newScreen(t testing.TB, shell string) *screen {
	t.Helper()
	s := &screen{t, filepath.Join(t.TempDir(), "tmux")}
	// The cat keeps the terminal for what is to be seen afterwards.
	s.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "20", shell+`; echo "status $?"; stty -a | tr ' ;' '\n\n' | grep -xE -- '-?(icanon|echo|isig)' | tr '\n' ' '; cat`)
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", s.socket, "kill-server").Run() // It may have ended.
	})
	return s
}

func (s *screen) tmux(args ...string) string {
	s.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...)
	cmd.Env = append(baseEnv(), "LANG=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// types types text, and presses keys by the names that tmux has for them.
func (s *screen) types(text string, keys ...string) {
	s.t.Helper()
	if text != "" {
		s.tmux("send-keys", "-l", text)
	}
	for _, key := range keys {
		s.tmux("send-keys", key)
	}
}

// shows waits until the terminal shows these lines, and nothing else.
func (s *screen) shows(lines ...string) {
	s.t.Helper()
	s.await(`\A` + strings.Join(lines, `\n`) + `\n*\z`)
}

// await waits until what the terminal shows matches.
func (s *screen) await(pattern string) {
	s.t.Helper()
	expr := regexp.MustCompile(pattern)
	shown := ""
	defer func() {
		if s.t.Failed() {
			s.t.Logf("the terminal shows\n%s", strings.TrimRight(shown, "\n"))
		}
	}()
	eventually(s.t, "the terminal shows "+pattern, func() bool {
		shown = s.tmux("capture-pane", "-p")
		return expr.MatchString(shown)
	})
}

// What comes in while a line is typed does not destroy it, the line can be edited, and afterwards the terminal is as it was.
func TestConnectTerminal(t *testing.T) {
	t.Parallel()
	s := newStranger(t)
	screen := newScreen(t, "parley connect "+s.address)
	c := s.accept(strangersGreeting)
	connected := `connected to \S+: client ID 7, handler strange on stranger`
	screen.shows(connected, `>`)

	screen.types("half a line")
	screen.shows(connected, `> half a line`)
	must(t, c.send("unasked\n"))
	screen.shows(connected, `unasked`, `> half a line`)
	must(t, c.send("\x1b]0;owned\x07\x1b[2J\x1b[Hgr\u00fc\u00df\n"))
	screen.shows(connected, `unasked`, `\\x1b\]0;owned\\x07\\x1b\[2J\\x1b\[Hgrüß`, `> half a line`)

	// Editing, a line longer than the terminal, and history.
	screen.types("", "C-a")
	screen.types("more than ", "C-e", "BSpace")
	screen.types("g", "Enter")
	must(t, c.wants("more than half a ling"))
	long := strings.Repeat("long ", 20)
	screen.types(long)
	must(t, c.send("in between\n"))
	screen.shows(connected, `unasked`, `.*`, `> more than half a ling`, `in between`, `> (long ){15}lon`, `g( long){4}`)
	screen.types("", "Enter", "Up", "Up", "Enter")
	must(t, c.wants(long))
	must(t, c.wants("more than half a ling"))

	screen.types("EXIT", "Enter")
	must(t, c.wants("EXIT"))
	must(t, c.ends())
	must(t, c.send("goodbye\n"))
	c.Close()
	screen.await(`> EXIT\ngoodbye\nstatus 0\nisig icanon echo`)
	if title := screen.tmux("display-message", "-p", "#{pane_title}"); strings.Contains(title, "owned") {
		t.Errorf("the terminal's title is %q", title)
	}
}

// However it ends, the terminal is as it was.
func TestConnectTerminalEnds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		end    func(*screen, *client)
		status int
		said   string
	}{
		"end of file": {func(s *screen, c *client) {
			s.types("", "C-d")
			must(s.t, c.ends())
			c.Close()
		}, 0, ``},
		"Ctrl-C":            {func(s *screen, _ *client) { s.types("half", "C-c") }, 0, ``},
		"the server closes": {func(_ *screen, c *client) { c.Close() }, 0, `the server has closed the conversation`},
		"the server resets": {func(_ *screen, c *client) { c.reset() }, 7, `parley: reset \S+: the connection was cut off`},
		"Ctrl-C, Ctrl-C": {func(s *screen, c *client) {
			s.types("", "C-d")
			must(s.t, c.ends()) // and the server goes on
			s.types("", "C-c")
		}, 0, ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStranger(t)
			screen := newScreen(t, "parley connect "+s.address)
			c := s.accept(strangersGreeting)
			screen.await(`\n>`)
			tt.end(screen, c)
			screen.await(fmt.Sprintf(`%s(.*\n)*status %d\nisig icanon echo`, tt.said, tt.status))
		})
	}
}
