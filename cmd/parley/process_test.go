//go:build unix

package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what is to happen at once. It is far more than that takes, since the machine may be
// busy, and what is to be quick is measured instead.
const patience = 30 * time.Second

// eventually waits until condition holds. It is the one place that waits for time to pass.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// A transcript collects what a process writes.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (tr *transcript) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.Write(p)
}

func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String()
}

// await waits until a line matches.
func (tr *transcript) await(t testing.TB, pattern string) {
	t.Helper()
	expr := regexp.MustCompile("(?m)" + pattern)
	eventually(t, "a line that matches "+pattern, func() bool { return expr.MatchString(tr.String()) })
}

// A process is a program that runs beside the test, and not for longer than it.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdout *transcript // stays empty where cmd has a Stdout of its own
	stderr *transcript
	ended  chan struct{} // closed when it has ended and all it wrote was read
}

// baseEnv is the environment of every program, in which nothing of the shell's that runs the tests is left but where files go.
// A program with the race detector is not to sleep for a second before it ends.
func baseEnv() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=/no-home", "TERM=xterm", "GORACE=atexit_sleep_ms=10 " + os.Getenv("GORACE")}
	for _, name := range []string{"GOCOVERDIR", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// command returns a program to be launched. The words in front of its name that have an equals sign are variables, as in a
// shell.
func command(words ...string) *exec.Cmd {
	env := append(baseEnv(), "PARLEY_ADMIN=127.0.0.1:0")
	for len(words) > 1 && strings.Contains(words[0], "=") {
		env = append(env, words[0])
		words = words[1:]
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = env
	cmd.WaitDelay = patience // for whoever inherited its output
	return cmd
}

// launch starts a program.
func launch(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, stdout: new(transcript), stderr: new(transcript), ended: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p.stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.stderr
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
			if strings.Contains(p.stderr.String(), sign) {
				t.Errorf("%v crashed:\n%s", cmd, p.stderr)
			}
		}
	})
	return p
}

// running reports whether the process has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// status waits for the end of the process and returns its exit status, -1 if a signal ended it.
func (p *process) status() int {
	p.t.Helper()
	eventually(p.t, "the end of "+p.cmd.String(), func() bool { return !p.running() })
	return p.cmd.ProcessState.ExitCode()
}

// exits waits for the end of the process, which is to have this exit status.
func (p *process) exits(want int) {
	p.t.Helper()
	if got := p.status(); got != want {
		p.t.Fatalf("exit status %d, want %d (%v)", got, want, p.cmd.ProcessState)
	}
}
