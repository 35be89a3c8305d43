//go:build linux

package main

import (
	"io"
	"strings"
	"testing"
	"time"
)

func TestOptions_quick(t *testing.T) {
	got, err := parseOptions([]string{"--quick", "--rounds", "3", "--only", "churn"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := options{
		only: "churn", servers: "parley,go", rounds: 3, duration: 300 * time.Millisecond, noise: 5, quick: true, bound: 1.5,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// RESULTS.md is written by whole runs only, so that a short one does not take the place of a long one.
func TestOptions_reportFile(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{nil, "here/RESULTS.md"},
		{[]string{"--rounds", "1"}, "here/RESULTS.md"},
		{[]string{"--only", "churn"}, ""},
		{[]string{"--servers", "go"}, ""},
		{[]string{"--quick"}, ""},
		{[]string{"--quick", "--out", "there.md"}, "there.md"},
	}
	for _, test := range tests {
		o, err := parseOptions(test.args, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.reportFile("here"); got != test.want {
			t.Errorf("%v: got %q, want %q", test.args, got, test.want)
		}
	}
}

func TestOptions_refused(t *testing.T) {
	for _, args := range [][]string{{"--rounds", "0"}, {"--duration", "0s"}, {"--noise", "-1"}, {"--what"}, {"word"}} {
		if o, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%v gave %+v, want an error", args, o)
		}
	}
}

// The reference takes part whoever is asked for, first and last.
func TestChooseServers(t *testing.T) {
	got, err := chooseServers("netpoll,go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range got {
		names = append(names, s.name)
	}
	if got, want := strings.Join(names, " "), "c go netpoll c-again"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	all, err := chooseServers("")
	if err != nil || len(all) != len(servers()) || all[0].name != reference || all[len(all)-1].name != referenceAgain {
		t.Errorf("all: %d servers of %d, %v", len(all), len(servers()), err)
	}
	if _, err := chooseServers("apache"); err == nil || !strings.Contains(err.Error(), `no "apache"; valid: c, parley, `) {
		t.Errorf("got %v", err)
	}
}

func TestTakesPart(t *testing.T) {
	tests := []struct {
		server, work string
		round        int
		want         bool
	}{
		{"parley", "text", 4, true},
		{"go", "text", 0, false},        // frames no lines
		{"go", "churn-quiet", 0, false}, // logs nothing that could be left out
		{"c-again", "churn-quiet", 0, true},
		{"socat", "message-1000", 0, false}, // a process each
		{"socat", "bulk-8", 1, true},
		{"socat", "bulk-8", 2, false}, // slow
		{"ncat", "bulk-8", 0, false},  // gets stuck
		{"threads", "message-1000", 0, true},
		{"threads", "idle", 0, false},
		{"io-copy", "message-10000", 0, false}, // runs out of files
		{"netpoll", "idle", 4, true},
	}
	for _, test := range tests {
		s, err := choose(test.server, servers(), func(s server) string { return s.name })
		if err != nil {
			t.Fatal(err)
		}
		k, err := choose(test.work, works(), func(k work) string { return k.name })
		if err != nil {
			t.Fatal(err)
		}
		if got := s[0].takesPart(k[0], test.round); got != test.want {
			t.Errorf("%s takes part in %s in round %d: %v, want %v", test.server, test.work, test.round, got, test.want)
		}
	}
}

func TestVersionIn(t *testing.T) {
	for text, want := range map[string]string{
		"go version go1.26.8 linux/amd64": "1.26.8", "v20.20.2\n": "v20.20.2", "Python 3.11.2": "3.11.2",
		"Ncat: Version 7.93 ( https://nmap.org/ncat )": "7.93", "nothing": "",
	} {
		if got := versionIn(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
