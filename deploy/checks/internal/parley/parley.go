// Package parley builds and runs the daemon for the checks of deploy/.
package parley

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Root is the folder of the repository as the packages beside this one's parent see it.
const Root = "../../.."

// Patience is how long a check waits for what is to happen at once: the machine may be busy.
const Patience = 60 * time.Second

// Eventually waits until condition holds.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", Patience, what)
		}
	}
}

// Binary is the program as a release has it, once Main has compiled it.
var Binary string

// Main runs the tests of a package and returns the exit status, for its TestMain. PARLEY_BINARY names a program that is there
// already.
func Main(m *testing.M) int {
	if Binary = os.Getenv("PARLEY_BINARY"); Binary == "" {
		dir, err := os.MkdirTemp("", "parley")
		if err != nil {
			return failed(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		Binary = filepath.Join(dir, "parley")
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", Binary, "./cmd/parley")
		cmd.Dir = Root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return failed(err)
		}
	}
	return m.Run()
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// Run runs a program that is to succeed, and returns what it wrote.
func Run(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// A Process is a program that runs beside a test, and not for longer.
type Process struct {
	t     testing.TB
	Cmd   *exec.Cmd
	ended chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

// Write takes what the process writes; it is not for the tests.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

// Output returns what the process has written so far.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// Start runs a program until it ends or the test does.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{t: t, Cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	cmd.WaitDelay = Patience // for whoever inherited its output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // Status says it.
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // It may have ended.
		<-p.ended
		if t.Failed() {
			t.Logf("%v\n%s", cmd, tail(p.Output()))
		}
	})
	return p
}

// tail returns the end of a text that may be long.
func tail(s string) string {
	const enough = 2 << 10
	return s[max(0, len(s)-enough):]
}

// Running reports whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Status waits for the end and returns the exit status, -1 if a signal ended the process.
func (p *Process) Status() int {
	p.t.Helper()
	Eventually(p.t, "the end of "+p.Cmd.String(), func() bool { return !p.Running() })
	return p.Cmd.ProcessState.ExitCode()
}

// Stop sends SIGTERM and wants the process to end with status 0.
func (p *Process) Stop() {
	p.t.Helper()
	if err := p.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if status := p.Status(); status != 0 {
		p.t.Errorf("%v ended with status %d\n%s", p.Cmd, status, p.Output())
	}
}

// Logged waits for a line of the daemon's log with this message and returns its fields.
func (p *Process) Logged(message string) map[string]any {
	p.t.Helper()
	var line map[string]any
	Eventually(p.t, "the log line "+message, func() bool {
		scanner := bufio.NewScanner(strings.NewReader(p.Output()))
		for scanner.Scan() {
			line = nil
			if json.Unmarshal(scanner.Bytes(), &line) == nil && line["msg"] == message {
				return true
			}
		}
		return !p.Running()
	})
	if line["msg"] != message {
		p.t.Fatalf("%v ended without saying %q:\n%s", p.Cmd, message, p.Output())
	}
	return line
}

// Admin starts a daemon with these listeners and returns it with the URL of its admin side. Nothing of the shell's that runs
// the checks reaches it.
func Admin(t testing.TB, listeners ...string) (daemon *Process, url string) {
	t.Helper()
	cmd := exec.Command(Binary, append([]string{"serve"}, listeners...)...)
	cmd.Env = []string{"PARLEY_ADMIN=127.0.0.1:0", "PARLEY_LOG_FORMAT=json"}
	daemon = Start(t, cmd)
	address, _ := daemon.Logged("admin listening")["address"].(string)
	return daemon, "http://" + address
}
