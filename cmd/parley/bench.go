package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"parley/client"
	"parley/protocol"
	"parley/server"
)

// A benchCommand is what was typed.
type benchCommand struct {
	load              client.Load
	churn, bulk, idle bool
	greeting          string // on, off or auto
	maxP99            time.Duration
	maxErrors         int // more fail; negative: none do
	json              bool
	html              string // the file of the page; empty: none
	environ           []string
	stdout            io.Writer
	progress          *os.File // a terminal; nil: nobody looks
}

const bulkSize = 64 << 10

func newBench(environ []string) *cobra.Command {
	b := benchCommand{environ: environ}
	cmd := &cobra.Command{
		Use:   "bench {HOST:PORT | HOST PORT | SOCKET}",
		Short: "Load an endpoint that echoes and measure how it answers",
		Long: `Load an endpoint that echoes: open connections, send messages, check every byte
of every answer, and print how many there were, how long they took and what went
wrong. What an answer looks like is learned from the first one: the message
itself, with or without something around it, such as "ECHO: ".

Each connection sends its next message when the answer to the one before has
come. This tells how fast the server can be, but a server that stalls is also
asked less while it does. With --rate messages are due at fixed times, whatever
the server does, and latency counts from the time a message was DUE: one that
had to wait for a slow answer in front of it counts with its wait, and so does
one that could not be sent before the end. The row "lag" is how late messages
were sent that could have been sent on time: what of it is bench's own doing.

A connection that fails is counted and not opened again. --max-errors and
--max-p99 make the exit status a gate for a pipeline:

  0 ok   1 a gate has failed   2 usage

and where the first connection cannot be opened or does not echo, the status is
that of "parley probe". Ctrl-C ends the load early, with the summary.

Every flag is also a variable: --max-p99 is PARLEY_BENCH_MAX_P99. A flag wins.`,
		Example: `  parley bench 10.0.0.5:12000
  parley bench -c 1000 --rate 20000 --max-p99 5ms 10.0.0.5:12000
  parley bench --churn -d 30s --json 10.0.0.5:12000
  parley bench --churn --ca ca.pem lab.test:7443         # TLS handshakes a second
  parley bench --bulk --html report.html 10.0.0.5:7007   # echo://:7007?wire=raw&prefix=`,
		Args: peerArguments(1, "HOST:PORT or HOST PORT"),
	}
	flags := cmd.Flags()
	countFlag(flags, &b.load.Connections, "connections", "c", 10, "how many at a time")
	sizeFlag(flags, &b.load.Size, "size", "s", 64, "bytes of a message, with what ends it; with --bulk 65536 unless given")
	durationFlag(flags, &b.load.Duration, "duration", "d", 10*time.Second, "how long, from the moment that all connections stand")
	durationFlag(flags, &b.load.Warmup, "warmup", "", 0, "how long before that nothing is measured yet")
	rateFlag(flags, &b.load.Rate, "rate", "messages a second over all connections, 0: as many as are answered")
	booleanFlag(flags, &b.churn, "churn", "", "open a connection for each message, and close it")
	booleanFlag(flags, &b.bulk, "bulk", "", "send without waiting for answers, as fast as the server takes it")
	booleanFlag(flags, &b.idle, "idle", "", "hold the connections, with one message at the beginning and one at the end")
	durationFlag(flags, &b.load.Timeout, "timeout", "", 10*time.Second, "how long connecting, the greeting and an answer may each take")
	durationFlag(flags, &b.maxP99, "max-p99", "", 0, "status 1 if more than 1 in 100 answers took longer, 0: however long")
	countFlag(flags, &b.maxErrors, "max-errors", "", 0, "status 1 if more connections failed, -1: however many (default 0: none may fail)")
	booleanFlag(flags, &b.json, "json", "", "print one JSON object")
	flags.StringVar(&b.html, "html", "", "write a page with the figures and a plot to this file")
	flags.StringVar(&b.load.Dialer.Wire, "wire", "", "speak "+wireNames()+" (default: as the greeting does)")
	flags.StringVar(&b.greeting, "greeting", "auto", "on: there must be one, off: do not wait for it, auto: there may be one within 300 ms")
	transport := transportFlags(flags)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if err := flagsFromEnvironment(cmd, environ); err != nil {
			return err
		}
		b.stdout = cmd.OutOrStdout()
		if screen, ok := cmd.ErrOrStderr().(*os.File); ok && term.IsTerminal(int(screen.Fd())) {
			b.progress = screen
		}
		if b.bulk && !flags.Changed("size") {
			b.load.Size = bulkSize
		}
		if err := b.check(); err != nil {
			return err
		}
		if b.html != "" {
			if err := checkPage(b.html); err != nil {
				return fmt.Errorf("--html=%s: %w", b.html, err)
			}
		}
		if err := transport(&b.load.Dialer); err != nil {
			return err
		}
		if b.load.Address, err = peerAddress(args); err != nil {
			return err
		}
		return b.run(cmd.Context())
	}
	return cmd
}

