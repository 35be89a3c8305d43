//go:build system && linux

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
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
	cmd := exec.Command("go", "build", "-trimpath", "-o", binary, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return binary, nil
})

// built is command for the program as it is installed: variables, if there are any, and the words behind "parley".
func built(t testing.TB, words ...string) *exec.Cmd {
	t.Helper()
	binary, err := build()
	must(t, err)
	variables := 0
	for variables < len(words) && variable.MatchString(words[variables]) {
		variables++
	}
	all := append([]string(nil), words[:variables]...)
	all = append(all, binary)
	return command(append(all, words[variables:]...)...)
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
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	must(d.t, err)
	match := regexp.MustCompile(`(?m)^` + field + `:\s+(\d+) kB$`).FindSubmatch(status)
	if match == nil {
		d.t.Fatalf("no %s in\n%s", field, status)
	}
	kib, err := strconv.Atoi(string(match[1]))
	must(d.t, err)
	return kib
}

// reason is how many connections ended for it.
func (s scrape) reason(word string) float64 {
	var sum float64
	for series, value := range s {
		if strings.HasPrefix(series, "parley_connections_closed_total{") && strings.HasSuffix(series, `,reason="`+word+`"}`) {
			sum += value
		}
	}
	return sum
}

// find waits until a line matches and returns its submatches.
func (tr *transcript) find(t testing.TB, pattern string) []string {
	t.Helper()
	tr.await(t, pattern)
	return regexp.MustCompile("(?m)" + pattern).FindStringSubmatch(tr.String())
}
