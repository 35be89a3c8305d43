//go:build unix

package main_test

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	parley "parley/cmd/parley"
	"parley/config"
	"parley/handler"
)

// The manual pages and the shells' completions are made here, so that the daemon need not bring what makes them, and are kept
// in deploy/, so that a package needs no more than to copy them. -update writes them.
func TestManual(t *testing.T) {
	t.Parallel()
	root := parley.NewRoot(nil, os.Stdout)
	want := map[string][]byte{
		"man/parley.1":            rootPage(root),
		"completions/parley.bash": generated(t, func(b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) }),
		"completions/_parley":     generated(t, func(b *bytes.Buffer) error { return root.GenZshCompletion(b) }),
		"completions/parley.fish": generated(t, func(b *bytes.Buffer) error { return root.GenFishCompletion(b, true) }),
	}
	for _, command := range pageCommands(root) {
		want["man/parley-"+command.Name()+".1"] = commandPage(command)
	}

	const folder = "../../deploy"
	for _, name := range slices.Sorted(maps.Keys(want)) {
		file := filepath.Join(folder, name)
		if *update {
			must(t, os.MkdirAll(filepath.Dir(file), 0o755))
			must(t, os.WriteFile(file, want[name], 0o644))
		}
		got, err := os.ReadFile(file)
		must(t, err)
		if diff := gocmp.Diff(string(want[name]), string(got)); diff != "" {
			t.Errorf("deploy/%s is not current, -update writes it (-want +file):\n%s", name, diff)
		}
	}
	for _, pattern := range []string{"man/*", "completions/*"} {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		must(t, err)
		for _, file := range files {
			if name, err := filepath.Rel(folder, file); err != nil || want[filepath.ToSlash(name)] == nil {
				t.Errorf("%s is of no command (%v)", file, err)
			}
		}
	}
}

func generated(t *testing.T, write func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, write(&b))
	return b.Bytes()
}

// pageCommands are those with a page of their own: the others have nothing to explain.
func pageCommands(root *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(root.Commands()), func(c *cobra.Command) bool { return c.Long == "" || !c.IsAvailableCommand() })
}

// rootPage is the page of the program.
func rootPage(root *cobra.Command) []byte {
	p := newPage("parley", root.Short)
	p.section("SYNOPSIS")
	p.command("parley COMMAND [ARGUMENT ...]")
	p.section("DESCRIPTION")
	p.prose(root.Long)
	p.section("COMMANDS")
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			p.item(strings.TrimPrefix(c.UseLine(), "parley "), c.Short+".")
		}
	}
	p.section("EXIT STATUS")
	p.item("0", "After a signal, or when a handler has finished.")
	p.item("1", "Something went wrong at run time, or a second signal ended the drain.")
	p.item("2", "What was typed or configured makes no sense.")
	p.prose("parley probe has a status for each thing that can be wrong: see parley-probe(1).")
	p.section("FILES")
	p.item("/etc/default/parley", "The variables of the service, each with its default.")
	p.section("SEE ALSO")
	var pages []string
	for _, c := range pageCommands(root) {
		pages = append(pages, "parley-"+c.Name()+"(1)")
	}
	p.prose(strings.Join(pages, ", "))
	return p.Bytes()
}

// commandPage is the page of one command.
func commandPage(c *cobra.Command) []byte {
	p := newPage("parley-"+c.Name(), c.Short)
	p.section("SYNOPSIS")
	p.command(strings.TrimSuffix(c.UseLine(), " [flags]") + " [FLAG ...]")
	p.section("DESCRIPTION")
	p.prose(c.Long)
	p.section("OPTIONS")
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			p.flag(f)
		}
	})
	if c.Name() == "serve" {
		p.section("HANDLERS")
		for _, name := range slices.Sorted(maps.Keys(handler.Kinds)) {
			p.item(name, handler.Kinds[name].Summary)
		}
		p.section("ENVIRONMENT")
		p.prose("A flag wins over its variable. Limits, timeouts, lists, PROXY protocol and TLS are also keys of a listener, under their lower-case name: echo://:12000?idle_timeout=1m.")
		for _, v := range config.Variables() {
			p.item(fmt.Sprintf("%s=%s", v.Name, v.Default), v.Doc+" ("+v.Type+")")
		}
	}
	if c.Example != "" {
		p.section("EXAMPLES")
		p.verbatim(c.Example)
	}
	p.section("SEE ALSO")
	p.prose("parley(1)")
	return p.Bytes()
}

// A page is a manual page in the language of man(7).
type page struct{ bytes.Buffer }

func newPage(name, short string) *page {
	p := new(page)
	p.WriteString(".\\\" Made from the command by go test ./cmd/parley -run TestManual -update\n")
	fmt.Fprintf(p, ".TH %s 1 \"\" parley \"parley manual\"\n", strings.ToUpper(roff(name)))
	p.section("NAME")
	short = strings.ToLower(short[:1]) + short[1:]
	fmt.Fprintf(p, "%s \\- %s\n", roff(name), roff(short))
	return p
}

func (p *page) section(title string) { fmt.Fprintf(p, ".SH %s\n", title) }

// command writes a line as it is typed.
func (p *page) command(line string) {
	name, rest, _ := strings.Cut(line, " ")
	fmt.Fprintf(p, "\\fB%s\\fR %s\n", roff(name), roff(rest))
}

// item writes a term and what it means.
func (p *page) item(term, meaning string) {
	fmt.Fprintf(p, ".TP\n\\fB%s\\fR\n%s\n", roff(term), roff(meaning))
}

func (p *page) flag(f *pflag.Flag) {
	name, usage := pflag.UnquoteUsage(f)
	term := "--" + f.Name
	if f.Shorthand != "" {
		term = "-" + f.Shorthand + ", " + term
	}
	if f.NoOptDefVal == "" { // else it stands alone
		term += " " + cmp.Or(name, "value")
	}
	if f.DefValue != "" && f.DefValue != "0" && f.DefValue != "false" && !strings.Contains(usage, "(default") {
		usage += " (default " + f.DefValue + ")"
	}
	p.item(term, usage)
}

// prose writes paragraphs; a line that begins with a space stays as it is.
func (p *page) prose(text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			p.WriteString(".PP\n")
		}
		asItIs := false
		for line := range strings.Lines(paragraph) {
			if indented := strings.HasPrefix(line, " "); indented != asItIs {
				asItIs = indented
				p.WriteString(map[bool]string{true: ".RS 2\n.nf\n", false: ".fi\n.RE\n"}[asItIs])
			}
			p.WriteString(roff(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "  ")) + "\n")
		}
		if asItIs {
			p.WriteString(".fi\n.RE\n")
		}
	}
}

// verbatim writes lines as they are.
func (p *page) verbatim(text string) {
	p.WriteString(".nf\n")
	for line := range strings.Lines(text) {
		p.WriteString(roff(strings.TrimSuffix(line, "\n")) + "\n")
	}
	p.WriteString(".fi\n")
}

// roff escapes a line of text: a hyphen stays one that can be copied, and a line never begins as a request does.
func roff(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	return line
}
