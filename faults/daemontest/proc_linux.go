package daemontest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// Memory returns the KiB of a field of /proc/PID/status (proc(5)), such as VmRSS, or VmHWM, the most there was.
func (p *Process) Memory(field string) int {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	Must(p.t, err)
	match := regexp.MustCompile(`(?m)^` + field + `:\s+(\d+) kB$`).FindSubmatch(status)
	if match == nil {
		p.t.Fatalf("no %s in\n%s", field, status)
	}
	kib, err := strconv.Atoi(string(match[1]))
	Must(p.t, err)
	return kib
}

// Files returns how many files it has open.
func (p *Process) Files() int {
	p.t.Helper()
	entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(p.PID()), "fd"))
	Must(p.t, err)
	return len(entries)
}
