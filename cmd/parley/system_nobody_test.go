//go:build system && linux

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A user with no rights is told what is missing.
func TestNobody(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(readableDir(t), "closed")
	must(t, os.Mkdir(closed, 0o555))
	for name, tt := range map[string]struct{ listener, want string }{
		"a port below 1024": {
			"echo://:80",
			"parley: listener echo://:80: cannot listen on :80: permission denied: choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE\n",
		},
		"a folder that may not be written to": {
			"echo+unix://" + closed + "/s",
			"parley: listener echo+unix://" + closed + "/s: cannot listen on " + closed + "/s: permission denied: the folder must be writable\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, asNobody(t, "PARLEY_ADMIN=off", tt.listener))
			p.exits(1)
			if got := p.stderr.String(); got != tt.want {
				t.Errorf("got  %swant %s", got, tt.want)
			}
			if got := p.stdout.String(); got != "" {
				t.Errorf("logged:\n%s", got)
			}
		})
	}
}

// asNobody is a daemon as a user with no rights: the user of the tests, or nobody if that is root. Where the system lets
// everyone have ports below 1024, as in a container of Docker's, it gets a network of its own, in which that is not so.
func asNobody(t *testing.T, words ...string) *exec.Cmd {
	t.Helper()
	cmd := built(t, words...)
	cmd.Args = append([]string{cmd.Args[0], "serve"}, cmd.Args[1:]...)
	cmd.SysProcAttr = new(syscall.SysProcAttr)
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		cmd.Path = reachable(t, cmd.Path) // The folder of the tests is root's alone.
	}
	first, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	must(t, err)
	port, err := strconv.Atoi(strings.TrimSpace(string(first)))
	must(t, err)
	if port <= 80 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
	}
	return cmd
}

// readableDir is a folder that every user can look into.
func readableDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "parley") //nolint:usetesting // t.TempDir is the user's alone
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

// reachable gives a program a place where every user can run it.
func reachable(t *testing.T, program string) string {
	t.Helper()
	to := filepath.Join(readableDir(t), filepath.Base(program))
	must(t, os.Link(program, to))
	return to
}
