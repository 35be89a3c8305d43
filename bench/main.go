//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The exit statuses.
const (
	exitOK    = 0
	exitRun   = 1 // something went wrong, or --quick found parley over its bound
	exitUsage = 2
)

func init() {
	// Children are killed when the thread that forked them ends (see command): this one stays.
	runtime.LockOSThread()
}

func main() {
	// SIGPIPE: whoever read what is printed is gone.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	err := compare(ctx, os.Args[1:], os.Stdout)
	stop()
	os.Exit(exitStatus(err))
}

// exitStatus says what went wrong, if anything did, and returns the status to exit with.
func exitStatus(err error) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitRun
}

// A usageError is about what was typed.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// options is what was typed.
type options struct {
	only, servers string // names separated by commas; empty: all
	rounds        int
	duration      time.Duration
	noise         float64 // in percent
	quick         bool
	bound         float64
	out           string // file of the report; empty: see reportFile
	parley        string // a ready parley; empty: build it
	list          bool
}

func parseOptions(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench/run", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.only, "only", "", "measures to take, separated by commas (default all; see --list)")
	flags.StringVar(&o.servers, "servers", "", "servers besides the reference, separated by commas (default all; see --list)")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds")
	flags.DurationVar(&o.duration, "duration", time.Second, "how long to measure each cell")
	flags.Float64Var(&o.noise, "noise", 5, "percent by which the reference may differ from itself in a measure that counts")
	flags.BoolVar(&o.quick, "quick", false, "short: only whether parley costs more than plain Go by more than --bound; exit 1 if so")
	flags.Float64Var(&o.bound, "bound", 1.5, "with --quick: the most that parley may cost, plain Go being 1")
	flags.StringVar(&o.out, "out", "", "file to write the table to (default RESULTS.md beside this program's source when all is measured, else none)")
	flags.StringVar(&o.parley, "parley", "", "a built parley to measure instead of this repository's")
	flags.BoolVar(&o.list, "list", false, "list measures and servers")
	if err := flags.Parse(args); err != nil {
		return o, usageError{err}
	}
	if flags.NArg() > 0 {
		return o, usageError{fmt.Errorf("no arguments are taken, and %q was given", flags.Arg(0))}
	}
	if o.quick {
		given := make(map[string]bool)
		flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
		for name, value := range map[string]string{
			"only": quickColumns, "servers": guarded + "," + guardedAgainst, "rounds": fmt.Sprint(quickRounds), "duration": quickDuration,
		} {
			if !given[name] {
				if err := flags.Set(name, value); err != nil {
					return o, err
				}
			}
		}
	}
	if o.rounds < 1 || o.duration <= 0 || o.noise <= 0 || o.bound <= 0 {
		return o, usageError{errors.New("rounds, duration, noise and bound are positive")}
	}
	return o, nil
}

// reportFile is where the report goes: what was asked for, or RESULTS.md if the run is a whole one; empty: nowhere.
func (o options) reportFile(module string) string {
	if o.out == "" && o.only == "" && o.servers == "" && !o.quick {
		return filepath.Join(module, "RESULTS.md")
	}
	return o.out
}

// compare is the whole program but for the process's own affairs.
func compare(ctx context.Context, args []string, out io.Writer) error {
	shop, err := openWorkshop()
	if err != nil {
		return err
	}
	defer shop.close()
	o, err := parseOptions(args, os.Stderr)
	if err != nil {
		return err
	}
	if o.list {
		printNames(out)
		return nil
	}
	chosen, err := choose(o.only, columns(), func(c column) string { return c.name })
	if err != nil {
		return usageError{fmt.Errorf("--only: %w", err)}
	}
	taking, err := chooseServers(o.servers)
	if err != nil {
		return usageError{fmt.Errorf("--servers: %w", err)}
	}

	r := report{began: time.Now(), command: strings.Join(append([]string{"bench/run"}, args...), " "), columns: chosen, noiseLimit: o.noise / 100}
	if r.machine, err = machine(); err != nil {
		return err
	}
	shop.parley = o.parley
	r.run = &runner{plan: plan{works: worksFor(chosen), rounds: o.rounds, duration: o.duration}, shop: shop}
	if r.run.cores, err = twoCores(); err != nil {
		return err
	}
	if err := errors.Join(adoptOrphans(), limitFiles()); err != nil {
		return err
	}
	if err := r.buildAll(ctx, out, taking); err != nil {
		return err
	}

	file := o.reportFile(shop.module)
	r.run.tell = teller(out)
	r.run.save = func() error {
		r.took = time.Since(r.began)
		return r.saveTo(file)
	}
	err = r.run.goThrough(ctx)
	r.interrupted = err != nil
	if err != nil {
		err = errors.Join(err, r.run.save())
	}
	fmt.Fprintln(out)
	switch {
	case o.quick:
		err = errors.Join(err, guard(out, chosen, r.run.samples, o.rounds, o.bound, r.noiseLimit))
	case file == "":
		err = errors.Join(err, r.write(out))
	}
	if file != "" {
		fmt.Fprintln(out, "written to", file)
	}
	if len(r.run.failures) > 0 {
		err = errors.Join(err, fmt.Errorf("%d samples could not be had", len(r.run.failures)))
	}
	return err
}

