package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"parley/client"
	"parley/protocol"
	"parley/roster"
)

// How a watch keeps time.
const (
	tryAgain = time.Second            // until it looks whether a server that was lost is back, or answers again
	redraw   = 250 * time.Millisecond // between two looks whether there is something to draw
)

// follow watches until ctx ends, which is no error. What goes wrong before the first event ends it; later it tries again.
func (w *whoCommand) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, ends := make(chan event), make(chan error)
	go w.listen(ctx, events, ends)
	var watch watcher = &reporter{who: w}
	switch {
	case w.json:
		watch = jsonPrinter{w}
	case w.screen != nil:
		watch = &drawer{who: w}
	}
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for begun := false; ; {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case e := <-events:
			begun = true
			err = watch.take(ctx, e)
		case <-tick.C:
			err = watch.tick(ctx)
		case err = <-ends:
			if !begun {
				return err
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if lost, ok := errors.AsType[*client.Error](err); ok {
			watch.lost(lost)
		} else if err != nil {
			return err
		}
	}
}

// listen gives the events of the server until ctx ends, and of each stream how it ended.
func (w *whoCommand) listen(ctx context.Context, events chan<- event, ends chan<- error) {
	var id string
	for ctx.Err() == nil {
		err := w.side.events(ctx, &id, func(e event) error {
			select {
			case events <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		select {
		case ends <- err:
		case <-ctx.Done():
		}
		select {
		case <-time.After(tryAgain):
		case <-ctx.Done():
		}
	}
}

// A watcher shows what happens.
type watcher interface {
	// take takes an event.
	take(ctx context.Context, e event) error
	// tick is called now and then.
	tick(ctx context.Context) error
	// lost tells that the server was lost, or is still.
	lost(err *client.Error)
}

// A jsonPrinter prints the data of events as they come, each with its event's name.
type jsonPrinter struct{ who *whoCommand }

func (p jsonPrinter) take(_ context.Context, e event) error {
	object := make(map[string]json.RawMessage)
	if err := json.Unmarshal(e.data, &object); len(e.data) > 0 && err != nil {
		return client.NewAnswerError(p.who.side.address, "an event that is not what parley's would be")
	}
	object["event"] = json.RawMessage(strconv.Quote(e.name))
	return runError(printJSON(p.who.stdout, object))
}

func (jsonPrinter) tick(context.Context) error { return nil }

func (p jsonPrinter) lost(err *client.Error) {
	fmt.Fprintf(p.who.stderr, "parley: %v\n", err)
}

// A drawer draws the roll on a terminal whenever it changes, and each second for the times in it: a line a client, as far as there is
// room.
type drawer struct {
	who     *whoCommand
	roll    *roster.Page
	changed bool      // since the roll was got
	next    time.Time // when it is asked for again, where that went wrong
	away    *client.Error
	since   time.Time // of away
	drawn   time.Time
	asked   time.Time // when the roll was
}

// screenful is as many clients as any terminal has room for.
const screenful = 200

func (d *drawer) take(_ context.Context, e event) error {
	if e.name != "bye" {
		d.changed = true
	}
	return nil
}

func (d *drawer) tick(ctx context.Context) error {
	if d.changed && !time.Now().Before(d.next) {
		most := screenful
		if d.who.limit > 0 {
			most = min(most, d.who.limit)
		}
		roll, err := d.who.roll(ctx, most)
		if err != nil {
			d.next = time.Now().Add(tryAgain)
			return err
		}
		d.changed, d.away = false, nil
		d.roll, d.asked = roll, time.Now()
		return d.draw()
	}
	if d.roll != nil && time.Since(d.drawn) >= time.Second {
		return d.draw()
	}
	return nil
}

func (d *drawer) lost(err *client.Error) {
	if d.away == nil {
		d.since = time.Now()
	}
	d.away = err
}

// draw ends each line where nothing of the one before is left, and so the screen: it does not flicker as if it were cleared.
func (d *drawer) draw() error {
	t := table{wide: d.who.wide}
	if columns, rows, err := term.GetSize(int(d.who.screen.Fd())); err == nil {
		t.columns, t.rows = columns, max(rows-2, 3)
	}
	now := *d.roll
	head := ""
	if d.away != nil {
		head = fmt.Sprintf("lost since %s, trying again: %s", shortSpan(time.Since(d.since)), d.away.Why())
	} else {
		now.Time = roster.Time{Time: now.Time.Add(time.Since(d.asked))}
	}
	head = cut(protocol.Printable(head, d.who.wide), t.columns) + "\n"
	d.drawn = time.Now()
	_, err := fmt.Fprint(d.who.stdout, "\x1b[H", strings.ReplaceAll(t.text(&now)+head, "\n", "\x1b[K\n"), "\x1b[J")
	return runError(err)
}

// A reporter prints a line for each client that is there, comes or leaves.
type reporter struct {
	who   *whoCommand
	epoch string    // of the server of which it has printed who is there
	owed  string    // that of one of which it has not; empty: none
	next  time.Time // when it asks for that again
	away  bool
}

func (r *reporter) take(ctx context.Context, e event) error {
	switch e.name {
	case "hello":
		return r.begin(ctx, e.data)
	case "reset":
		fmt.Fprintln(r.who.stderr, "parley: who came and left meanwhile is not known")
	case "roster":
		change := new(roster.Change)
		if err := json.Unmarshal(e.data, change); err != nil {
			return client.NewAnswerError(r.who.side.address, "an event that is not what parley's would be")
		}
		return r.report(change)
	}
	return nil
}

// begin prints who is there where that is not known: at the beginning, and when the server is another one.
func (r *reporter) begin(ctx context.Context, data []byte) error {
	hello := new(roster.Hello)
	if err := json.Unmarshal(data, hello); err != nil {
		return client.NewAnswerError(r.who.side.address, "an event that is not what parley's would be")
	}
	if r.epoch == hello.Epoch {
		r.back()
		return nil
	}
	r.owed = hello.Epoch
	return r.list(ctx)
}

// list prints who is there, which is owed until it is known.
func (r *reporter) list(ctx context.Context) error {
	roll, err := r.who.roll(ctx, r.who.limit)
	if err != nil {
		r.next = time.Now().Add(tryAgain)
		return err
	}
	r.back()
	r.epoch, r.owed = r.owed, ""
	for i := range roll.Clients {
		what := "here"
		if !roll.Clients[i].End.IsZero() {
			what = "left"
		}
		if err := r.print(what, &roll.Clients[i], roll.Time.Time); err != nil {
			return err
		}
	}
	return nil
}

func (r *reporter) tick(ctx context.Context) error {
	if r.owed == "" || time.Now().Before(r.next) {
		return nil
	}
	return r.list(ctx)
}

func (r *reporter) report(change *roster.Change) error {
	for _, list := range []struct {
		what    string
		records []roster.Record
		more    int
	}{{"came", change.Joined, change.More.Joined}, {"left", change.Left, change.More.Left}} {
		for i := range list.records {
			if !r.who.wants(&list.records[i]) {
				continue
			}
			if err := r.print(list.what, &list.records[i], change.Time.Time); err != nil {
				return err
			}
		}
		if list.more > 0 {
			fmt.Fprintf(r.who.stderr, "parley: %d more %s at once\n", list.more, list.what)
		}
	}
	return nil
}

func (r *reporter) print(what string, record *roster.Record, now time.Time) error {
	at := record.Since.Time
	if what == "left" {
		at = record.End.Time
	}
	words := []string{moment(at, now), what, strconv.FormatUint(record.ClientID, 10)}
	if name := person(record); name != "" {
		words = append(words, name)
	}
	words = append(words, address(record), record.Listener)
	if what == "left" {
		words = append(words, record.Reason)
	}
	_, err := fmt.Fprintln(r.who.stdout, protocol.Printable(strings.Join(words, "  "), r.who.wide))
	return runError(err)
}

func (r *reporter) lost(err *client.Error) {
	if !r.away {
		fmt.Fprintf(r.who.stderr, "parley: lost, trying again: %v\n", err)
	}
	r.away = true
}

// back tells that the server is back, if it was lost.
func (r *reporter) back() {
	if r.away {
		fmt.Fprintln(r.who.stderr, "parley: the server is back")
	}
	r.away = false
}

// wants reports whether a client is one of those that were asked for, by the rules of /clients.
func (w *whoCommand) wants(r *roster.Record) bool {
	one := func(of []string, what string) bool { return len(of) == 0 || slices.Contains(of, what) }
	if !one(w.listeners, r.Listener) || !one(w.handlers, r.Handler) || !one(w.reasons, r.Reason) {
		return false
	}
	if w.text == "" || w.text == strconv.FormatUint(r.ClientID, 10) {
		return true
	}
	text := strings.ToLower(w.text)
	return slices.ContainsFunc([]string{r.You, r.Via, r.Name, r.Email, r.Listener, r.Reason, r.SNI, r.ClientCN}, func(s string) bool {
		return strings.Contains(strings.ToLower(s), text)
	})
}
