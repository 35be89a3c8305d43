//go:build unix

package main_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// During the drain delay a load balancer is told to send nobody, and whoever comes all the same is served. A second signal
// ends the delay and the program, with status 1.
func TestDrainDelay(t *testing.T) {
	t.Parallel()
	d := serve(t, "PARLEY_DRAIN_DELAY=1h", "echo://127.0.0.1:0")
	early := dial(t, d.addresses[0])
	if _, err := early.greeting(); err != nil {
		t.Fatal(err)
	}
	if status, _ := d.get("/readyz"); status != http.StatusOK {
		t.Errorf("/readyz before the end: status %d", status)
	}

	d.signal(syscall.SIGTERM)
	eventually(t, "/readyz says 503", func() bool {
		status, _ := d.get("/readyz")
		return status == http.StatusServiceUnavailable
	})
	if status, _ := d.get("/healthz"); status != http.StatusOK {
		t.Errorf("/healthz during the delay: status %d", status)
	}
	late := dial(t, d.addresses[0])
	if _, err := late.greeting(); err != nil {
		t.Errorf("who comes during the delay: %v", err)
	}
	must(t, late.echo("late"))
	must(t, early.echo("early"))

	d.signal(syscall.SIGINT)
	d.exits(1)
	d.stdout.await(t, `"level":"warn",.*"msg":"stopped at once: a second signal came"`)
	if got, want := d.stderr.String(), "parley: stopped by a second signal before all connections were drained\n"; got != want {
		t.Errorf("stderr: got %q, want %q", got, want)
	}
}

func TestDrainDelayEnds(t *testing.T) {
	t.Parallel()
	const delay = 300 * time.Millisecond
	d := serve(t, "PARLEY_DRAIN_DELAY="+delay.String(), "echo://127.0.0.1:0")
	if got := took(d.stop); got < delay {
		t.Errorf("ended after %v, before the delay of %v was over", got, delay)
	}
}

