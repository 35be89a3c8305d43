//go:build system && linux

package main_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"parley/faults/daemontest"
)

// The system tests are of the program as it is installed, and of programs that others wrote. Where one of these is missing, a
// test fails.

// build compiles the program once and returns where it is: beside what TestMain made, with which it goes.
var build = sync.OnceValues(func() (string, error) {
	at, err := exec.LookPath("parley")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(filepath.Dir(filepath.Dir(at)), "parley")
	return binary, daemontest.Build(binary, false)
})

// built is command for the program as it is installed: variables, if there are any, and the words behind "parley".
func built(t testing.TB, words ...string) *exec.Cmd {
	t.Helper()
	binary, err := build()
	must(t, err)
	variables, words := daemontest.SplitVariables(words)
	return command(slices.Concat(variables, []string{binary}, words)...)
}

// serveBuilt is serve with the program as it is installed.
func serveBuilt(t testing.TB, words ...string) *daemon {
	t.Helper()
	cmd := built(t, words...)
	cmd.Args = append([]string{cmd.Args[0], "serve"}, cmd.Args[1:]...)
	return awaitDaemon(launch(t, cmd))
}

// memory returns the KiB of a field of /proc/PID/status, such as VmRSS or VmHWM, the most there was.
func (d *daemon) memory(field string) int {
	d.t.Helper()
	return d.Memory(field)
}

// find waits until a line matches and returns its submatches.
func (tr *transcript) find(t testing.TB, pattern string) []string {
	t.Helper()
	return tr.Find(t, pattern)
}

// baseEnv is the environment of every program.
func baseEnv() []string { return daemontest.Environment() }
