//go:build system && linux

package faults_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/faults"
	"parley/faults/daemontest"
)

// A fault is one case as it runs, over one transport.
type fault struct {
	*testing.T
	id        string // of the case
	part      string // of it, where it has several
	transport string
	parallel  bool

	mu      sync.Mutex
	reduced bool // it runs smaller than the catalogue says
	results []measured
}

type measured struct{ what, value string }

// eachTransport runs a case over both transports, one after the other: what it measures is disturbed by nobody.
func eachTransport(t *testing.T, run func(f *fault)) {
	t.Helper()
	for _, transport := range []string{faults.Fast, faults.Portable} {
		t.Run(transport, func(t *testing.T) { begin(t, transport, false, run) })
	}
}

// eachTransportWaiting is eachTransport for a case that mostly waits: it does so beside others, which keep no more of the
// machine busy than it does.
func eachTransportWaiting(t *testing.T, run func(f *fault)) {
	t.Helper()
	t.Parallel()
	for _, transport := range []string{faults.Fast, faults.Portable} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			begin(t, transport, true, run)
		})
	}
}

// once runs a case which the transport does not matter to.
func once(t *testing.T, run func(f *fault)) {
	t.Helper()
	begin(t, faults.Fast, false, run)
}

func begin(t *testing.T, transport string, parallel bool, run func(f *fault)) {
	t.Helper()
	match := caseName.FindStringSubmatch(strings.Split(t.Name(), "/")[0])
	if match == nil {
		t.Fatalf("%s is not called after a case", t.Name())
	}
	parts := strings.Split(strings.TrimSuffix(t.Name(), "/"+transport), "/")[1:]
	f := &fault{T: t, id: match[1], part: strings.ReplaceAll(strings.Join(parts, ", "), "_", " "), transport: transport, parallel: parallel}
	t.Cleanup(f.report) // Registered first, so that it comes last.
	run(f)
}

// sized returns how large something is made: in the long form as large as the catalogue says.
func sized[N any](f *fault, short, catalogued N) N {
	if *full {
		return catalogued
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reduced = true
	return short
}

// figure notes what was measured, with its unit: f.figure("memory grown by at most", "%.1f MiB", grown). The words are the same
// over each transport, and stand behind the name of the case's part.
func (f *fault) figure(what, format string, value any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d, ok := value.(time.Duration); ok {
		value = rounded(d)
	}
	if f.part != "" {
		what = f.part + ": " + what
	}
	f.results = append(f.results, measured{what, fmt.Sprintf(format, value)})
}

// rounded returns a duration as exact as is worth reading.
func rounded(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Second:
		return d.Round(100 * time.Millisecond)
	case d > 100*time.Millisecond:
		return d.Round(time.Millisecond)
	case d > time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d
}

// all are the figures of the run.
var all struct {
	mu      sync.Mutex
	results []faults.Result
}

// report logs the figures and, where the case has passed, keeps them.
func (f *fault) report() {
	form := faults.Full
	if f.reduced {
		form = faults.Short
	}
	for _, m := range f.results {
		f.Logf("%s, %s, %s: %s %s", f.id, f.transport, form, m.what, m.value)
		if !f.Failed() {
			keep(f.id, f.transport, form, m)
		}
	}
}

func keep(id, transport, form string, m measured) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, r := range all.results {
		if r.Case == id && r.What == m.what && r.Form == form {
			r.Values[transport] = m.value
			return
		}
	}
	all.results = append(all.results, faults.Result{
		Case: id, What: m.what, Values: map[string]string{transport: m.value}, Form: form, Date: time.Now().UTC().Format(time.DateOnly),
	})
}

// writeResults puts the figures into RESULTS.md, in place of older ones of the same cases.
func writeResults() error {
	if raceDetector {
		return fmt.Errorf("-write: figures with the race detector say nothing")
	}
	const file = "RESULTS.md"
	old, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	results, err := faults.ParseResults(string(old))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(faults.FormatResults(faults.MergeResults(results, all.results), head())), 0o644)
}

// head says how and where the figures were measured.
func head() string {
	model := "unknown processors"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if match := regexp.MustCompile(`(?m)^model name\s*:\s*(.+)$`).FindSubmatch(info); match != nil {
			model = string(match[1])
		}
	}
	kernel, _ := exec.Command("uname", "-sr").Output()
	return fmt.Sprintf("Written by `faults/run --long --write` on %d processors (%s), %s, %s: daemon, clients and canary on the same ones, over loopback in "+
		"a network of its own. Every row is of a run that met the promise and whose ledger was in order (see `go doc parley/faults`); a case is short "+
		"where its row says so. A star is for README's table.", runtime.NumCPU(), model, strings.TrimSpace(string(kernel)), runtime.Version())
}

// dial connects a client, to be closed before the ledger is checked.
func (f *fault) dial(address string) *daemontest.Client {
	f.Helper()
	return daemontest.Dial(f, address)
}

// must fails the case on an error.
func (f *fault) must(err error) {
	f.Helper()
	daemontest.Must(f, err)
}

// eventually waits until condition holds.
func (f *fault) eventually(what string, condition func() bool) {
	f.Helper()
	daemontest.Eventually(f, what, condition)
}
