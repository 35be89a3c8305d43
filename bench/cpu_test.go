//go:build linux

package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	// A name may hold anything: here, what looks like the end of the field and another state.
	line := "4711 (a) R (b) S 12 4700 4700 0 -1 4194560 1 2 3 4 50 60 7 8 20 0 1 0 100 0 0\n"
	got, err := parseStat([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	want := processStat{state: 'S', parent: 12, group: 4700, children: 150 * time.Millisecond}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseStat_malformed(t *testing.T) {
	for _, line := range []string{"", "1 name S 2 3", "1 (name) S 2 3", "1 (name) S x 3 4 5 6 7 8 9 10 11 12 13 14 15 16"} {
		if got, err := parseStat([]byte(line)); err == nil {
			t.Errorf("%q gave %+v, want an error", line, got)
		}
	}
}

func TestParseStat_ourselves(t *testing.T) {
	line, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseStat(line)
	if err != nil {
		t.Fatal(err)
	}
	if got.parent != os.Getppid() || got.group != syscall.Getpgrp() {
		t.Errorf("got %+v, want parent %d and group %d", got, os.Getppid(), syscall.Getpgrp())
	}
}

func TestParseResident(t *testing.T) {
	got, err := parseResident("00400000-7fff [rollup]\nRss:                1234 kB\nPss:                 99 kB\n")
	if want := int64(1234 << 10); err != nil || got != want {
		t.Errorf("got %d, %v, want %d", got, err, want)
	}
	for _, text := range []string{"", "Pss: 1 kB\n", "Rss: 1 MB\n", "Rss: many kB\n"} {
		if got, err := parseResident(text); err == nil {
			t.Errorf("%q gave %d, want an error", text, got)
		}
	}
}

// The clock of another process counts what it does, and not what it waits.
func TestProcessClock(t *testing.T) {
	const work = 100 * time.Millisecond
	p := startHelper(t, "burn", work.String())
	waitFor(t, p, "burnt")

	got, err := processClock(p.group)
	if err != nil {
		t.Fatal(err)
	}
	if got < work || got > work+time.Second {
		t.Errorf("the process burnt %v and its clock says %v", work, got)
	}
	if again, err := p.settled(t.Context()); err != nil || again-got > work/2 {
		t.Errorf("an idle process went from %v to %v, %v", got, again, err)
	}
}

// A child's time counts while it runs, when it was waited for, and when its parent ended before it.
func TestGroupCPU_children(t *testing.T) {
	const work = 200 * time.Millisecond
	if err := adoptOrphans(); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"parent-of-running", "parent-of-ended", "parent-gone"} {
		t.Run(kind, func(t *testing.T) {
			p := startHelper(t, kind, work.String())
			waitFor(t, p, "burnt")
			got, err := p.settled(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got < work-tick || got > work+time.Second {
				t.Errorf("the child burnt %v and the group's clocks say %v", work, got)
			}
		})
	}
}

func TestProcessStop(t *testing.T) {
	if err := adoptOrphans(); err != nil {
		t.Fatal(err)
	}
	p := startHelper(t, "parent-gone", "1ms")
	waitFor(t, p, "burnt")
	p.stop()
	members, err := groupMembers(p.group)
	if err != nil {
		t.Fatal(err)
	}
	if len(members) != 0 {
		t.Errorf("left behind: %v", members)
	}
}

func TestProcessListening_endedAtOnce(t *testing.T) {
	p := startHelper(t, "complain")
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	err = p.listening(t.Context(), port)
	if err == nil || !strings.Contains(err.Error(), "no such port") {
		t.Errorf("got %v, want what it said", err)
	}
}
