//go:build system && linux

package main_test

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// The figures of the end: 200 clients converse when TERM comes. It is not parallel: it measures.
func TestDrainFigures(t *testing.T) {
	const (
		refusing = 100 * time.Millisecond // from TERM until connections are refused
		timeout  = 8 * time.Second
	)
	var refused, ended []time.Duration
	for range 7 {
		took := drainTalkers(t, serveBuilt(t, "echo://127.0.0.1:0"), 200)
		refused, ended = append(refused, took.refusing), append(ended, took.ended)
	}
	t.Logf("refusing connections after %v", refused)
	t.Logf("ended after %v", ended)
	// The median, because a single one says as much about what else the machine has to do.
	if median := quantile(refused, .5); median >= refusing {
		t.Errorf("refusing connections after %v, want less than %v", median, refusing)
	}
	if longest := quantile(ended, 1); longest >= timeout {
		t.Errorf("ended after %v, want less than %v", longest, timeout)
	}
}

// Whoever does not go does not keep the daemon for longer than the drain timeout and a second: 300 who do not read, 100 who are
// silent, 100 in the middle of a message.
func TestDrainOfThoseWhoDoNotGo(t *testing.T) {
	const timeout = 2 * time.Second
	d := serveBuilt(t, "PARLEY_DRAIN_TIMEOUT="+timeout.String(), "echo://127.0.0.1:0")
	var senders sync.WaitGroup
	lines := []byte(strings.Repeat("never read\n", 1<<10))
	for range 300 {
		c := dial(t, d.addresses[0])
		senders.Go(func() {
			for {
				if _, err := c.Write(lines); err != nil {
					return
				}
			}
		})
	}
	for range 100 {
		dial(t, d.addresses[0])
		must(t, dial(t, d.addresses[0]).send("in the middle"))
	}
	eventually(t, "all are there", func() bool { return d.scrape().sum("parley_connections_active") == 500 })
	ended := took(d.stop)
	t.Logf("ended after %v", ended)
	if ended >= timeout+time.Second {
		t.Errorf("ended %v after TERM, want less than %v", ended, timeout+time.Second)
	}
	d.stdout.await(t, `"msg":"stopped","drained":\d+,"cut":\d+,`)
	senders.Wait()
}

// What cannot be started says so within a second, and with one line.
func TestStartErrorsAreQuick(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	for name, tt := range map[string]struct {
		words  []string
		status int
	}{
		"a port taken":         {[]string{"echo://" + taken.Addr().String()}, 1},
		"a foreign address":    {[]string{"echo://192.0.2.1:12000"}, 1},
		"the admin port taken": {[]string{"--admin=" + taken.Addr().String(), "echo://127.0.0.1:0"}, 1},
		"an unknown handler":   {[]string{"PARLEY_LISTEN=ehco://:1"}, 2},
		"an unknown key":       {[]string{"echo://:1?perfix=x"}, 2},
		"a bad duration":       {[]string{"PARLEY_IDLE_TIMEOUT=5"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := built(t, tt.words...)
			cmd.Args = append([]string{cmd.Args[0], "serve"}, cmd.Args[1:]...)
			start := time.Now()
			p := launch(t, cmd)
			p.exits(tt.status)
			if took := time.Since(start); took >= time.Second {
				t.Errorf("took %v", took)
			}
			if got := p.stderr.String(); strings.Count(got, "\n") != 1 {
				t.Errorf("not one line: %q", got)
			}
		})
	}
}
