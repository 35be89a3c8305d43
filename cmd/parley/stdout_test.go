//go:build unix

package main_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Whatever becomes of standard output, the service goes on, and TERM ends it well.

func TestStdoutClosed(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s") // An address could not be read from the log.
	p := launch(t, command("sh", "-c", `exec parley serve --log-messages "echo+unix://$1" >&-`, "sh", socket))
	var c *client
	eventually(t, "the daemon listens", func() bool {
		var err error
		c, err = connect(socket)
		return err == nil
	})
	defer c.Close()
	if _, err := c.greeting(); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		must(t, c.echo(fmt.Sprint(i)))
	}
	c.Close()
	(&daemon{process: p}).stop()
}

// piped starts a daemon whose standard output is a pipe, and reads from it until the daemon listens.
func piped(t *testing.T) (*daemon, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { _ = r.Close() })
	cmd := command("parley", "serve", "--log-messages", "echo://127.0.0.1:0")
	cmd.Stdout = w
	d := &daemon{process: launch(t, cmd)}
	must(t, w.Close())
	d.readPiped(r, "admin listening")
	return d, r
}

// readPiped reads what a daemon says at its start from a pipe until it has all these signs, and little further.
func (d *daemon) readPiped(r io.Reader, signs ...string) {
	d.t.Helper()
	log := new(transcript)
	missing := func(sign string) bool { return !strings.Contains(log.String(), sign) }
	for in := bufio.NewReader(r); slices.ContainsFunc(signs, missing); {
		line, err := in.ReadString('\n')
		must(d.t, err)
		fmt.Fprint(log, line)
	}
	d.readLog(log)
}

// talkUntilDropped converses until log lines were lost. It is answered all the while.
func talkUntilDropped(t *testing.T, d *daemon) {
	t.Helper()
	c := dial(t, d.addresses[0])
	if _, err := c.greeting(); err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("x", 250)
	eventually(t, "log lines are dropped", func() bool {
		for range 200 {
			must(t, c.echo(text))
		}
		return d.scrape().sum("parley_log_dropped_total") > 0
	})
	must(t, c.echo("and on"))
	c.Close()
	d.awaitQuiet()
}

func TestStdoutReaderGone(t *testing.T) {
	t.Parallel()
	d, r := piped(t)
	must(t, r.Close())
	talkUntilDropped(t, d)
	d.stop()
}

// Nobody reads the pipe, which fills up, and then what waits for it does.
func TestStdoutNotRead(t *testing.T) {
	t.Parallel()
	d, _ := piped(t)
	talkUntilDropped(t, d)
	d.stop()
}

// Standard error is not needed either.
func TestStderrClosed(t *testing.T) {
	t.Parallel()
	p := launch(t, command("sh", "-c", "exec parley serve echo://192.0.2.1:12000 >&- 2>&-"))
	p.exits(1)
}
