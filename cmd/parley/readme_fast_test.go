package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The servers of bench/RESULTS.md that README compares, as they are called there and in README.
var compared = []struct{ result, readme string }{
	{"parley", "parley"},
	{"parley, portable transport", "portable"},
	{"Go: goroutine, 4 KiB buffer", "plain Go"},
	{"Go: io.Copy (splice)", "io.Copy"},
	{"cloudwego/netpoll", "netpoll"},
	{"fortio tcp-echo †", "fortio"},
	{"Node", "Node"},
	{"Python asyncio", "asyncio"},
	{"Python threads", "threads"},
	{"socat †", "socat"},
	{"**target for parley**", "target"},
	{"**verdict on parley**", "met?"},
}

// README's comparison is that of bench/RESULTS.md, turned on its side and without the spread.
func TestREADMEFast(t *testing.T) {
	t.Parallel()
	servers := resultRows(t)
	var want strings.Builder
	want.WriteString("| measure |")
	for _, c := range compared {
		if _, ok := servers[c.result]; !ok {
			t.Fatalf("bench/RESULTS.md has no row %q", c.result)
		}
		fmt.Fprintf(&want, " %s |", c.readme)
	}
	want.WriteString("\n| --- |" + strings.Repeat(" ---: |", len(compared)) + "\n")
	for i, measure := range servers[""] {
		fmt.Fprintf(&want, "| %s |", measure)
		for _, c := range compared {
			median, _, _ := strings.Cut(servers[c.result][i], " ") // The spread is behind it.
			fmt.Fprintf(&want, " %s |", median)
		}
		want.WriteString("\n")
	}
	if *update {
		text := strings.Replace(readPage(t, "README.md"), readmeTable(t, "measure"), strings.TrimSpace(want.String()), 1)
		if err := os.WriteFile(filepath.Join(moduleRoot, "README.md"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	checkTable(t, "measure", want.String())
}

// resultRows returns the cells of the table in bench/RESULTS.md by the first of each row, which the head has empty.
func resultRows(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(moduleRoot, "bench", "RESULTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "| ---") {
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows[cells[0]] = cells[1:]
		}
	}
	return rows
}
