//go:build system && linux

package faults_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"parley/faults/daemontest"
)

// waitBound is how long after accept works again whoever waits is served: the longest pause between two tries, and some.
const waitBound = 1100 * time.Millisecond

// Out of files, those who are there go on, the processor and the log are left alone, and who waits comes in as soon as there is
// a file. The canary's newcomers wait, too.
func TestR1_outOfFiles(t *testing.T) {
	eachTransport(t, func(f *fault) {
		p := f.serve("echo://127.0.0.1:0")
		var present []*daemontest.Client
		for range 20 {
			c := f.dial(p.Addresses[0])
			_, err := c.Greeting()
			f.must(err)
			present = append(present, c)
		}
		standing := standingScraper(f, p)
		standing()

		var before unix.Rlimit
		f.must(unix.Prlimit(p.PID(), unix.RLIMIT_NOFILE, nil, &before))
		f.must(unix.Prlimit(p.PID(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: before.Max}, nil))
		waiting := f.dial(p.Addresses[0])
		f.eventually("accept fails", func() bool { return strings.Contains(p.Stdout.String(), "cannot accept connections") })

		lasts := sized(f, 2*time.Second, 20*time.Second)
		began, busy := time.Now(), processorTime(f, p.PID())
		for time.Since(began) < lasts {
			for i, c := range present {
				f.must(c.Echo(fmt.Sprintf("still here %d", i)))
			}
			standing()
			time.Sleep(500 * time.Millisecond)
		}
		share := float64(processorTime(f, p.PID())-busy) / float64(time.Since(began)) * 100
		f.figure("of a core used meanwhile, the canary and 40 echoes a second included", "%.1f %%", share)
		if share >= 5 && !raceDetector {
			f.Errorf("%.1f %% of a core used, want under 5 %%", share)
		}
		lines := strings.Count(p.Stdout.String(), "cannot accept connections")
		if most := int(time.Since(began)/time.Second) + 3; lines > most {
			f.Errorf("%d log lines in %v, want a line a second", lines, time.Since(began))
		}
		f.figure("log lines a second", "%.1f", float64(lines)/time.Since(began).Seconds())

		// One file more than there are: whoever is first in the queue gets it, be it the one who waits or the canary's.
		f.must(unix.Prlimit(p.PID(), unix.RLIMIT_NOFILE, &before, nil))
		freed := time.Now()
		_, err := waiting.Greeting()
		f.must(err)
		waited := time.Since(freed)
		f.figure("who waited is served after there are files again within", "%v", waited)
		if waited > waitBound+100*time.Millisecond {
			f.Errorf("who waited was served after %v, want %v", waited, waitBound)
		}
	})
}

