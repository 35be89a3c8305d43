package faults_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/faults"
)

// What is written is read again, and a new run of a case replaces all that an old one had measured.
func TestResults(t *testing.T) {
	t.Parallel()
	both := func(fast, portable string) map[string]string {
		return map[string]string{faults.Fast: fast, faults.Portable: portable}
	}
	old := []faults.Result{
		{Case: "N1", What: "truncated", Values: both("0", "0"), Form: faults.Full, Date: "2026-01-01"},
		{Case: "B7", What: "memory", Values: both("1 MiB", "2 MiB"), Form: faults.Full, Date: "2026-01-01"},
		{Case: "B7", What: "time", Values: both("1 s", "2 s"), Form: faults.Full, Date: "2026-01-01"},
	}
	fresh := []faults.Result{{Case: "B7", What: "memory", Values: map[string]string{faults.Fast: "3 MiB"}, Form: faults.Short, Date: "2026-02-02"}}
	want := []faults.Result{fresh[0], old[0]}
	got, err := faults.ParseResults(faults.FormatResults(faults.MergeResults(old, fresh), "On a machine."))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}