// While a client finishes what it has begun nobody else comes in any more, and a second signal does not wait for that.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	d := serve(t, "PARLEY_DRAIN_TIMEOUT=1h", "echo://127.0.0.1:0")
	c := dial(t, d.addresses[0])
	if _, err := c.greeting(); err != nil {
		t.Fatal(err)
	}
	must(t, c.send("a line that is begun and not"))
	eventually(t, "it has come in", func() bool { return d.scrape().sum("parley_received_bytes_total") > 0 })
	d.signal(syscall.SIGINT)
	told := time.Now()
	d.stdout.await(t, `"msg":"stopping","signal":"interrupt"`)
	eventually(t, "connections are refused", func() bool {
		late, err := connect(d.addresses[0])
		if err == nil {
			late.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	eventually(t, "a signal of the same kind is another one", func() bool { return time.Since(told) > 100*time.Millisecond })
	if !d.running() {
		t.Error("the client was not waited for")
	}
	d.signal(syscall.SIGINT)
	d.exits(1)
}

// A signal that comes twice, as from timeout(1), which sends it to its child and to the process group, does not end the drain.
func TestSameSignal(t *testing.T) {
	t.Parallel()
	const delay = 300 * time.Millisecond
	for try := range 10 {
		d := serve(t, "PARLEY_DRAIN_DELAY="+delay.String(), "echo://127.0.0.1:0")
		began := time.Now()
		d.signal(syscall.SIGTERM)
		d.signal(syscall.SIGTERM)
		if apart := time.Since(began); apart > 20*time.Millisecond && try < 9 { // The machine was busy.
			continue
		}
		d.exits(0)
		d.stdout.await(t, `"msg":"stopped","drained":0,"cut":0,`)
		if got := time.Since(began); got < delay {
			t.Errorf("ended after %v, before the delay of %v was over", got, delay)
		}
		return
	}
}

// Those who are still there when the time is up are cut, and counted.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	d := serve(t, "PARLEY_DRAIN_TIMEOUT=200ms", "echo://127.0.0.1:0")
	stuck := dial(t, d.addresses[0])
	done := make(chan struct{})
	go func() {
		defer close(done)
		var err error
		for err == nil {
			err = stuck.send(strings.Repeat("never read\n", 1000))
		}
	}()
	var sent float64
	since := time.Now()
	eventually(t, "the server can send no more", func() bool {
		if now := d.scrape().sum("parley_sent_bytes_total"); now != sent {
			sent, since = now, time.Now()
		}
		return sent > 1<<16 && time.Since(since) > time.Second/2
	})
	if got := took(d.stop); got > patience/2 {
		t.Errorf("took %v", got)
	}
	d.stdout.await(t, `"msg":"stopped","drained":0,"cut":1,`)
	d.stdout.await(t, `"msg":"connection closed",.*"reason":"cut"`)
	<-done
}

// A signal that comes while the daemon starts ends it, at whatever stage: the system does before the program has asked for
// signals, with which no exit status comes, and the program after it.
func TestTermWhileStarting(t *testing.T) {
	t.Parallel()
	for i := range 30 {
		p := launch(t, command("parley", "serve", "echo://127.0.0.1:0"))
		<-time.After(time.Duration(i) * time.Millisecond)
		p.signal(syscall.SIGTERM)
		status := p.status()
		if killed := status == -1 && !strings.Contains(p.stdout.String(), "stopp"); status != 0 && !killed {
			t.Errorf("TERM after %d ms: exit status %d\n%s%s", i, status, p.stdout, p.stderr)
		}
	}
}

// A restart serves at once where the one before did, whose connections the system still keeps.
func TestRestart(t *testing.T) {
	t.Parallel()
	// No other test listens on this address or connects from it, so that the port stays free.
	d := serve(t, "happy://127.0.0.3:0")
	address := d.addresses[0]
	for range 3 {
		for range 10 {
			c := dial(t, address)
			must(t, c.send("hello\n"))
			if _, err := c.greeting(); err != nil {
				t.Fatal(err)
			}
			must(t, c.wants("HELLO. I am the Happy Server :-)"))
			must(t, c.ends()) // The server closes first: its port is the one that has to wait.
			c.Close()
		}
		d.stop()
		d = serve(t, "happy://"+address)
	}
	d.stop()
}

// A range opens each of its ports, as one listener.
func TestPortRange(t *testing.T) {
	t.Parallel()
	// Nobody else listens on this address, but a port may be in use on all.
	for {
		probe, err := net.Listen("tcp", "127.0.0.4:0")
		must(t, err)
		first := probe.Addr().(*net.TCPAddr).Port
		probe.Close()
		p := launch(t, command("parley", "serve", fmt.Sprintf("echo://127.0.0.4:%d-%d", first, first+2)))
		eventually(t, "the daemon listens, or a port is taken", func() bool {
			return strings.Contains(p.stdout.String(), `"msg":"admin listening"`) || !p.running()
		})
		if !p.running() && strings.Contains(p.stderr.String(), "address already in use") {
			continue
		}
		for i := range 3 {
			c := dial(t, fmt.Sprintf("127.0.0.4:%d", first+i))
			greeting, err := c.greeting()
			must(t, err)
			if greeting.ClientID != uint64(i+1) {
				t.Errorf("port %d: clientid %d", i, greeting.ClientID)
			}
		}
		if _, err := connect(fmt.Sprintf("127.0.0.4:%d", first+3)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("the port behind the range: %v", err)
		}
		p.stdout.await(t, fmt.Sprintf(`"msg":"listening","listener":"echo://127\.0\.0\.4:%d-%d","address":"127\.0\.0\.4:%[1]d-%[2]d"`, first, first+2))
		return
	}
}

// Where the process may open few files, it admits no more clients than it can serve, and says so.
func TestFewFiles(t *testing.T) {
	t.Parallel()
	d := awaitDaemon(launch(t, command("fewfiles", "256", "serve", "echo://127.0.0.1:0")))
	d.stdout.await(t, `"level":"warn",.*"msg":"PARLEY_MAX_CONNS lowered: the process may not open that many files \(ulimit -n\)","wanted":10000,"lowered_to":128`)
	var admitted []*client
	for {
		c := dial(t, d.addresses[0])
		line, err := c.line()
		must(t, err)
		if line == "ERR server_full" {
			break
		}
		admitted = append(admitted, c)
	}
	if len(admitted) != 128 {
		t.Errorf("%d clients admitted, want 128", len(admitted))
	}
	for i, c := range admitted {
		must(t, c.echo(fmt.Sprint(i)))
	}
	if errors := d.scrape().sum("parley_accept_errors_total"); errors != 0 {
		t.Errorf("%v accept errors", errors)
	}

	// As many as can be, where that is asked for; that is no news.
	d = awaitDaemon(launch(t, command("PARLEY_MAX_CONNS=0", "fewfiles", "256", "serve", "echo://127.0.0.1:0")))
	d.stop()
	if strings.Contains(d.stdout.String(), "lowered") {
		t.Errorf("logged:\n%s", d.stdout)
	}
}

// SIGQUIT, and SIGABRT as from systemd's watchdog, end the daemon at once, and it says where each goroutine stands.
func TestQuit(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGABRT} {
		d := serve(t, "PARLEY_DRAIN_DELAY=1h", "echo://127.0.0.1:0")
		d.signal(sig)
		d.exits(2)
		if got := d.stderr.String(); !strings.Contains(got, "(*Listener).Serve") {
			t.Errorf("%v: stderr:\n%s", sig, tail(got))
		}
	}
}
