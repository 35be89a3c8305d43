//go:build linux

package main

import (
	"fmt"
	"strings"
)

// A work is what a server is put through at a time: one start of it, and one of the load.
type work struct {
	name        string
	load        []string // flags of the load, but for time and port
	connections int      // at a time

	text     bool // lines answered with "ECHO: " and the line; else every byte comes back
	greet    bool // by those who can
	quiet    bool // without the line that is logged for each connection; only for those who log
	forks    bool // whether servers that start a process for each connection take part
	bulk     bool // more is sent before what was sent came back
	unpinned bool // server and load on any core
	idle     bool // what counts is memory; stops at each of idleCounts
}

// idleCounts are the connections at which the memory of a server is looked at.
var idleCounts = []int{1500, 15000}

// works is every work there is, in the order in which a round goes through them.
func works() []work {
	return []work{
		{name: "message-1", connections: 1, load: closed(1, 64), forks: true},
		{name: "message-64", connections: 64, load: closed(64, 64), forks: true},
		{name: "message-1000", connections: 1000, load: closed(1000, 64)},
		{name: "message-10000", connections: 10000, load: closed(10000, 64)},
		{name: "message-16k", connections: 64, load: closed(64, 16<<10), forks: true},
		{name: "bulk-1", connections: 1, load: []string{"-m", "bulk", "-c", "1"}, bulk: true, forks: true},
		{name: "bulk-8", connections: 8, load: []string{"-m", "bulk", "-c", "8"}, bulk: true, forks: true},
		{name: "churn", connections: 32, load: []string{"-m", "churn", "-c", "32"}, greet: true, forks: true},
		{name: "churn-quiet", connections: 32, load: []string{"-m", "churn", "-c", "32"}, greet: true, quiet: true},
		{name: "open", connections: 1000, load: []string{"-m", "open", "-c", "1000", "-r", "60000", "-w", firstMessages}},
		{name: "text", connections: 64, load: append(closed(64, 64), "-x", "ECHO: "), text: true},
		{name: "unpinned", connections: 64, load: closed(64, 64), unpinned: true},
		{name: "idle", connections: idleCounts[len(idleCounts)-1], load: []string{"-m", "idle", "-c", list(idleCounts)}, idle: true},
	}
}

// firstMessages is how many messages each connection has had before it is measured, where messages are: a server may look
// at the first ones more closely than at those that follow.
const firstMessages = "8"

// closed is the closed loop: connections that each have one message of size bytes under way.
func closed(connections, size int) []string {
	return []string{"-c", fmt.Sprint(connections), "-s", fmt.Sprint(size), "-w", firstMessages}
}

func list(counts []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(counts), " ", ","), "[]")
}
