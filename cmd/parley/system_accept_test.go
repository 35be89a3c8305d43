//go:build system && linux

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Accept fails in whatever way for a while: those who are there are served, the processor is left alone, the log is not
// flooded, and those who waited come in when it works again.
//
// ECONNABORTED is not among the ways: of it the net package tries again by itself, and rightly so, since each one takes a
// connection from the queue. The one that strace makes up takes none.
func TestAcceptErrors(t *testing.T) {
	t.Parallel()
	for _, errno := range []string{"EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM", "EPROTO", "ENETDOWN", "EHOSTUNREACH", "ECONNRESET"} {
		t.Run(errno, func(t *testing.T) {
			t.Parallel()
			const failures = 10 // 5 ms, 10 ms and so on up to 1 s, twice
			d := serveBuilt(t, "echo://127.0.0.1:0")
			present := dial(t, d.addresses[0])
			if _, err := present.greeting(); err != nil {
				t.Fatal(err)
			}

			trace := filepath.Join(t.TempDir(), "trace")
			strace := launch(t, command("strace", "-f", "-ttt", "-o", trace, "-e", "trace=accept4", "-e", "signal=none",
				"-e", "inject=accept4:error="+errno, "-p", strconv.Itoa(d.cmd.Process.Pid)))
			eventually(t, "strace is attached: "+strace.stderr.String(), func() bool {
				if !strace.running() {
					t.Fatalf("strace: %s", strace.stderr)
				}
				return regexp.MustCompile(`attached`).MatchString(strace.stderr.String())
			})
			newcomer := dial(t, d.addresses[0])
			var calls []time.Duration
			eventually(t, fmt.Sprintf("accept has failed %d times", failures), func() bool {
				must(t, present.echo("still here"))
				calls = injected(t, trace)
				return len(calls) >= failures
			})
			strace.signal(syscall.SIGINT) // It lets go of the daemon.
			strace.status()
			released := time.Now()
			if _, err := newcomer.greeting(); err != nil {
				t.Fatalf("who came while accept failed: %v", err)
			}
			waited := time.Since(released)
			must(t, newcomer.echo("in"))
			must(t, present.echo("and on"))
			t.Logf("%d failures in %v, served %v after the last", len(calls), calls[len(calls)-1]-calls[0], waited)
			if waited > 1200*time.Millisecond {
				t.Errorf("who waited was served %v after accept worked again", waited)
			}

			for i, last := range calls {
				first := i
				for first > 0 && last-calls[first-1] < time.Second {
					first--
				}
				if n := i - first + 1; n >= 30 {
					t.Fatalf("%d calls of accept within a second", n)
				}
			}
			if got := d.scrape().sum("parley_accept_errors_total"); got < failures {
				t.Errorf("%v accept errors counted, want at least %d", got, failures)
			}
			d.stop()
			lines := len(regexp.MustCompile(`(?m)^.*"msg":"cannot accept connections, trying again".*$`).FindAllString(d.stdout.String(), -1))
			if most := int((calls[len(calls)-1]-calls[0])/time.Second) + 3; lines == 0 || lines > most {
				t.Errorf("%d log lines about it, want 1 to %d", lines, most)
			}
		})
	}
}

// injected returns when the calls were that strace made fail.
func injected(t *testing.T, trace string) []time.Duration {
	t.Helper()
	text, err := os.ReadFile(trace)
	must(t, err)
	var calls []time.Duration
	for _, match := range regexp.MustCompile(`(?m)^\d+ +(\d+\.\d+) .*\(INJECTED\)$`).FindAllSubmatch(text, -1) {
		at, err := strconv.ParseFloat(string(match[1]), 64)
		must(t, err)
		calls = append(calls, time.Duration(at*float64(time.Second)))
	}
	return calls
}
