//go:build system && linux

package faults_test

import (
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// A holding is what the system holds in memory for the sockets of one side, in bytes, its own overhead counted: what has come
// and was not read, and what was sent or written and was not taken by the peer (the r and w of skmem, ss(8)).
type holding struct {
	sockets                   int
	unread, unsent            int
	mostUnread, mostUnsent    int // of one socket
	mostReceived, mostPending int // the bytes themselves, of one socket (Recv-Q and Send-Q)
}

var socketMemory = regexp.MustCompile(`skmem:\(r(\d+),rb\d+,t\d+,tb\d+,f\d+,w(\d+),`)

// held returns what the system holds for the daemon's established connections at an address.
func (f *fault) held(address string) holding {
	f.Helper()
	_, port, err := net.SplitHostPort(address)
	f.must(err)
	out, err := exec.Command("ss", "-tmnHO", "state", "established", "sport", "=", ":"+port).Output()
	if err != nil {
		f.Fatalf("ss: %v", err)
	}
	var h holding
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		f.must(err)
		return n
	}
	for line := range strings.Lines(string(out)) {
		match := socketMemory.FindStringSubmatch(line)
		queues := strings.Fields(line)
		if match == nil || len(queues) < 2 {
			f.Fatalf("ss says %q", line)
		}
		unread, unsent := number(match[1]), number(match[2])
		h.sockets++
		h.unread += unread
		h.unsent += unsent
		h.mostUnread, h.mostUnsent = max(h.mostUnread, unread), max(h.mostUnsent, unsent)
		h.mostReceived, h.mostPending = max(h.mostReceived, number(queues[0])), max(h.mostPending, number(queues[1]))
	}
	return h
}

func (h holding) String() string {
	each := func(n int) float64 { return float64(n) / float64(max(1, h.sockets)) / 1024 }
	return fmt.Sprintf("%d sockets hold %.1f KiB unread (%d at most; %d bytes at most) and %.1f KiB unsent (%d at most; %d bytes at most) each",
		h.sockets, each(h.unread), h.mostUnread, h.mostReceived, each(h.unsent), h.mostUnsent, h.mostPending)
}

// inState returns how many connections of an address are in a state of TCP, in the words of ss(8).
func (f *fault) inState(state, address string) int {
	f.Helper()
	_, port, err := net.SplitHostPort(address)
	f.must(err)
	out, err := exec.Command("ss", "-tnHO", "state", state, "sport", "=", ":"+port).Output()
	if err != nil {
		f.Fatalf("ss: %v", err)
	}
	return strings.Count(string(out), "\n")
}
