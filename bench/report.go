//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A report is what is written about a run, at its end or on the way.
type report struct {
	command string // as it was typed
	machine string
	began   time.Time
	took    time.Duration
	// interrupted is whether the run was told to end early.
	interrupted bool

	run        *runner
	columns    []column
	versions   map[string]string // by server; empty: unknown
	absent     []absence
	noiseLimit float64
}

// An absence is a server that cannot take part, and why.
type absence struct {
	title string
	err   error
}

// judged is the server that the targets are for.
const judged = "parley"

// write writes the report as Markdown.
func (r *report) write(out io.Writer) error {
	var b strings.Builder
	r.head(&b)
	r.table(&b)
	r.notes(&b)
	_, err := io.WriteString(out, b.String())
	return err
}

func (r *report) head(b *strings.Builder) {
	b.WriteString("# parley and its peers\n\n")
	fmt.Fprintf(b, "Written by `%s`, %s, in %s.\n", r.command, r.began.UTC().Format("2006-01-02 15:04 MST"), r.took.Round(time.Second))
	fmt.Fprintf(b, "%s.\n", r.machine)
	fmt.Fprintf(b, "Rounds: %d, of %v a cell", r.run.rounds, r.run.duration)
	if r.run.round < r.run.rounds {
		fmt.Fprintf(b, ", of which %d are complete: **", r.run.round)
		if r.interrupted {
			b.WriteString("the run was interrupted**")
		} else {
			b.WriteString("the run is under way**")
		}
	}
	b.WriteString(".\n\n")
	b.WriteString("Each cell is the median over the rounds (and least to most) of the ratio to the C reference of the same round: lower is\n" +
		"better, except for GB/s. Memory is in bytes and no ratio. README.md beside this file says what each column is.\n\n")
}

func (r *report) table(b *strings.Builder) {
	row(b, "", each(r.columns, func(c column) string { return c.title }))
	row(b, "---", each(r.columns, func(column) string { return "---:" }))
	for _, s := range r.run.servers {
		row(b, title(s), each(r.columns, func(c column) string { return r.cell(s, c) }))
	}
	row(b, "**target for parley**", each(r.columns, func(c column) string { return c.cell(c.target) }))
	row(b, "**verdict on parley**", each(r.columns, r.verdict))
	row(b, "the reference's own figure", each(r.columns, func(c column) string {
		s := spreadOf(ordered(c.figures(r.run.samples, reference, r.run.rounds)))
		if s.rounds == 0 {
			return "–"
		}
		return c.show(s.median)
	}))
	b.WriteString("\n")
}

func row(b *strings.Builder, head string, cells []string) {
	fmt.Fprintf(b, "| %s | %s |\n", head, strings.Join(cells, " | "))
}

func each(columns []column, show func(column) string) []string {
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = show(c)
	}
	return cells
}

// title is the head of a server's row; a dagger marks those that cannot greet.
func title(s server) string {
	if !s.greets {
		return s.title + " †"
	}
	return s.title
}

func (r *report) cell(s server, c column) string {
	spread := spreadOf(c.values(r.run.samples, s.name, r.run.rounds))
	if spread.rounds > 0 {
		if spread.rounds == 1 || spread.min == spread.max {
			return c.cell(spread.median)
		}
		return fmt.Sprintf("%s (%s–%s)", c.cell(spread.median), c.cell(spread.min), c.cell(spread.max))
	}
	for _, f := range r.run.failures {
		if f.server == s.name && slices.Contains(c.works, f.work) {
			return "failed"
		}
	}
	return "–"
}

// verdict says whether parley reaches the column's target: pass, miss, or noisy, where the reference was too far from
// itself to tell.
func (r *report) verdict(c column) string {
	spread := spreadOf(c.values(r.run.samples, judged, r.run.rounds))
	switch {
	case spread.rounds == 0:
		return "–"
	case c.noise(r.run.samples, r.run.rounds) > r.noiseLimit:
		return "noisy"
	case c.reached(spread.median):
		return "✓ pass"
	default:
		return "✗ miss"
	}
}

func (r *report) notes(b *strings.Builder) {
	var noisy []string
	for _, c := range r.columns {
		if n := c.noise(r.run.samples, r.run.rounds); n > r.noiseLimit {
			noisy = append(noisy, fmt.Sprintf("%s (%.1f %%)", c.title, n*100))
		}
	}
	if len(noisy) > 0 {
		fmt.Fprintf(b, "The machine was too noisy to conclude about these, in which the reference differed from itself, in the median round, by\n"+
			"more than %.0f %%: %s.\n\n", r.noiseLimit*100, strings.Join(noisy, "; "))
	} else {
		fmt.Fprintf(b, "No measure had the reference differ from itself, in the median round, by more than %.0f %%.\n\n", r.noiseLimit*100)
	}
	b.WriteString("† does not greet: its connections in the columns of connect and close are one write cheaper than the others'.\n")
	b.WriteString("–: not asked for, see README.md.\n\n")

	if slices.ContainsFunc(r.run.servers, func(s server) bool { return s.slow }) && r.run.rounds > slowRounds {
		fmt.Fprintf(b, "Took part in the first %d rounds only: %s.\n\n", slowRounds, r.titles(func(s server) bool { return s.slow }))
	}
	var versions []string
	for _, s := range r.run.servers {
		if v := r.versions[s.name]; v != "" && s.name != referenceAgain {
			versions = append(versions, s.title+": "+v)
		}
	}
	fmt.Fprintf(b, "Versions: %s.\n", strings.Join(versions, "; "))
	if len(r.absent) > 0 {
		b.WriteString("\nNot there:\n\n")
		for _, a := range r.absent {
			fmt.Fprintf(b, "- %s: %s\n", a.title, oneLine(a.err))
		}
	}
	if len(r.run.failures) > 0 {
		b.WriteString("\nFailed:\n\n")
		for _, f := range r.run.failures {
			fmt.Fprintf(b, "- %s, %s, round %d: %s\n", f.server, f.work, f.round+1, oneLine(f.err))
		}
	}
}

func (r *report) titles(which func(server) bool) string {
	var titles []string
	for _, s := range r.run.servers {
		if which(s) {
			titles = append(titles, s.title)
		}
	}
	return strings.Join(titles, ", ")
}

// oneLine shows an error in one line of Markdown.
func oneLine(err error) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(err.Error()), " "), "|", "\\|")
}
