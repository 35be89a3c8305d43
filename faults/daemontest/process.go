//go:build unix

package daemontest

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for what is to happen at once. It is far more than that takes, since the machine may be
// busy.
const Patience = 30 * time.Second

// Eventually waits until condition holds, and fails the test if that takes longer than Patience.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	EventuallyWithin(t, Patience, what, condition)
}

// EventuallyWithin is Eventually for what takes its time.
func EventuallyWithin(t testing.TB, within time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// Must fails the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Took returns how long f took.
func Took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// A Transcript collects what a process writes.
type Transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds p.
func (tr *Transcript) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.Write(p)
}

// String returns all that was written so far.
func (tr *Transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String()
}

// Tail returns the end of a text that may be long: most often enough for whoever reads why a test failed.
func Tail(s string) string {
	const enough = 8 << 10
	if len(s) > enough {
		return "...\n" + s[len(s)-enough:]
	}
	return s
}

// Await waits until a line matches the pattern.
func (tr *Transcript) Await(t testing.TB, pattern string) {
	t.Helper()
	tr.Find(t, pattern)
}

// Find waits until a line matches the pattern and returns its submatches.
func (tr *Transcript) Find(t testing.TB, pattern string) []string {
	t.Helper()
	expr := regexp.MustCompile("(?m)" + pattern)
	var match []string
	Eventually(t, "a line that matches "+pattern, func() bool {
		match = expr.FindStringSubmatch(tr.String())
		return match != nil
	})
	return match
}

// A Process is a program that runs beside the test, and not for longer than it.
type Process struct {
	Cmd    *exec.Cmd
	Stdout *Transcript // stays empty where Cmd has a Stdout of its own
	Stderr *Transcript

	t     testing.TB
	ended chan struct{} // closed when it has ended and all it wrote was read
}

var variable = regexp.MustCompile(`^[A-Z][A-Z0-9_]*=`)

// SplitVariables splits words as a shell does: those in front that set variables, and the others.
func SplitVariables(words []string) (variables, others []string) {
	n := 0
	for n < len(words) && variable.MatchString(words[n]) {
		n++
	}
	return words[:n], words[n:]
}

// Environment is that of every program, in which nothing of the shell's that runs the tests is left but where files go.
// A program with the race detector is not to sleep for a second before it ends.
func Environment() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=/no-home", "TERM=xterm", "GORACE=atexit_sleep_ms=10 " + os.Getenv("GORACE")}
	for _, name := range []string{"GOCOVERDIR", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// Command returns a program to be launched: its variables, its name and its arguments, as a shell takes them. The admin side of
// a daemon gets any free port.
func Command(words ...string) *exec.Cmd {
	variables, words := SplitVariables(words)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = slices.Concat(Environment(), []string{"PARLEY_ADMIN=127.0.0.1:0"}, variables)
	cmd.WaitDelay = Patience // for whoever inherited its output
	return cmd
}

// Launch starts a program. At the end of the test it is killed, and must not have crashed.
func Launch(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{t: t, Cmd: cmd, Stdout: new(Transcript), Stderr: new(Transcript), ended: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p.Stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.Stderr
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // The status says it.
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // It may have ended.
		<-p.ended
		for _, sign := range []string{"panic:", "fatal error:", "DATA RACE"} {
			if strings.Contains(p.Stderr.String(), sign) {
				t.Errorf("%v crashed:\n%s", cmd, p.Stderr)
			}
		}
	})
	return p
}

// PID is its number.
func (p *Process) PID() int { return p.Cmd.Process.Pid }

// Running reports whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Signal sends it a signal.
func (p *Process) Signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.Cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// Status waits for the end of the process and returns its exit status, -1 if a signal ended it.
func (p *Process) Status() int {
	p.t.Helper()
	Eventually(p.t, "the end of "+p.Cmd.String(), func() bool { return !p.Running() })
	return p.Cmd.ProcessState.ExitCode()
}

// Exits waits for the end of the process, which is to have this exit status.
func (p *Process) Exits(want int) {
	p.t.Helper()
	if got := p.Status(); got != want {
		p.t.Fatalf("exit status %d, want %d (%v)", got, want, p.Cmd.ProcessState)
	}
}