// teller prints a line for each sample.
func teller(out io.Writer) func(cell, sample, error) {
	return func(c cell, got sample, err error) {
		fmt.Fprintf(out, "round %d  %-14s %-16s ", c.round+1, c.work, c.server)
		switch {
		case err != nil:
			fmt.Fprintln(out, "failed:", oneLine(err))
		case got.resident != nil:
			fmt.Fprintf(out, "%.0f bytes a connection at %s\n", got.resident, list(idleCounts))
		case got.load.Operations == 0:
			fmt.Fprintf(out, "%.3f s/GB, %.2f GB/s\n", got.cpu.Seconds()*1e9/float64(got.load.Bytes), float64(got.load.Bytes)/1e9/got.load.Seconds)
		default:
			fmt.Fprintf(out, "%.2f µs, %.0f a second, p99 %.0f µs\n", perMessage(got), float64(got.load.Operations)/got.load.Seconds, got.load.Latency.P99)
		}
	}
}

// buildAll builds the load and all who take part. Those that cannot be had are noted, but nothing goes without the load
// and the reference.
func (r *report) buildAll(ctx context.Context, out io.Writer, taking []server) error {
	fmt.Fprintln(out, "building")
	if err := have("taskset", "util-linux"); err != nil {
		return err
	}
	if err := r.run.shop.compileC(ctx, "load", "load.c"); err != nil {
		return fmt.Errorf("building the load: %w", err)
	}
	r.versions = make(map[string]string)
	for _, s := range taking {
		version, err := s.build(ctx, r.run.shop)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			r.versions[s.name] = version
			r.run.servers = append(r.run.servers, s)
		case s.name == reference || s.name == referenceAgain || s.name == guarded:
			return fmt.Errorf("building %s: %w", s.name, err)
		default:
			fmt.Fprintf(out, "without %s: %s\n", s.title, oneLine(err))
			r.absent = append(r.absent, absence{s.title, err})
		}
	}
	return nil
}

// saveTo writes the report to a file, whole or not at all. An empty name writes nothing.
func (r *report) saveTo(name string) error {
	if name == "" {
		return nil
	}
	file, err := os.CreateTemp(filepath.Dir(name), ".results-*")
	if err != nil {
		return err
	}
	err = r.write(file)
	if err == nil {
		err = file.Chmod(0o644)
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // The error that matters is the first.
	}
	return err
}

// choose returns the things with the names, in their own order; all, if names is empty.
func choose[T any](names string, all []T, nameOf func(T) string) ([]T, error) {
	if names == "" {
		return all, nil
	}
	wanted := strings.Split(names, ",")
	chosen := slices.DeleteFunc(slices.Clone(all), func(t T) bool { return !slices.Contains(wanted, nameOf(t)) })
	for _, name := range wanted {
		if !slices.ContainsFunc(all, func(t T) bool { return nameOf(t) == name }) {
			var valid []string
			for _, t := range all {
				valid = append(valid, nameOf(t))
			}
			return nil, fmt.Errorf("there is no %q; valid: %s", name, strings.Join(valid, ", "))
		}
	}
	return chosen, nil
}

// chooseServers is choose, and the reference always takes part.
func chooseServers(names string) ([]server, error) {
	if names != "" {
		names = strings.Join([]string{reference, names, referenceAgain}, ",")
	}
	return choose(names, servers(), func(s server) string { return s.name })
}

// worksFor returns the works that the columns need.
func worksFor(columns []column) []work {
	return slices.DeleteFunc(works(), func(k work) bool {
		return !slices.ContainsFunc(columns, func(c column) bool { return slices.Contains(c.works, k.name) })
	})
}

func printNames(out io.Writer) {
	fmt.Fprintln(out, "measures:")
	for _, c := range columns() {
		fmt.Fprintf(out, "  %-16s %s\n", c.name, c.title)
	}
	fmt.Fprintln(out, "servers:")
	for _, s := range servers() {
		fmt.Fprintf(out, "  %-16s %s\n", s.name, s.title)
	}
}
