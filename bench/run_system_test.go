//go:build linux && system

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// built is bench as bench/run builds it, and a folder for it to work in.
func built(t *testing.T) (program, dir string) {
	t.Helper()
	dir = t.TempDir()
	program = filepath.Join(dir, "bench")
	if err := run(t.Context(), "go", "build", "-o", program, "."); err != nil {
		t.Fatal(err)
	}
	return program, dir
}

// The script finds its folder from anywhere, every server takes part or is named with its reason, and a table comes out.
func TestRun(t *testing.T) {
	script, err := filepath.Abs("run")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "R.md")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, script, "--rounds", "1", "--duration", "20ms", "--only", "cpu-64,churn", "--out", out)
	cmd.Dir = t.TempDir()
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	table, rest, _ := strings.Cut(string(text), "Versions:")
	for _, s := range servers() {
		row := "| " + title(s) + " |"
		if !strings.Contains(table, row) && !strings.Contains(rest, "- "+s.title+": ") {
			t.Errorf("%s is neither in the table nor named as absent:\n%s", s.title, text)
		}
		for line := range strings.Lines(table) {
			if strings.HasPrefix(line, row) && strings.Count(line, "–") > 0 {
				t.Errorf("%s has no figure in: %s", s.title, line)
			}
		}
	}
}

// The guard ends with status 0 under its bound and 1 over it.
func TestRun_quick(t *testing.T) {
	program, _ := built(t)
	for bound, want := range map[string]int{"1000": 0, "0.001": 1} {
		cmd := exec.CommandContext(t.Context(), program, "--quick", "--rounds", "1", "--duration", "20ms", "--only", "cpu-64", "--bound", bound)
		said, _ := cmd.CombinedOutput() // The status is looked at below.
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("bound %s: status %d, want %d: %s", bound, got, want, said)
		}
	}
}

// However it ends, it leaves no process, and unless it is killed, no file.
func TestRun_interrupted(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE, syscall.SIGKILL} {
		t.Run(fmt.Sprint(signal), func(t *testing.T) {
			program, dir := built(t)
			work := filepath.Join(dir, "work")
			if err := os.Mkdir(work, 0o755); err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(dir, "R.md")
			cmd := exec.CommandContext(t.Context(), program, "--rounds", "1", "--duration", "1m", "--only", "cpu-64", "--servers", "go", "--out", out)
			cmd.Env = append(os.Environ(), "BENCH_WORK="+work)
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.Copy(io.Discard, stdout) }() // So that it never waits for a reader.
			var children []int
			for deadline := time.Now().Add(time.Minute); len(children) < 2 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
				children = runningFrom(t, work)
			}
			if len(children) < 2 {
				t.Fatalf("server and load do not run: %v", children)
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil {
				t.Error("it ended as if nothing had happened")
			}
			for deadline := time.Now().Add(10 * time.Second); len(runningFrom(t, work)) > 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("still running: %v", runningFrom(t, work))
				}
			}
			if signal == syscall.SIGKILL {
				return
			}
			if _, err := os.Stat(work); !os.IsNotExist(err) {
				t.Errorf("the folder is still there: %v", err)
			}
			if text, err := os.ReadFile(out); err != nil || !strings.Contains(string(text), "the run was interrupted") {
				t.Errorf("the table does not say that the run was interrupted: %v\n%s", err, text)
			}
		})
	}
}

// runningFrom returns the processes whose program lies in a folder.
func runningFrom(t *testing.T, dir string) []int {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, link := range links {
		program, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(program, dir) {
			continue // gone meanwhile, or another's
		}
		var pid int
		if _, err := fmt.Sscanf(link, "/proc/%d/exe", &pid); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}
