//go:build unix

package main_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A daemon is a parley serve that listens.
type daemon struct {
	*process
	addresses []string // where it listens, in the order of the listeners
	admin     string   // the URL of its admin side, empty if it has none
}

// listening finds in a log where the daemon listens, in either format.
var listening = regexp.MustCompile(`(?m)(admin )?listening(?:"|  ).*address"?[:=]"?([^", ]+)`)

// awaitDaemon waits until a process that was launched as a daemon listens. Its admin side is the last to say so.
func awaitDaemon(p *process) *daemon {
	p.t.Helper()
	d := &daemon{process: p}
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.t.Logf("%v\nstdout:\n%s\nstderr:\n%s", p.cmd, tail(p.stdout.String()), tail(p.stderr.String()))
		}
	})
	d.readLog(p.stdout)
	return d
}

// tail returns the end of a text that may be long.
func tail(s string) string {
	const enough = 8 << 10
	if len(s) > enough {
		return "...\n" + s[len(s)-enough:]
	}
	return s
}

func (d *daemon) readLog(log *transcript) {
	d.t.Helper()
	listeners := d.listeners()
	eventually(d.t, "the daemon listens", func() bool {
		d.addresses, d.admin = nil, ""
		for _, match := range listening.FindAllStringSubmatch(log.String(), -1) {
			if match[1] == "" {
				d.addresses = append(d.addresses, match[2])
			} else {
				d.admin = "http://" + match[2]
			}
		}
		if !d.running() {
			d.t.Fatalf("%v ended instead of listening: %v", d.cmd, d.cmd.ProcessState)
		}
		return len(d.addresses) == listeners && (d.admin != "") == d.hasAdmin()
	})
}

// listeners is how many listeners the daemon was told to have.
func (d *daemon) listeners() int {
	n := 0
	for _, arg := range d.cmd.Args {
		n += strings.Count(arg, "://")
	}
	if n == 0 {
		n = strings.Count(d.variable("PARLEY_LISTEN"), "://")
	}
	return n
}

func (d *daemon) hasAdmin() bool {
	at := d.variable("PARLEY_ADMIN")
	return at != "off" && at != "" && !slices.Contains(d.cmd.Args, "--admin=off")
}

func (d *daemon) variable(name string) string {
	value := ""
	for _, entry := range d.cmd.Env {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}

// serve starts a daemon: words are those of command behind "parley serve" and, if there are any, the variables in
// front of it.
func serve(t testing.TB, words ...string) *daemon {
	t.Helper()
	variables := 0
	for variables < len(words) && variable.MatchString(words[variables]) {
		variables++
	}
	return awaitDaemon(launch(t, command(slices.Concat(words[:variables], []string{"parley", "serve"}, words[variables:])...)))
}

var variable = regexp.MustCompile(`^[A-Z_]+=`)

// stop drains the daemon, which is to end well.
func (d *daemon) stop() {
	d.t.Helper()
	d.signal(syscall.SIGTERM)
	d.exits(0)
}

// adminClient keeps no connections, which would be files of the daemon.
var adminClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}

// get asks the admin side.
func (d *daemon) get(path string) (status int, body string) {
	d.t.Helper()
	resp, err := adminClient.Get(d.admin + path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// A scrape is what /metrics said, by series as they are written there.
type scrape map[string]float64

func (d *daemon) scrape() scrape {
	d.t.Helper()
	status, body := d.get("/metrics")
	if status != http.StatusOK {
		d.t.Fatalf("/metrics: status %d:\n%s", status, body)
	}
	s := make(scrape)
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimSpace(line)
		space := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[space+1:], 64)
		if err != nil {
			d.t.Fatalf("/metrics: %q: %v", line, err)
		}
		s[line[:space]] = value
	}
	return s
}

// sum adds up a metric over its labels.
func (s scrape) sum(name string) float64 {
	var sum float64
	for series, value := range s {
		if series == name || strings.HasPrefix(series, name+"{") {
			sum += value
		}
	}
	return sum
}

// series returns the names and labels, sorted.
func (s scrape) series() []string { return slices.Sorted(maps.Keys(s)) }

// balance returns an error if the books do not tally: every connection that was accepted is active or was closed.
func (s scrape) balance() error {
	accepted, active, closed := s.sum("parley_connections_accepted_total"), s.sum("parley_connections_active"), s.sum("parley_connections_closed_total")
	if accepted != active+closed {
		return fmt.Errorf("%v accepted, but %v active and %v closed", accepted, active, closed)
	}
	return nil
}

// awaitQuiet waits until nobody is connected, and returns the metrics then. They are to balance all the while, but for those
// that are being turned away.
func (d *daemon) awaitQuiet() scrape {
	d.t.Helper()
	var s scrape
	eventually(d.t, "nobody is connected", func() bool {
		s = d.scrape()
		return s.sum("parley_connections_active") == 0
	})
	if err := s.balance(); err != nil {
		d.t.Error(err)
	}
	return s
}

// took returns how long f took.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}
