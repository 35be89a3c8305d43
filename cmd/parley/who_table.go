package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"parley/protocol"
	"parley/roster"
)

// A table prints a roll.
type table struct {
	wide    bool // not only ASCII
	columns int  // of the terminal, where lines are cut; 0: they are not
	rows    int  // of the terminal, likewise
}

var whoColumns = []string{"ID", "NAME", "ADDRESS", "LISTENER", "SINCE", "IDLE", "MESSAGES", "BYTES", "STATE"}

// The columns whose cells stand at the right.
var whoNumbers = []int{0, 5, 6, 7}

// narrow is the least that a column is cut to.
const narrow = 24

// text is the roll: a line of sums, a head, and a line a client.
func (t table) text(roll *roster.Page) string {
	lines := []string{summary(roll)}
	if len(roll.Clients) > 0 {
		lines = append(lines, t.lines(roll)...)
	}
	if left := roll.Matched.Open + roll.Matched.Closed - len(roll.Clients); left > 0 {
		lines = append(lines, fmt.Sprintf("... and %d more", left))
	}
	if t.rows > 0 && len(lines) > t.rows {
		hidden := roll.Matched.Open + roll.Matched.Closed - (t.rows - 3)
		lines = append(lines[:t.rows-1], fmt.Sprintf("... and %d more", hidden))
	}
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(cut(strings.TrimRight(protocol.Printable(line, t.wide), " "), t.columns) + "\n")
	}
	return b.String()
}

// lines are the head and the clients, each cell as wide as the widest of its column. A column in which nobody has anything is left out.
func (t table) lines(roll *roster.Page) []string {
	cells := [][]string{whoColumns}
	for i := range roll.Clients {
		row := whoRow(&roll.Clients[i], roll.Time.Time)
		for j := range row {
			row[j] = protocol.Printable(row[j], t.wide)
			if t.columns > 0 && j < len(row)-1 {
				row[j] = cut(row[j], max(t.columns/3, narrow)) // One long name is not to keep all else from sight.
			}
		}
		cells = append(cells, row)
	}
	lines := make([]string, len(cells))
	for column := range whoColumns {
		width, used := 0, false
		for i, row := range cells {
			width = max(width, utf8.RuneCountInString(row[column]))
			used = used || i > 0 && row[column] != ""
		}
		if !used {
			continue
		}
		for i, row := range cells {
			space := strings.Repeat(" ", width-utf8.RuneCountInString(row[column]))
			if slices.Contains(whoNumbers, column) {
				lines[i] += space + row[column] + "  "
			} else {
				lines[i] += row[column] + space + "  "
			}
		}
	}
	return lines
}

func whoRow(r *roster.Record, now time.Time) []string {
	idle := ""
	if r.End.IsZero() {
		idle = shortSpan(now.Sub(r.LastActive.Time))
	}
	return []string{
		strconv.FormatUint(r.ClientID, 10), person(r), address(r), r.Listener, moment(r.Since.Time, now), idle,
		fmt.Sprintf("%d/%d", r.MessagesReceived, r.MessagesSent),
		shortBytes(r.ReceivedBytes) + "/" + shortBytes(r.SentBytes),
		state(r, now),
	}
}

// person is how a client has introduced itself.
func person(r *roster.Record) string {
	switch {
	case r.Email == "":
		return r.Name
	case r.Name == "":
		return "<" + r.Email + ">"
	}
	return r.Name + " <" + r.Email + ">"
}

func address(r *roster.Record) string {
	if r.Via != "" {
		return r.You + " via " + r.Via
	}
	return r.You
}

// state is whether a client is here, or when and why it left, and what else is to be known of its connection.
func state(r *roster.Record, now time.Time) string {
	words := []string{"here"}
	if !r.End.IsZero() {
		words[0] = "left " + moment(r.End.Time, now)
		if r.Duration != nil {
			words[0] += " after " + shortSpan(time.Duration(*r.Duration*float64(time.Second)))
		}
		words[0] += ": " + r.Reason
	}
	for _, more := range []struct{ what, said string }{
		{"tls", r.TLS}, {"sni", r.SNI}, {"client_cn", r.ClientCN}, {"fault", r.Fault}, {"message", r.Message},
	} {
		if more.said != "" {
			words = append(words, more.what+" "+more.said)
		}
	}
	return strings.Join(words, ", ")
}

// summary is what there is to say of all clients, in one line.
func summary(roll *roster.Page) string {
	t := roll.Totals
	line := fmt.Sprintf("%s: %d here, %d came, %d left", roll.Name, t.Active, t.Accepted, t.Closed)
	reasons := slices.SortedFunc(maps.Keys(t.ClosedByReason), func(a, b string) int {
		if n := int(t.ClosedByReason[b]) - int(t.ClosedByReason[a]); n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	for i, reason := range reasons {
		reasons[i] = fmt.Sprintf("%s %d", reason, t.ClosedByReason[reason])
	}
	if len(reasons) > 0 {
		line += " (" + strings.Join(reasons, ", ") + ")"
	}
	if roll.Draining {
		line += ", draining"
	}
	return fmt.Sprintf("%s, up %s", line, shortSpan(roll.Time.Sub(roll.Started.Time)))
}

// moment is a time of day here, and the date where that is not today's.
func moment(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// shortSpan is a duration in at most two units: 37ms, 0.4s, 12s, 3m20s, 2h5m, 4d6h.
func shortSpan(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "0s"
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%dms", d/time.Millisecond)
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Truncate(100*time.Millisecond).Seconds(), 'f', -1, 64) + "s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// shortBytes is a size in three digits or so: 512B, 1.5KiB, 23MiB.
func shortBytes(n uint64) string {
	if n < 1000 {
		return fmt.Sprintf("%dB", n)
	}
	size, unit := float64(n), -1
	for ; size >= 1000 && unit < 5; unit++ {
		size /= 1024
	}
	digits := 0
	if size < 10 {
		digits = 1
	}
	return strconv.FormatFloat(size, 'f', digits, 64) + []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}[unit]
}

// cut leaves at most so many characters of a line, 0: all.
func cut(line string, columns int) string {
	if columns <= 0 || utf8.RuneCountInString(line) <= columns {
		return line
	}
	return string([]rune(line)[:columns])
}
