//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine describes where this runs: processor, cores, memory, kernel, Go.
func machine() (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", fmt.Errorf("asking for the kernel's name: %w", err)
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return "", fmt.Errorf("asking for the memory: %w", err)
	}
	cpuinfo, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", err
	}
	cores, err := allowedCores()
	if err != nil {
		return "", err
	}
	gib := float64(info.Totalram) * float64(info.Unit) / (1 << 30)
	return fmt.Sprintf("%s, %d cores, %.0f GiB; Linux %s; %s", processor(string(cpuinfo)), len(cores), gib,
		unix.ByteSliceToString(u.Release[:]), runtime.Version()), nil
}

// processor finds the processor's name in /proc/cpuinfo; ARM's has none, and goes by the architecture.
func processor(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// allowedCores returns the numbers of the cores that we may use.
func allowedCores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("asking for the cores: %w", err)
	}
	var cores []int
	for core := range len(set) * 64 {
		if set.IsSet(core) {
			cores = append(cores, core)
		}
	}
	return cores, nil
}

// twoCores chooses a core for the server and another for the load. The server gets the last: interrupts tend to go to
// the first.
func twoCores() ([2]int, error) {
	cores, err := allowedCores()
	if err != nil {
		return [2]int{}, err
	}
	if len(cores) < 2 {
		return [2]int{}, errors.New("server and load need a core each, and there is one")
	}
	return [2]int{cores[len(cores)-1], cores[0]}, nil
}
