//go:build system && linux

package main_test

import (
	"regexp"
	"syscall"
	"testing"
)

// systemd's own hand-over: a socket by name, one by address and the admin side's.
func TestSocketActivate(t *testing.T) {
	t.Parallel()
	web, plain, admin := freeAddress(t), freeAddress(t), freeAddress(t)
	binary, err := build()
	must(t, err)
	// With --now, as a service manager that starts the service beside its sockets, it would not wait for who connects first;
	// Debian 12 has no such flag yet.
	p := launch(t, command("systemd-socket-activate", "-l", web, "-l", plain, "-l", admin, "--fdname=web:plain:admin",
		"-E", "PARLEY_ADMIN=127.0.0.1:2", binary, "serve", "--log-format=json", "echo://"+plain, "happy://:1?fd=web"))
	p.stderr.await(t, `Listening on `+regexp.QuoteMeta(admin))
	waiting := dial(t, web) // It starts the daemon.
	must(t, waiting.send("hello\n"))
	greeting, err := waiting.greeting()
	must(t, err)
	if greeting.Handler != "happy" {
		t.Errorf("the socket named web is served by %s", greeting.Handler)
	}
	must(t, waiting.wants("HELLO. I am the Happy Server :-)"))
	c := dial(t, plain)
	if greeting, err := c.greeting(); err != nil || greeting.Handler != "echo" {
		t.Errorf("the other socket: %+v, %v", greeting, err)
	}
	must(t, c.echo("here"))
	d := &daemon{process: p, admin: "http://" + admin}
	if got := d.scrape().sum("parley_connections_accepted_total"); got != 2 {
		t.Errorf("%v connections accepted, want 2", got)
	}
	p.signal(syscall.SIGTERM)
	p.exits(0)
	p.stdout.await(t, `"msg":"listening","listener":"happy://:1","address":"`+regexp.QuoteMeta(web)+`",.*"handed_over":1`)
}

// A socket that systemd opens for another purpose stops the start.
func TestSocketActivate_unmatched(t *testing.T) {
	t.Parallel()
	web, other := freeAddress(t), freeAddress(t)
	binary, err := build()
	must(t, err)
	p := launch(t, command("systemd-socket-activate", "-l", web, "-l", other, "--fdname=web:other", "-E", "PARLEY_ADMIN=off",
		binary, "serve", "echo://:1?fd=web"))
	p.stderr.await(t, `Listening on `+regexp.QuoteMeta(other))
	dial(t, web)
	p.exits(1)
	p.stderr.await(t, `^parley: the service manager handed over the socket "other" on `+regexp.QuoteMeta(other)+`, and no listener is for it: `)
}