// standingScraper returns what asks for the metrics on one connection, as Prometheus does.
func standingScraper(f *fault, p *patient) func() {
	transport := &http.Transport{MaxConnsPerHost: 1}
	client := &http.Client{Transport: transport, Timeout: daemontest.Patience}
	f.Cleanup(transport.CloseIdleConnections)
	return func() {
		f.Helper()
		resp, err := client.Get(p.Admin + "/metrics")
		f.must(err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		f.must(err)
		if !strings.Contains(string(text), "parley_connections_active") {
			f.Fatalf("/metrics: %s", text)
		}
	}
}

// processorTime is how long a process has run, in user and kernel mode.
func processorTime(f *fault, pid int) time.Duration {
	f.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	f.must(err)
	_, behind, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(behind)
	var ticks int64
	for _, field := range fields[11:13] { // utime and stime, see proc_pid_stat(5); a tick is 10 ms for every program.
		n, err := strconv.ParseInt(field, 10, 64)
		f.must(err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// Accept fails in whatever way for a while, made by strace: those who are there are served, the processor is left alone, the log
// is not flooded, and those who waited come in when it works again.
//
// ECONNABORTED is not among the ways: of it the net package tries again by itself, and rightly so, since each one takes a
// connection from the queue. The one that strace makes up takes none.
func TestR2_acceptFails(t *testing.T) {
	all := []string{"EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM", "EPROTO", "ENETDOWN", "EHOSTUNREACH", "ECONNRESET"}
	eachTransportWaiting(t, func(f *fault) {
		failures := sized(f, 20, 60) // of three sockets: 5 ms, 10 ms and so on up to 1 s each
		p := f.serve("echo://127.0.0.1:0")
		p.nobodyComes = *full // 20 s for each error; the system has no way to say it of one socket
		present := f.dial(p.Addresses[0])
		_, err := present.Greeting()
		f.must(err)
		longest := time.Duration(0)
		for _, errno := range sized(f, []string{"EMFILE", "EPERM"}, all) {
			longest = max(longest, acceptFails(f, p, present, errno, failures))
		}
		f.figure("who waited is served after the last failure within", "%v", longest)
	})
}

// acceptFails has accept fail so often for this reason, and returns how long who waited had to wait then.
func acceptFails(f *fault, p *patient, present *daemontest.Client, errno string, failures int) time.Duration {
	f.Helper()
	counted := p.Scrape().Sum("parley_accept_errors_total")
	logged := p.acceptLines()
	trace := filepath.Join(f.TempDir(), "trace")
	strace := daemontest.Launch(f, daemontest.Command("strace", "-f", "-ttt", "-o", trace, "-e", "trace=accept4", "-e", "signal=none",
		"-e", "inject=accept4:error="+errno, "-p", strconv.Itoa(p.PID())))
	strace.Stderr.Await(f, "attached")
	newcomer := f.dial(p.Addresses[0])
	defer newcomer.Close()
	var calls []time.Duration
	f.eventually(fmt.Sprintf("accept has failed %d times", failures), func() bool {
		f.must(present.Echo("still here"))
		calls = injected(f, trace)
		return len(calls) >= failures
	})
	strace.Signal(syscall.SIGINT) // It lets go of the daemon.
	strace.Status()
	released := time.Now()
	if _, err := newcomer.Greeting(); err != nil {
		f.Fatalf("%s: who came while accept failed: %v", errno, err)
	}
	waited := time.Since(released)
	f.must(newcomer.Echo("in"))
	f.must(present.Echo("and on"))
	if waited > waitBound+100*time.Millisecond {
		f.Errorf("%s: who waited was served %v after accept worked again", errno, waited)
	}
	for i, last := range calls {
		first := i
		for first > 0 && last-calls[first-1] < time.Second {
			first--
		}
		// Each socket has its own pause: two listeners and the admin side.
		if n := i - first + 1; n >= 3*30 {
			f.Fatalf("%s: %d calls of accept within a second", errno, n)
		}
	}
	if got := p.Scrape().Sum("parley_accept_errors_total") - counted; got < float64(failures)/3 {
		f.Errorf("%s: %v accept errors counted, strace has made %d", errno, got, len(calls))
	}
	lasted := calls[len(calls)-1] - calls[0]
	if lines, most := p.acceptLines()-logged, int(lasted/time.Second)+3; lines == 0 || lines > most {
		f.Errorf("%s: %d log lines in %v, want 1 to %d", errno, lines, lasted, most)
	}
	return waited
}

func (p *patient) acceptLines() int {
	return strings.Count(p.Stdout.String(), `"msg":"cannot accept connections, trying again"`)
}

// injected returns when the calls were that strace made fail.
func injected(f *fault, trace string) []time.Duration {
	f.Helper()
	text, err := os.ReadFile(trace)
	f.must(err)
	var calls []time.Duration
	for _, match := range regexp.MustCompile(`(?m)^\d+ +(\d+\.\d+) .*\(INJECTED\)$`).FindAllSubmatch(text, -1) {
		at, err := strconv.ParseFloat(string(match[1]), 64)
		f.must(err)
		calls = append(calls, time.Duration(at*float64(time.Second)))
	}
	return calls
}

// A thousand clients at once where there is room for a hundred.
func TestR3_tooManyAtOnce(t *testing.T) {
	eachTransport(t, func(f *fault) {
		const clients, room = 1000, 100
		p := f.serve("echo://127.0.0.1:0?max_conns=" + strconv.Itoa(room))
		var served, refused, most atomic.Int64
		ctx, stop := context.WithCancel(f.Context())
		defer stop()
		var gauge sync.WaitGroup
		gauge.Go(func() {
			daemontest.Every(ctx, 5*time.Millisecond, func(int) { most.Store(max(most.Load(), int64(p.active()))) })
		})
		leave := make(chan struct{})
		var all sync.WaitGroup
		began := time.Now()
		for range clients {
			all.Go(func() {
				c, err := daemontest.Connect(p.Addresses[0])
				if err != nil {
					f.Error(err)
					return
				}
				defer c.Close()
				line, err := c.Line()
				switch {
				case err != nil:
					f.Error(err)
				case line == "ERR server_full":
					refused.Add(1)
				case strings.HasPrefix(line, "HELLO "):
					served.Add(1)
					<-leave
				default:
					f.Errorf("it was told %q", line)
				}
			})
		}
		f.eventually("all know", func() bool { return served.Load()+refused.Load() == clients || f.Failed() })
		took := time.Since(began)
		stop()
		gauge.Wait()
		close(leave)
		all.Wait()
		f.figure("served", "%d", served.Load())
		f.figure("told ERR server_full", "%d", refused.Load())
		f.figure("at a time, as the gauge has it, at most", "%d", most.Load())
		f.figure("all know within", "%v", took)
		if served.Load() != room || most.Load() > room {
			f.Errorf("%d were served, at most %d at a time, want %d", served.Load(), most.Load(), room)
		}
	})
}

// The log goes to a disk that fills up, and later has room again.
func TestR5_fullDisk(t *testing.T) {
	eachTransport(t, func(f *fault) {
		disk := f.TempDir()
		words := f.words("--log-messages", "echo://127.0.0.1:0")
		cmd := daemontest.Command(append([]string{"unshare", "--mount", "sh", "-ec", `
			mount -t tmpfs -o size=256k tmpfs "$0"
			dd if=/dev/zero of="$0/filler" bs=1k count=192 2>/dev/null
			exec env "$@" >"$0/log"
		`, disk}, words[:3]...)...)
		cmd.Args = slices.Concat(cmd.Args, []string{program, "serve"}, words[3:])
		d := &daemontest.Daemon{Process: daemontest.Launch(f, cmd)}
		inside := filepath.Join("/proc", strconv.Itoa(d.PID()), "root", disk)
		log := fileTranscript(f, d, filepath.Join(inside, "log"))
		p := f.attend(d)
		p.lossyLog = true

		c := f.dial(p.Addresses[0])
		_, err := c.Greeting()
		f.must(err)
		text := strings.Repeat("x", 250)
		said := 0
		f.eventually("log lines are lost", func() bool {
			for range 100 {
				f.must(c.Echo(text))
			}
			said += 100
			return p.Scrape().Sum("parley_log_dropped_total") > 0
		})
		for range 2000 {
			f.must(c.Echo(text))
		}
		f.figure("lines lost, and counted, of 2,000 and more", "%.0f", p.Scrape().Sum("parley_log_dropped_total"))
		f.must(os.Truncate(filepath.Join(inside, "filler"), 0))
		f.eventually("the log tells", func() bool {
			f.must(c.Echo("is there room?"))
			return strings.Contains(log(), `"msg":"log lines dropped"`)
		})
		notices := regexp.MustCompile(`"msg":"log lines dropped","dropped":(\d+)`).FindAllStringSubmatch(log(), -1)
		told := 0
		for _, notice := range notices {
			n, err := strconv.Atoi(notice[1])
			f.must(err)
			told += n
		}
		if dropped := int(p.Scrape().Sum("parley_log_dropped_total")); len(notices) != 1 || told != dropped {
			f.Errorf("the log tells %d times of %d lines, %d were dropped; want once, of all", len(notices), told, dropped)
		}
		for i := range 10 {
			f.must(c.Echo(fmt.Sprintf("written again %d", i)))
		}
		f.eventually("the log goes on", func() bool { return strings.Contains(log(), "written again 9") })
		c.Close()
	})
}

// fileTranscript waits until a daemon whose log is a file listens, and returns what reads the file.
func fileTranscript(f *fault, d *daemontest.Daemon, file string) func() string {
	f.Helper()
	read := func() string {
		text, _ := os.ReadFile(file) // It is not there yet.
		return string(text)
	}
	f.eventually("the daemon listens", func() bool { return strings.Contains(read(), "admin listening") })
	at := new(daemontest.Transcript)
	fmt.Fprint(at, read())
	d.ReadLog(at)
	return read
}

// Nobody reads the standard output, its reader is gone, or it is closed from the start: no client notices, and SIGTERM works, as the
// ledger tries.
func TestR6_stdout(t *testing.T) {
	eachTransport(t, func(f *fault) {
		enough := sized(f, 5000, 20_000)
		for _, how := range []string{"nobody reads", "the reader is gone"} {
			r, w, err := os.Pipe()
			f.must(err)
			cmd := daemontest.Command(daemontest.ServeCommand(program, f.words("--log-messages", "echo://127.0.0.1:0")...)...)
			cmd.Stdout = w
			d := &daemontest.Daemon{Process: daemontest.Launch(f, cmd)}
			f.must(w.Close())
			f.Cleanup(func() { _ = r.Close() })
			readStart(f, d, r)
			if how == "the reader is gone" {
				f.must(r.Close())
			}
			p := f.attend(d)
			p.lossyLog = true
			c := f.dial(p.Addresses[0])
			_, err = c.Greeting()
			f.must(err)
			text := strings.Repeat("x", 250)
			began, echoes := time.Now(), 0
			for p.Scrape().Sum("parley_log_dropped_total") == 0 || echoes < enough {
				for range 500 {
					f.must(c.Echo(text))
				}
				echoes += 500
			}
			f.figure("echoes a second while "+how, "%.0f", float64(echoes)/time.Since(began).Seconds())
			f.figure("lines lost, and counted, while "+how, "%.0f", p.Scrape().Sum("parley_log_dropped_total"))
			c.Close()
		}

		cmd := daemontest.Command(slices.Concat([]string{"PARLEY_ADMIN=127.0.0.1:12001"}, []string{"sh", "-c", `exec env "$@" >&-`, "sh"},
			f.closedWords())...)
		d := &daemontest.Daemon{
			Process:   daemontest.Launch(f, cmd),
			Addresses: []string{"127.0.0.1:12000", "127.0.0.2:12000"}, Admin: "http://127.0.0.1:12001",
		}
		f.eventually("the daemon listens", func() bool {
			c, err := net.Dial("tcp", "127.0.0.1:12001")
			if err == nil {
				c.Close()
			}
			return err == nil
		})
		p := f.attend(d)
		p.lossyLog = true
		c := f.dial(p.Addresses[0])
		_, err := c.Greeting()
		f.must(err)
		for i := range 1000 {
			f.must(c.Echo(fmt.Sprint(i)))
		}
		c.Close()
	})
}

// closedWords are those of a daemon that cannot say where it listens: the ports are free in a network of one's own.
func (f *fault) closedWords() []string {
	return []string{"PARLEY_TRANSPORT=" + f.variable(), "PARLEY_LOG_LEVEL=debug", program, "serve", "--log-messages", "echo://127.0.0.1:12000", "echo://127.0.0.2:12000"}
}

// readStart reads what a daemon says at its start, and no further.
func readStart(f *fault, d *daemontest.Daemon, r io.Reader) {
	f.Helper()
	log := new(daemontest.Transcript)
	for in := bufio.NewReader(r); !strings.Contains(log.String(), "admin listening"); {
		line, err := in.ReadString('\n')
		f.must(err)
		fmt.Fprint(log, line)
	}
	d.ReadLog(log)
}

// Slow clients on the admin port neither hold it nor touch the service.
func TestR11_slowAdmin(t *testing.T) {
	eachTransport(t, func(f *fault) {
		p := f.serve("echo://127.0.0.1:0")
		p.clientsAbort = true // The admin side cuts off who has been still for the longest, whatever it has sent.
		address := strings.TrimPrefix(p.Admin, "http://")
		ctx, stop := context.WithCancel(f.Context())
		var slow sync.WaitGroup
		arrivals := make(chan struct{}, 10_000)
		for range 200 {
			slow.Go(func() { // As soon as one is cut off, it comes again.
				daemontest.Every(ctx, 10*time.Millisecond, func(int) {
					c, err := net.Dial("tcp", address)
					if err != nil {
						return
					}
					defer c.Close()
					select {
					case arrivals <- struct{}{}:
					default:
					}
					for ctx.Err() == nil {
						if _, err := io.WriteString(c, "G"); err != nil {
							return
						}
						time.Sleep(100 * time.Millisecond)
					}
				})
			})
		}
		for range 200 {
			<-arrivals
		}
		var times []time.Duration
		for began := time.Now(); time.Since(began) < sized(f, 1500*time.Millisecond, 30*time.Second); time.Sleep(20 * time.Millisecond) {
			times = append(times, daemontest.Took(func() { p.Scrape() }))
		}
		stop()
		slow.Wait()
		f.figure("scrapes meanwhile", "%d", len(times))
		f.figure("99 % of them within", "%v", daemontest.Quantile(times, .99))
		if slowest := daemontest.Quantile(times, .99); slowest > time.Second {
			f.Errorf("99 %% of the scrapes took up to %v, want a second", slowest)
		}
	})
}
