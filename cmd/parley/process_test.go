//go:build unix

package main_test

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"parley/faults/daemontest"
)

// The daemon beside a test is run by package daemontest. Here are its words as these tests use them.

const patience = daemontest.Patience

// eventually waits until condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	daemontest.Eventually(t, what, condition)
}

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	daemontest.Must(t, err)
}

// took returns how long f took.
func took(f func()) time.Duration { return daemontest.Took(f) }

// A transcript collects what a process writes.
type transcript struct{ daemontest.Transcript }

// await waits until a line matches.
func (tr *transcript) await(t testing.TB, pattern string) {
	t.Helper()
	tr.Await(t, pattern)
}

// tail returns the end of a text that may be long.
func tail(s string) string { return daemontest.Tail(s) }

// A process is a program that runs beside the test, and not for longer than it.
type process struct {
	*daemontest.Process
	t      testing.TB
	cmd    *exec.Cmd
	stdout *transcript // stays empty where cmd has a Stdout of its own
	stderr *transcript
}

// command returns a program to be launched. The words in front of its name that have an equals sign are variables, as in a
// shell.
func command(words ...string) *exec.Cmd { return daemontest.Command(words...) }

// launch starts a program.
func launch(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, stdout: new(transcript), stderr: new(transcript)}
	if cmd.Stdout == nil {
		cmd.Stdout = p.stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = p.stderr
	}
	p.Process = daemontest.Launch(t, cmd)
	p.Stdout, p.Stderr = &p.stdout.Transcript, &p.stderr.Transcript
	return p
}

// running reports whether the process has not ended yet.
func (p *process) running() bool { return p.Running() }

func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	p.Signal(sig)
}

// status waits for the end of the process and returns its exit status, -1 if a signal ended it.
func (p *process) status() int {
	p.t.Helper()
	return p.Status()
}

// exits waits for the end of the process, which is to have this exit status.
func (p *process) exits(want int) {
	p.t.Helper()
	p.Exits(want)
}
