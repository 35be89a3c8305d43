//go:build system && linux

package main_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// restarts is how often TestRestarts restarts the daemon. With 20 it takes some 15 s.
var restarts = flag.Int("restarts", 5, "how often TestRestarts restarts the daemon")

const (
	restartRate  = 1000 // connections a second
	restartEvery = 500 * time.Millisecond
)

// A visit is to connect, say one line, have the answer and leave.
type visit struct {
	took   time.Duration
	reason string // why it failed, empty if it did not
}

func visitOnce(address, line string) visit {
	began := time.Now()
	failed := func(what string, err error) visit {
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			what = "refused"
		case errors.Is(err, syscall.ECONNRESET):
			what = "reset"
		}
		return visit{time.Since(began), what}
	}
	nc, err := (&net.Dialer{Timeout: patience}).Dial("tcp4", address)
	if err != nil {
		return failed("connect: "+fmt.Sprint(err), err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(nc, line+"\n"); err != nil {
		return failed("send: "+err.Error(), err)
	}
	_ = nc.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(nc)
	if err != nil {
		return failed("read: "+err.Error(), err)
	}
	if want := "ECHO: " + line + "\n"; string(got) != want {
		return failed(fmt.Sprintf("got %q, want %q", got, want), nil)
	}
	return visit{took: time.Since(began)}
}

// The daemon is restarted while a thousand clients a second come. The test has the listening socket, as a service manager
// does: no client is refused or reset, and each has its answer from one daemon or the next.
func TestRestarts(t *testing.T) {
	file, address := socketFile(t, "tcp4", "127.0.0.1:0")
	words := []string{"serve", "echo://" + address + "?greeting=off"}
	start := func() *daemon {
		cmd := built(t, slices.Concat([]string{"LISTEN_FDS=1", "PARLEY_LOG_LEVEL=info", "PARLEY_DRAIN_TIMEOUT=8s"}, words)...)
		cmd.ExtraFiles = []*os.File{file}
		return awaitDaemon(launch(t, throughShell(cmd)))
	}
	d := start()

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var (
		mu     sync.Mutex
		visits []visit
		out    sync.WaitGroup
		all    sync.WaitGroup
	)
	began := time.Now()
	all.Go(func() {
		came := 0
		every(ctx, time.Millisecond, func(int) {
			for due := int(time.Since(began).Seconds() * restartRate); came < due; came++ { // Whoever is late comes all the same.
				line := fmt.Sprintf("visitor %d", came)
				out.Go(func() {
					v := visitOnce(address, line)
					mu.Lock()
					defer mu.Unlock()
					visits = append(visits, v)
				})
			}
		})
	})
	var gaps []time.Duration
	for range *restarts {
		<-time.After(restartEvery)
		gaps = append(gaps, took(func() {
			d.stop()
			if cut := regexp.MustCompile(`"cut":0,`); !cut.MatchString(d.stdout.String()) {
				t.Errorf("a visitor was cut:\n%s", tail(d.stdout.String()))
			}
			d = start()
		}))
	}
	<-time.After(restartEvery)
	stop()
	all.Wait()
	lasted := time.Since(began)
	out.Wait()
	d.stop()

	reasons := map[string]int{}
	var times []time.Duration
	for _, v := range visits {
		times = append(times, v.took)
		if v.reason != "" {
			reasons[v.reason]++
		}
	}
	rate := float64(len(visits)) / lasted.Seconds()
	t.Logf("%d restarts, each %v to %v from the signal until the next listens; %d visitors, %.0f a second: %d refused, %d reset, %d failed in all; p50 %v, p99 %v, max %v",
		len(gaps), slices.Min(gaps), slices.Max(gaps), len(visits), rate, reasons["refused"], reasons["reset"], sum(reasons),
		quantile(times, .5), quantile(times, .99), quantile(times, 1))
	for reason, n := range reasons {
		t.Errorf("%d visitors: %s", n, reason)
	}
	if rate < restartRate*9/10 {
		t.Errorf("%.0f visitors a second, want %d", rate, restartRate)
	}
}

func sum(counts map[string]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}

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
