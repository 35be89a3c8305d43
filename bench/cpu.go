//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of times in /proc/PID/stat. It is part of Linux's interface with programs and the same everywhere Go
// runs (USER_HZ, proc(5)).
const tick = 10 * time.Millisecond

// groupCPU returns the CPU time, user and system, that the processes of a group have used, with that of the children
// they have waited for.
//
// A process's own time is its CPU clock, which counts nanoseconds, covers threads that have ended, and works for the
// processes of others (clock_getcpuclockid(3)). Of children that were waited for the kernel tells only ticks of 10 ms;
// that is less exact, and matters only for servers that start a process for each connection.
func groupCPU(group int) (time.Duration, error) {
	const tries = 20
	for try := 1; ; try++ {
		total, err := groupCPUNow(group)
		if err == nil || try == tries {
			return total, err
		}
		// A process ended, and was waited for, between being found and being looked at: its time is now its parent's.
		time.Sleep(time.Millisecond)
	}
}

func groupCPUNow(group int) (time.Duration, error) {
	pids, err := groupMembers(group)
	if err != nil {
		return 0, err
	}
	var total time.Duration
	for pid, status := range pids {
		own, err := processClock(pid)
		if err != nil {
			return 0, fmt.Errorf("reading the CPU clock of process %d: %w", pid, err)
		}
		total += own + status.children
	}
	return total, nil
}

// processClock reads the CPU clock of a process, running or not yet waited for.
func processClock(pid int) (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED in the kernel's posix-timers.h: user and system time, in nanoseconds
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &t); err != nil {
		return 0, err
	}
	return time.Duration(t.Nano()), nil
}

// groupMembers finds the processes of a group, also those that have ended and were not waited for.
func groupMembers(group int) (map[int]processStat, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	members := make(map[int]processStat)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // not a process
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // gone meanwhile
		}
		status, err := parseStat(line)
		if err != nil {
			return nil, fmt.Errorf("process %d: %w", pid, err)
		}
		if status.group == group {
			members[pid] = status
		}
	}
	return members, nil
}

// A processStat is what is wanted from /proc/PID/stat.
type processStat struct {
	state    byte          // Z: ended, and not yet waited for
	parent   int           // process ID
	group    int           // process group
	children time.Duration // CPU time of the children it has waited for
}

// parseStat reads a line of /proc/PID/stat (proc_pid_stat(5)).
func parseStat(line []byte) (processStat, error) {
	// The second field is the program's name in parentheses, and may hold spaces and parentheses.
	end := bytes.LastIndexByte(line, ')')
	if end < 0 {
		return processStat{}, fmt.Errorf("no name in %q", line)
	}
	fields := strings.Fields(string(line[end+1:]))
	const state, parent, group, childUser, childSystem = 0, 1, 2, 13, 14 // numbers 3, 4, 5, 16 and 17 of the manual
	if len(fields) <= childSystem {
		return processStat{}, fmt.Errorf("%d fields behind the name in %q", len(fields), line)
	}
	var numbers [childSystem + 1]int64
	for _, i := range []int{parent, group, childUser, childSystem} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return processStat{}, fmt.Errorf("field %d of %q: %w", i+3, line, err)
		}
		numbers[i] = n
	}
	return processStat{
		state:    fields[state][0],
		parent:   int(numbers[parent]),
		group:    int(numbers[group]),
		children: time.Duration(numbers[childUser]+numbers[childSystem]) * tick,
	}, nil
}

// groupResident returns the bytes of memory that the processes of a group occupy. It reads smaps_rollup, since the
// kernel's cheaper figures may be some hundred KiB off.
func groupResident(group int) (int64, error) {
	pids, err := groupMembers(group)
	if err != nil {
		return 0, err
	}
	var total int64
	for pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		n, err := parseResident(string(text))
		if err != nil {
			return 0, fmt.Errorf("process %d: %w", pid, err)
		}
		total += n
	}
	return total, nil
}

// parseResident finds the bytes of the Rss line of /proc/PID/smaps_rollup (proc_pid_smaps(5)).
func parseResident(text string) (int64, error) {
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, "Rss:"); found {
			number, found := strings.CutSuffix(strings.TrimSpace(rest), " kB")
			if !found {
				return 0, fmt.Errorf("unexpected unit in %q", line)
			}
			n, err := strconv.ParseInt(number, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("resident size in %q: %w", line, err)
			}
			return n << 10, nil
		}
	}
	return 0, fmt.Errorf("no Rss in %q", text)
}
