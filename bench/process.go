//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A process is a server or a load that we started, with what it has forked: a process group of its own.
type process struct {
	cmd    *exec.Cmd
	group  int
	output string // file that has what it said

	stopped bool
}

// A launch says how to start a process.
type launch struct {
	argv   []string
	env    []string // besides PATH, HOME and LANG, the only ones it sees
	cpu    int      // core it is bound to; -1: any
	output string   // file for its standard output, where that is no pipe, and for what it says on standard error
}

// adoptOrphans has the kernel make us the parent of processes whose own parent ends, so that they stay until stop, with
// the CPU time they have used.
func adoptOrphans() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("adopting orphans: %w", err)
	}
	return nil
}

// limitFiles lets us, and whoever we start, open 20,000 files, or as many as we may: enough for 15,000 connections, however
// few the shell allows by itself, and a bound on those who would open more.
func limitFiles() error {
	const files = 20_000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("asking for the limit of open files: %w", err)
	}
	limit.Max = min(limit.Max, files)
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("setting the limit of open files: %w", err)
	}
	return nil
}

// command prepares a process. It must be started by the main goroutine: the kernel kills the child when the thread that
// forked it ends, which is how nothing is left behind even when we are killed.
func command(l launch) *exec.Cmd {
	argv := l.argv
	if l.cpu >= 0 {
		argv = append([]string{"taskset", "-c", strconv.Itoa(l.cpu)}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LANG=C"}, l.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// start starts a process whose standard output goes to l.output.
func start(l launch) (*process, error) {
	output, err := os.Create(l.output)
	if err != nil {
		return nil, err
	}
	defer output.Close() //nolint:errcheck // The process writes to its own copy.
	cmd := command(l)
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd: cmd, group: cmd.Process.Pid, output: l.output}, nil
}

// stop kills the process and all that it has forked, and waits for them. Only the first call does.
func (p *process) stop() {
	if p.stopped {
		return
	}
	p.stopped = true
	// The process was not waited for yet, so that the number is still its own.
	_ = syscall.Kill(-p.group, syscall.SIGKILL) // All may have ended.
	_ = p.cmd.Wait()                            // Killed is how it ends.
	for {
		// Those that became ours. They were killed, so that this does not wait long; ECHILD: no more of them.
		_, err := syscall.Wait4(-p.group, nil, 0, nil)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

// ended reports whether the process has ended by itself.
func (p *process) ended() bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.group))
	if err != nil {
		return true
	}
	status, err := parseStat(line)
	return err != nil || status.state == 'Z'
}

// said returns the end of what the process has said, for an error.
func (p *process) said() string {
	const enough = 400
	text, err := os.ReadFile(p.output)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-enough):])
}

// listening waits until the process takes connections on the port of 127.0.0.1.
func (p *process) listening(ctx context.Context, port int) error {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for {
		conn, err := net.Dial("tcp4", address)
		if err == nil {
			conn.Close()
			return nil
		}
		if p.ended() {
			return fmt.Errorf("it ended at once: %s", p.said())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not listen: %w: %s", ctx.Err(), p.said())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// settled returns the CPU time of the group once it does nothing any more: what was asked of it is then in the figure.
func (p *process) settled(ctx context.Context) (time.Duration, error) {
	const (
		pause    = 20 * time.Millisecond
		idle     = pause / 100 // used in a pause by one that does nothing but its housekeeping
		patience = 2 * time.Second
	)
	before, err := groupCPU(p.group)
	for began := time.Now(); err == nil && time.Since(began) < patience; {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(pause):
		}
		var now time.Duration
		now, err = groupCPU(p.group)
		if now-before < idle {
			return now, err
		}
		before = now
	}
	return before, err
}

// freePort returns a port of 127.0.0.1 that nobody listens on.
func freePort() (int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
