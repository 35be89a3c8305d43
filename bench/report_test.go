//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// aReport has two rounds of two columns: one that can be concluded about, and one in which the reference was 10 % from
// itself.
func aReport(t *testing.T) *report {
	t.Helper()
	us := time.Microsecond
	r := &report{
		command: "bench/run --rounds 2", machine: "a machine", took: 61 * time.Second,
		began:      time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC),
		columns:    []column{columnNamed(t, "cpu-64"), columnNamed(t, "churn"), columnNamed(t, "memory")},
		versions:   map[string]string{reference: "gcc 1.2", "go": "go 1.26"},
		absent:     []absence{{"ncat", errors.New("ncat is not\non this | machine")}},
		noiseLimit: 0.05,
		run: &runner{
			plan: plan{rounds: 2, duration: time.Second, servers: []server{
				{name: reference, title: "C", greets: true},
				{name: "parley", title: "parley", greets: true},
				{name: "go", title: "Go", greets: true},
				{name: "socat", title: "socat"},
				{name: referenceAgain, title: "again", greets: true},
			}},
			round: 2,
			samples: map[cell]sample{
				{0, reference, "message-64"}: taken(4*us, 100), {0, referenceAgain, "message-64"}: taken(4*us, 100),
				{1, reference, "message-64"}: taken(4*us, 100), {1, referenceAgain, "message-64"}: taken(4*us, 100),
				{0, "parley", "message-64"}: taken(4*us, 100), {1, "parley", "message-64"}: taken(5*us, 100),
				{0, "go", "message-64"}:      taken(8*us, 100),
				{0, reference, "churn"}:      taken(20*us, 100),
				{0, "parley", "churn"}:       taken(21*us, 100),
				{0, "socat", "churn"}:        taken(84*us, 100),
				{0, reference, "idle"}:       {resident: []float64{48, 32}},
				{0, "parley", "idle"}:        {resident: []float64{4000, 3628}},
				{0, referenceAgain, "churn"}: taken(22*us, 100),
			},
			failures: []failure{{cell{1, "go", "churn"}, errors.New("connection 3: the server closed it")}},
		},
	}
	return r
}

const wantReport = `# parley and its peers

Written by ` + "`bench/run --rounds 2`" + `, 2026-02-03 04:05 UTC, in 1m1s.
a machine.
Rounds: 2, of 1s a cell.

Each cell is the median over the rounds (and least to most) of the ratio to the C reference of the same round: lower is
better, except for GB/s. Memory is in bytes and no ratio. README.md beside this file says what each column is.

|  | 64 B, 64 conns: CPU per message | connect, 1 message, close, logged: CPU | bytes per idle conn at 15,000 |
| --- | ---: | ---: | ---: |
| C | 1.00 | 1.00 | 32 |
| parley | 1.12 (1.00–1.25) | 1.00 | 3,628 |
| Go | 2.00 | failed | – |
| socat † | – | 4.00 | – |
| again | 1.00 | 1.10 | – |
| **target for parley** | 1.08 | 1.06 | 3,700 |
| **verdict on parley** | ✗ miss | noisy | ✓ pass |
| the reference's own figure | 4.00 µs | 20.00 µs | 32 |

The machine was too noisy to conclude about these, in which the reference differed from itself, in the median round, by
more than 5 %: connect, 1 message, close, logged: CPU (10.0 %).

† does not greet: its connections in the columns of connect and close are one write cheaper than the others'.
–: not asked for, see README.md.

Versions: C: gcc 1.2; Go: go 1.26.

Not there:

- ncat: ncat is not on this \| machine

Failed:

- go, churn, round 2: connection 3: the server closed it
`

func TestReport(t *testing.T) {
	var got strings.Builder
	if err := aReport(t).write(&got); err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got.String(), "\n"), strings.Split(wantReport, "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Errorf("line %d\ngot  %s\nwant %s", i+1, gotLines[i], wantLines[i])
		}
	}
	if len(gotLines) != len(wantLines) {
		t.Errorf("got %d lines, want %d", len(gotLines), len(wantLines))
	}
}

// What is written on the way says so.
func TestReport_partial(t *testing.T) {
	r := aReport(t)
	r.run.round = 1
	for interrupted, want := range map[bool]string{
		false: "Rounds: 2, of 1s a cell, of which 1 are complete: **the run is under way**.\n",
		true:  "Rounds: 2, of 1s a cell, of which 1 are complete: **the run was interrupted**.\n",
	} {
		r.interrupted = interrupted
		var got strings.Builder
		if err := r.write(&got); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got.String(), want) {
			t.Errorf("no %q in %s", want, got.String())
		}
	}
}

func TestReportSaveTo(t *testing.T) {
	name := filepath.Join(t.TempDir(), "RESULTS.md")
	for range 2 { // The second replaces the first.
		if err := aReport(t).saveTo(name); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != wantReport {
		t.Errorf("the file has\n%s", got)
	}
	files, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(files) != 1 {
		t.Errorf("left in the folder: %v, %v", files, err)
	}
}

func TestGuard(t *testing.T) {
	r := aReport(t)
	tests := []struct {
		columns []column
		bound   float64
		want    error
		says    string
	}{
		{r.columns[:1], 0.5, nil, "cpu-64       parley / plain Go 0.50 (0.50–0.50, 1 rounds), bound 0.50: ok\n"},
		{r.columns[:1], 0.49, errOverBound, "bound 0.49: OVER\n"},
		{r.columns[:2], 2, errOverBound, "churn        parley / plain Go 0.00 (0.00–0.00, 0 rounds), bound 2.00: not measured (noisy machine"},
	}
	for _, test := range tests {
		var said strings.Builder
		err := guard(&said, test.columns, r.run.samples, 2, test.bound, 0.05)
		if !errors.Is(err, test.want) {
			t.Errorf("bound %v: got error %v, want %v", test.bound, err, test.want)
		}
		if !strings.Contains(said.String(), test.says) {
			t.Errorf("bound %v: no %q in %q", test.bound, test.says, said.String())
		}
	}
}