// filesBeside are those that the process needs beside its connections.
const filesBeside = 32

// check returns what is wrong with the flags, and sets what follows from them.
func (b *benchCommand) check() error {
	modes := 0
	for _, m := range []struct {
		chosen bool
		mode   client.LoadMode
	}{{b.churn, client.LoadChurn}, {b.bulk, client.LoadBulk}, {b.idle, client.LoadIdle}} {
		if m.chosen {
			b.load.Mode = m.mode
			modes++
		}
	}
	l := &b.load
	switch files := openFiles(); {
	case modes > 1, modes == 1 && l.Rate != 0:
		return errors.New("--rate, --churn, --bulk and --idle exclude each other")
	case l.Connections < 1:
		return fmt.Errorf("--connections=%d: want 1 or more", l.Connections)
	case int64(l.Connections) > files-filesBeside:
		return fmt.Errorf("--connections=%d: this process may open %d files, and needs %d beside its connections (see ulimit -n)",
			l.Connections, files, filesBeside)
	case l.Size < 1:
		return fmt.Errorf("--size=%d: want 1 or more", l.Size)
	case l.Duration <= 0:
		return fmt.Errorf("--duration=%v: want more than 0", l.Duration)
	case l.Warmup < 0:
		return fmt.Errorf("--warmup=%v: want 0 or more", l.Warmup)
	case !(l.Rate >= 0):
		return fmt.Errorf("--rate=%g: want 0 or more", l.Rate)
	case l.Timeout <= 0:
		return fmt.Errorf("--timeout=%v: want more than 0", l.Timeout)
	case b.maxP99 > 0 && b.bulk:
		return errors.New("--max-p99: with --bulk no answer is timed")
	case b.maxP99 < 0:
		return fmt.Errorf("--max-p99=%v: want 0 or more", b.maxP99)
	}
	switch b.greeting {
	case "on":
		l.Dialer.Silence = l.Timeout
		l.MustGreet = true
	case "off":
		l.Dialer.NoGreeting = true
	case "auto":
	default:
		return fmt.Errorf("--greeting=%q: want on, off or auto", b.greeting)
	}
	return checkWire(l.Dialer.Wire)
}

// run keeps the load up and prints what comes of it.
func (b *benchCommand) run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // A second signal ends at once.

	if b.progress != nil {
		b.load.Progress = progressLine(b.progress, b.load)
	}
	result, err := b.load.Run(ctx)
	if b.progress != nil {
		fmt.Fprint(b.progress, clearLine)
	}
	if err != nil {
		if e, ok := errors.AsType[*client.Error](err); ok {
			if b.json {
				if err := b.print(result); err != nil {
					return runError(err)
				}
			}
			if told, ok := errors.AsType[protocol.Error](err); ok && told.Reason == server.LineTooLong.String() && told.Limit > 0 {
				err = fmt.Errorf("%w: use -s %d, or a raw listener", err, told.Limit)
			}
			return statusError{exitStatuses[e.Kind], err}
		}
		return err
	}
	if err := b.print(result); err != nil {
		return runError(err)
	}
	if b.html != "" {
		if err := writePage(b.html, result, time.Now()); err != nil {
			return runError(err)
		}
	}
	return runError(b.judge(result))
}

// print prints the result.
func (b *benchCommand) print(result *client.LoadResult) error {
	text := result.String()
	if b.json {
		object, err := json.Marshal(result)
		if err != nil {
			return err
		}
		text = string(object) + "\n"
	} else if chart := barChart(result, isUTF8(b.environ)); chart != "" {
		text += "\n" + chart
	}
	_, err := io.WriteString(b.stdout, text)
	return err
}

// judge returns the gates that have failed.
func (b *benchCommand) judge(r *client.LoadResult) error {
	var failed []error
	if n := r.ErrorCount(); b.maxErrors >= 0 && n > b.maxErrors {
		failed = append(failed, fmt.Errorf("--max-errors=%d: there were %d", b.maxErrors, n))
	}
	if p99 := r.Echo.Percentile(99); b.maxP99 > 0 && p99 > b.maxP99 {
		failed = append(failed, fmt.Errorf("--max-p99=%v: it was %sms", b.maxP99, milliseconds(p99)))
	}
	if b.maxP99 > 0 && r.Echo.Count() == 0 {
		failed = append(failed, fmt.Errorf("--max-p99=%v: nothing was answered", b.maxP99))
	}
	return errors.Join(failed...)
}
