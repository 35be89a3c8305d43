package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/faults"
)

// README's table of the faults with figures is that of faults/RESULTS.md, as far as it is meant for README.
func TestREADMESurvivesFigures(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(moduleRoot, "faults", "RESULTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	results, err := faults.ParseResults(string(page))
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("| case | fault | what is seen | measured |\n| --- | --- | --- | --- |\n")
	for _, c := range faults.Catalogue {
		if !c.Star {
			continue
		}
		var figures []string
		for _, r := range results {
			if r.Case == c.ID && (len(c.Shows) == 0 || slices.Contains(c.Shows, r.What)) {
				figures = append(figures, shownFigure(r))
			}
		}
		if len(figures) < len(c.Shows) && len(figures) > 0 {
			t.Errorf("RESULTS.md has %d of the %d figures that README shows of %s", len(figures), len(c.Shows), c.ID)
		}
		if len(figures) > 0 {
			fmt.Fprintf(&want, "| `%s` | %s | %s | %s |\n", c.ID, c.Fault, c.Sees, strings.Join(figures, "; "))
		}
	}
	if *update {
		text := strings.Replace(readPage(t, "README.md"), readmeTable(t, "case"), strings.TrimSpace(want.String()), 1)
		if err := os.WriteFile(filepath.Join(moduleRoot, "README.md"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	checkTable(t, "case", want.String())
}

// Each promise of README's section on security names cases that there are, and each case of the group has a promise.
func TestREADMESecurity(t *testing.T) {
	t.Parallel()
	promised := make(map[string]bool)
	for _, row := range tableRows(t, "promise") {
		for quoted := range strings.SplitSeq(row[1], ", ") {
			id := strings.Trim(quoted, "`")
			if !slices.ContainsFunc(faults.Catalogue, func(c faults.Case) bool { return c.ID == id }) {
				t.Errorf("%q names the case %s, which the catalogue does not have", row[0], quoted)
			}
			promised[id] = true
		}
	}
	for _, c := range faults.Catalogue {
		if strings.HasPrefix(c.ID, "S") && !promised[c.ID] {
			t.Errorf("no promise is tried by %s: %s", c.ID, c.Fault)
		}
	}
}

// shownFigure is a result as README shows it: the figure of the fast transport, and that of the portable one where it differs.
func shownFigure(r faults.Result) string {
	fast, portable := r.Values[faults.Fast], r.Values[faults.Portable]
	figure := strings.TrimSuffix(r.What, ":") + ": " + fast
	switch {
	case fast == "":
		figure += "portable " + portable
	case portable != "" && portable != fast:
		figure += ", portable " + portable
	}
	if r.Form == faults.Short {
		figure += ", in the short form"
	}
	return figure
}
