//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary play the servers of the tests: see startHelper.
func TestMain(m *testing.M) {
	if role := os.Getenv("BENCH_TEST_ROLE"); role != "" {
		help(role, os.Args[1:])
		return
	}
	os.Exit(m.Run())
}

// help plays a role until it is killed, or ends where the role says so.
func help(role string, args []string) {
	switch role {
	case "burn":
		burn(args[0])
		fmt.Println("burnt")
		select {}
	case "parent-of-running":
		child := again("burn", args)
		check(child.Start())
		select {}
	case "parent-of-ended":
		child := again("burn-and-end", args)
		check(child.Run())
		fmt.Println("burnt")
		select {}
	case "parent-gone":
		child := again("burn", args)
		check(child.Start())
	case "burn-and-end":
		burn(args[0])
	case "costly-end":
		costlyEnd(args[0], args[1])
	case "complain":
		fmt.Println("no such port")
	default:
		panic("no such role: " + role)
	}
}

// again prepares this binary in another role.
func again(role string, args []string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = []string{"BENCH_TEST_ROLE=" + role}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// burn uses CPU time until this process has used so much.
func burn(duration string) {
	much, err := time.ParseDuration(duration)
	check(err)
	for {
		used, err := processClock(os.Getpid())
		check(err)
		if used >= much {
			return
		}
	}
}

// costlyEnd is an echo server on a port of 127.0.0.1 that burns CPU time whenever a connection ends.
func costlyEnd(port, much string) {
	listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	check(err)
	cost, err := time.ParseDuration(much)
	check(err)
	for {
		conn, err := listener.Accept()
		check(err)
		go func() {
			_, _ = io.Copy(conn, conn) // A client that leaves is no news.
			conn.Close()
			for began := time.Now(); time.Since(began) < cost; {
				runtime.Gosched()
			}
		}()
	}
}

// startHelper starts this binary in a role, in a process group of its own, until the test ends.
func startHelper(t *testing.T, role string, args ...string) *process {
	t.Helper()
	p, err := start(launch{
		argv: append([]string{os.Args[0]}, args...), env: []string{"BENCH_TEST_ROLE=" + role}, cpu: -1,
		output: filepath.Join(t.TempDir(), "output"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	return p
}

// waitFor waits until a helper has printed a word.
func waitFor(t *testing.T, p *process, word string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if strings.Contains(p.said(), word) {
			return
		}
	}
	t.Fatalf("helper has not printed %q but %q", word, p.said())
}
