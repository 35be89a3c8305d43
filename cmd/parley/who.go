package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"parley/roster"
)

// A whoCommand is what was typed.
type whoCommand struct {
	side                         adminClient
	state                        roster.State
	listeners, handlers, reasons []string
	text, sort                   string
	limit                        int // 0: all
	watch, json                  bool
	wide                         bool     // the terminal shows more than ASCII
	screen                       *os.File // a terminal; nil: standard output is none
	stdout, stderr               io.Writer
}

// whoPassword is the variable that has the password for --user. There is no flag for it, which every user of the machine could read.
const whoPassword = "PARLEY_WHO_PASSWORD"

func newWho(environ []string) *cobra.Command {
	w := whoCommand{}
	access := whoAccess{environ: environ}
	closed := false
	cmd := &cobra.Command{
		Use:   "who [HOST:PORT | HOST PORT | URL]",
		Short: "Show who is connected to a running server",
		Long: `Show who is connected to a running server, in order of arrival, from its admin
side: without an address that of PARLEY_ADMIN on this machine. What clients say
of themselves is escaped where a terminal would act on it.

--watch follows: at a terminal it draws the roll again whenever something
changes, elsewhere it prints a line for each client that comes or leaves, with
--json one object for each event. It ends with Ctrl-C; when the server is lost
it tries again until it is back.

The exit status is 0, 1 for what went wrong here, 2 for what was typed, and
otherwise that of "parley probe" for the same fault: 3 dns, 4 refused,
5 timeout, 6 unreachable, 7 reset, 8 tls, 9 an answer that it should not be.

Every flag is also a variable: --listener is PARLEY_WHO_LISTENER. A flag wins.
The password for --user is ` + whoPassword + `.`,
		Example: `  parley who
  parley who --closed --reason idle_timeout 10.0.0.5:12001
  parley who -q example.org --sort -bytes
  parley who --watch --listener chat://:12000
  parley who --json | jq .totals
  parley who --ca ca.pem --user teacher https://lab.test:12001`,
		Args: peerArguments(0, "HOST:PORT, HOST PORT or a URL, or nothing: PARLEY_ADMIN; what to look for goes with -q"),
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&w.listeners, "listener", nil, "only clients of this listener, by its label; may be repeated")
	flags.StringArrayVar(&w.handlers, "handler", nil, "only clients of this handler; may be repeated")
	flags.StringArrayVar(&w.reasons, "reason", nil, "only those that left for this reason; may be repeated")
	flags.StringVarP(&w.text, "search", "q", "", "only those that have this in a name, an address, ...; or have this ID")
	booleanFlag(flags, &closed, "closed", "", "also the last that have left, and why")
	flags.StringVar(&w.sort, "sort", "", "by "+strings.Join(roster.SortKeys, ", ")+"; behind a hyphen: the other way round")
	countFlag(flags, &w.limit, "limit", "n", 0, "at most so many, 0: all")
	booleanFlag(flags, &w.watch, "watch", "w", "follow until Ctrl-C")
	booleanFlag(flags, &w.json, "json", "", "print one JSON object, as /clients has it; with --watch those of /events")
	durationFlag(flags, &w.side.timeout, "timeout", "", 5*time.Second, "how long an answer may take")
	access.addFlags(flags)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := flagsFromEnvironment(cmd, environ); err != nil {
			return err
		}
		log.SetOutput(io.Discard) // There package net/http tells of servers that speak before they are asked.
		w.stdout, w.stderr, w.wide = cmd.OutOrStdout(), cmd.ErrOrStderr(), isUTF8(environ)
		if out, ok := w.stdout.(*os.File); ok && term.IsTerminal(int(out.Fd())) {
			w.screen = out
		}
		w.state = roster.Open
		if closed {
			w.state = roster.All
		}
		if err := w.check(); err != nil {
			return err
		}
		if err := access.set(&w.side, args); err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		return connectError(w.run(ctx))
	}
	return cmd
}

// check returns what is wrong with the flags.
func (w *whoCommand) check() error {
	_, err := roster.Parse(w.query(0, 1), roster.Words{})
	switch {
	case w.side.timeout <= 0:
		return fmt.Errorf("--timeout=%v: want more than 0", w.side.timeout)
	case w.limit < 0:
		return fmt.Errorf("--limit=%d: want 0 or more", w.limit)
	case err != nil:
		return fmt.Errorf("--%w", err)
	case w.watch && w.json && len(w.listeners)+len(w.handlers)+len(w.reasons)+len(w.text)+len(w.sort)+w.limit > 0:
		return errors.New("--watch --json prints every event as it comes: leave out what chooses among clients")
	}
	for _, reason := range w.reasons {
		if !isReason(reason) {
			return fmt.Errorf("--reason=%q: unknown reason; valid: %s", reason, reasonNames())
		}
	}
	return nil
}

// query is what /clients is asked for a page.
func (w *whoCommand) query(offset, limit int) url.Values {
	state := w.state
	if len(w.reasons) > 0 {
		state = roster.Closed
	}
	query := url.Values{
		"state":  {string(state)},
		"offset": {strconv.Itoa(offset)},
		"limit":  {strconv.Itoa(limit)},
	}
	for key, values := range map[string][]string{"listener": w.listeners, "handler": w.handlers, "reason": w.reasons} {
		if len(values) > 0 {
			query[key] = values
		}
	}
	for key, value := range map[string]string{"q": w.text, "sort": w.sort} {
		if value != "" {
			query.Set(key, value)
		}
	}
	return query
}

func (w *whoCommand) run(ctx context.Context) error {
	if w.watch {
		return w.follow(ctx)
	}
	roll, err := w.roll(ctx, w.limit)
	if err != nil {
		return err
	}
	if w.json {
		return runError(printJSON(w.stdout, roll))
	}
	_, err = io.WriteString(w.stdout, table{wide: w.wide}.text(roll))
	return runError(err)
}

// roll asks for so many clients, 0: all, a page at a time. Who comes or leaves meanwhile may be missing.
func (w *whoCommand) roll(ctx context.Context, most int) (*roster.Page, error) {
	var roll *roster.Page
	known := make(map[uint64]bool)
	for offset := 0; ; {
		limit := roster.MaxLimit
		if most > 0 {
			limit = min(limit, most-offset)
		}
		page, err := w.side.clients(ctx, w.query(offset, limit))
		if err != nil {
			return nil, err
		}
		got := len(page.Clients)
		page.Clients = slices.DeleteFunc(page.Clients, func(r roster.Record) bool { return known[r.ClientID] })
		for _, r := range page.Clients {
			known[r.ClientID] = true
		}
		if roll != nil {
			page.Clients = append(roll.Clients, page.Clients...)
		}
		roll = page
		roll.Offset, roll.Limit = 0, len(roll.Clients)
		offset += got
		if got < limit || offset == most || offset >= page.Matched.Open+page.Matched.Closed {
			return roll, nil
		}
	}
}
