//go:build unix

package daemontest

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A Daemon is a parley serve that listens.
type Daemon struct {
	*Process
	Addresses []string // where it listens, in the order of the listeners
	Admin     string   // the URL of its admin side, empty if it has none
}

// listening finds in a log where the daemon listens, in either format.
var listening = regexp.MustCompile(`(?m)(admin )?listening(?:"|  ).*address"?[:=]"?([^", ]+)`)

// ServeCommand is Command for the program as a daemon: words are variables, if there are any, and what stands behind
// "parley serve".
func ServeCommand(program string, words ...string) []string {
	variables, words := SplitVariables(words)
	return slices.Concat(variables, []string{program, "serve"}, words)
}

// Serve starts the program as a daemon: words are variables, if there are any, and what stands behind "parley serve".
func Serve(t testing.TB, program string, words ...string) *Daemon {
	t.Helper()
	return AwaitDaemon(Launch(t, Command(ServeCommand(program, words...)...)))
}

// AwaitDaemon waits until a process that was launched as a daemon listens. Its admin side is the last to say so.
func AwaitDaemon(p *Process) *Daemon {
	p.t.Helper()
	d := &Daemon{Process: p}
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.t.Logf("%v\nstdout:\n%s\nstderr:\n%s", p.Cmd, Tail(p.Stdout.String()), Tail(p.Stderr.String()))
		}
	})
	d.ReadLog(p.Stdout)
	return d
}

// ReadLog waits until log says where the daemon listens.
func (d *Daemon) ReadLog(log *Transcript) {
	d.t.Helper()
	listeners := d.listeners()
	Eventually(d.t, "the daemon listens", func() bool {
		d.Addresses, d.Admin = nil, ""
		for _, match := range listening.FindAllStringSubmatch(log.String(), -1) {
			if match[1] == "" {
				d.Addresses = append(d.Addresses, match[2])
			} else {
				d.Admin = "http://" + match[2]
			}
		}
		if !d.Running() {
			d.t.Fatalf("%v ended instead of listening: %v", d.Cmd, d.Cmd.ProcessState)
		}
		return len(d.Addresses) == listeners && (d.Admin != "") == d.hasAdmin()
	})
}

// listeners is how many listeners the daemon was told to have.
func (d *Daemon) listeners() int {
	n := 0
	for _, arg := range d.Cmd.Args {
		n += strings.Count(arg, "://")
	}
	if n == 0 {
		n = strings.Count(d.variable("PARLEY_LISTEN"), "://")
	}
	return n
}

func (d *Daemon) hasAdmin() bool {
	at := d.variable("PARLEY_ADMIN")
	return at != "off" && at != "" && !slices.Contains(d.Cmd.Args, "--admin=off")
}

func (d *Daemon) variable(name string) string {
	value := ""
	for _, entry := range d.Cmd.Env {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}

// Stop drains the daemon, which is to end well.
func (d *Daemon) Stop() {
	d.t.Helper()
	d.Signal(syscall.SIGTERM)
	d.Exits(0)
}

// adminClient keeps its connection to each daemon: one that is closed is a goroutine of net/http's for half a second more.
var adminClient = &http.Client{Transport: new(http.Transport), Timeout: Patience}

// Get asks the admin side.
func (d *Daemon) Get(path string) (status int, body string) {
	d.t.Helper()
	resp, err := adminClient.Get(d.Admin + path)
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

// AwaitQuiet waits until nobody is connected, and returns the metrics then. They are to balance all the while, but for those
// that are being turned away.
func (d *Daemon) AwaitQuiet() Scrape {
	d.t.Helper()
	var s Scrape
	Eventually(d.t, "nobody is connected", func() bool {
		s = d.Scrape()
		return s.Sum("parley_connections_active") == 0
	})
	if err := s.Balance(); err != nil {
		d.t.Error(err)
	}
	return s
}
