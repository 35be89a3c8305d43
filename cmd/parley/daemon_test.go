//go:build unix

package main_test

import (
	"net/http"
	"syscall"
	"testing"

	"parley/faults/daemontest"
)

// A daemon is a parley serve that listens.
type daemon struct {
	*process
	addresses []string // where it listens, in the order of the listeners
	admin     string   // the URL of its admin side, empty if it has none
}

// awaitDaemon waits until a process that was launched as a daemon listens.
func awaitDaemon(p *process) *daemon {
	p.t.Helper()
	outer := daemontest.AwaitDaemon(p.Process)
	return &daemon{process: p, addresses: outer.Addresses, admin: outer.Admin}
}

// readLog waits until log says where the daemon listens.
func (d *daemon) readLog(log *transcript) {
	d.t.Helper()
	outer := d.outer()
	outer.ReadLog(&log.Transcript)
	d.addresses, d.admin = outer.Addresses, outer.Admin
}

// outer is the daemon as package daemontest knows it.
func (d *daemon) outer() *daemontest.Daemon {
	return &daemontest.Daemon{Process: d.Process, Addresses: d.addresses, Admin: d.admin}
}

// serve starts a daemon: words are those of command behind "parley serve" and, if there are any, the variables in
// front of it.
func serve(t testing.TB, words ...string) *daemon {
	t.Helper()
	return awaitDaemon(launch(t, command(daemontest.ServeCommand("parley", words...)...)))
}

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
	return d.outer().Get(path)
}

// A scrape is what /metrics said, by series as they are written there.
type scrape daemontest.Scrape

func (d *daemon) scrape() scrape {
	d.t.Helper()
	return scrape(d.outer().Scrape())
}

// sum adds up a metric over its labels.
func (s scrape) sum(name string) float64 { return daemontest.Scrape(s).Sum(name) }

// series returns the names and labels, sorted.
func (s scrape) series() []string { return daemontest.Scrape(s).Series() }

// balance returns an error if the books do not tally: every connection that was accepted is active or was closed.
func (s scrape) balance() error { return daemontest.Scrape(s).Balance() }

// awaitQuiet waits until nobody is connected, and returns the metrics then.
func (d *daemon) awaitQuiet() scrape {
	d.t.Helper()
	return scrape(d.outer().AwaitQuiet())
}
