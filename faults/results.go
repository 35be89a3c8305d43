package faults

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The transports that a case runs over, and the forms it has.
const (
	Fast     = "fast"
	Portable = "portable"

	Full  = "full"  // in the sizes of the catalogue
	Short = "short" // smaller, for every day
)

// A Result is what a case has measured.
type Result struct {
	Case   string
	What   string            // is measured, as "memory grown by at most"
	Values map[string]string // with their unit, by the transport
	Form   string            // Full or Short
	Date   string            // of the run, as 2006-01-02
}

// resultsHead is the head of a table of results.
const resultsHead = "| case | promised | measured | fast | portable | form | on |\n| --- | --- | --- | --- | --- | --- | --- |\n"

// ParseResults reads the results out of what FormatResults has written.
func ParseResults(text string) ([]Result, error) {
	var results []Result
	_, table, _ := strings.Cut(text, resultsHead)
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) != 7 {
			return nil, fmt.Errorf("%d cells instead of 7 in %q", len(cells), line)
		}
		r := Result{Case: strings.TrimSuffix(cells[0], "*"), What: cells[2], Values: make(map[string]string), Form: cells[5], Date: cells[6]}
		for i, transport := range []string{Fast, Portable} {
			if cells[3+i] != "" {
				r.Values[transport] = cells[3+i]
			}
		}
		results = append(results, r)
	}
	return results, nil
}

// MergeResults returns old with the results of the cases that are in fresh replaced by those.
func MergeResults(old, fresh []Result) []Result {
	merged := slices.DeleteFunc(slices.Clone(old), func(o Result) bool {
		return slices.ContainsFunc(fresh, func(f Result) bool { return f.Case == o.Case })
	})
	merged = append(merged, fresh...)
	slices.SortStableFunc(merged, func(a, b Result) int { return cmp.Compare(position(a.Case), position(b.Case)) })
	return merged
}

// position is where in Catalogue a case stands; -1: it does not.
func position(id string) int {
	return slices.IndexFunc(Catalogue, func(c Case) bool { return c.ID == id })
}

// FormatResults returns RESULTS.md. Head says how and where all were measured.
func FormatResults(results []Result, head string) string {
	var page strings.Builder
	page.WriteString("# What parley survives, in figures\n\n" + head + "\n\n" + resultsHead)
	last := ""
	for _, r := range results {
		id, promise := r.Case, ""
		if at := position(r.Case); at >= 0 {
			if Catalogue[at].Star {
				id += "*"
			}
			if r.Case != last {
				promise = Catalogue[at].Fault + ": " + Catalogue[at].Sees
			}
		}
		last = r.Case
		fmt.Fprintf(&page, "| %s | %s | %s | %s | %s | %s | %s |\n", id, promise, r.What, r.Values[Fast], r.Values[Portable], r.Form, r.Date)
	}
	page.WriteString("\n## What one machine cannot do, and what stands in for it\n\n")
	for _, c := range Catalogue {
		if c.Instead != "" {
			fmt.Fprintf(&page, "- %s, %s: %s.\n", c.ID, c.Fault, c.Instead)
		}
	}
	return page.String()
}
