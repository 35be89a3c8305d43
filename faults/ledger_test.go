//go:build system && linux

package faults_test

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"parley/faults/daemontest"
	"parley/protocol"
)

// canaryListener is where the canary lives: apart from those of the case, which are on other addresses.
const canaryListener = "echo://127.0.0.2:0"

const (
	canaryP99 = 50 * time.Millisecond
	backBy    = 2 * time.Second // until goroutines and files are back where they were
)

// A patient is a daemon to which a fault is done, with a healthy client beside.
type patient struct {
	*daemontest.Daemon
	f *fault

	before     daemontest.Scrape
	goroutines float64
	files      int
	aborted    int
	canary     *daemontest.Canary
	witness    *daemontest.Canary // flies to a plain echo within the test

	// A case sets these, with its reason, where its clients cannot behave as the ledger expects.
	clientsAbort bool // clients close with unread input themselves, which the system counts in the same place
	lossyLog     bool // log lines get lost by more than the log can tell
	nobodyComes  bool // accepting fails for longer than the canary's newcomers wait for their greeting
}

// serve starts a daemon with these listeners and variables over the transport of the case, and one more listener, on which a
// canary lives. At the end of the test, when all clients are closed, it checks the ledger.
//
// The log is JSON and has every connection (PARLEY_LOG_LEVEL=debug), unless the words say otherwise.
func (f *fault) serve(words ...string) *patient {
	f.Helper()
	return f.attend(daemontest.Serve(f, program, f.words(words...)...))
}

// words are those of a daemon as serve starts it.
func (f *fault) words(words ...string) []string {
	variables, listeners := daemontest.SplitVariables(words)
	return slices.Concat([]string{"PARLEY_TRANSPORT=" + f.variable(), "PARLEY_LOG_FORMAT=json", "PARLEY_LOG_LEVEL=debug"}, variables, listeners,
		[]string{canaryListener})
}

// attend looks after a daemon that a case has started in its own way, with those words.
func (f *fault) attend(d *daemontest.Daemon) *patient {
	f.Helper()
	p := &patient{Daemon: d, f: f}
	p.examine()
	witness := plainEcho(f)
	f.Cleanup(p.check)
	p.canary, p.witness = daemontest.Fly(p.canaryAddress()), daemontest.Fly(witness)
	return p
}

// variable is the value of PARLEY_TRANSPORT.
func (f *fault) variable() string {
	if f.transport == "portable" {
		return "portable"
	}
	return "auto"
}

// canaryAddress is where the canary's listener is.
func (p *patient) canaryAddress() string { return p.Addresses[len(p.Addresses)-1] }

// own returns the sum of a metric over the case's own listeners, or over those of its series that have one of these labels.
func (p *patient) own(metric string, labels ...string) int {
	p.f.Helper()
	sum := 0.
	for series, value := range p.Scrape() {
		if !strings.HasPrefix(series, metric+"{") || strings.Contains(series, canaryListener) {
			continue
		}
		if labels == nil || slices.ContainsFunc(labels, func(label string) bool { return strings.Contains(series, label) }) {
			sum += value
		}
	}
	return int(sum)
}

// active returns how many connections of the case's own there are.
func (p *patient) active() int {
	p.f.Helper()
	return p.own("parley_connections_active")
}

// ended returns how many connections of the case's own have ended for one of these reasons; without any, how many for whatever
// reason.
func (p *patient) ended(reasons ...string) int {
	p.f.Helper()
	var labels []string
	for _, reason := range reasons {
		labels = append(labels, `reason="`+reason+`"`)
	}
	return p.own("parley_connections_closed_total", labels...)
}

// awaitEnded waits until so many have ended for one of these reasons, or for whatever reason, and then nobody else.
func (p *patient) awaitEnded(n int, reasons ...string) {
	p.f.Helper()
	p.f.eventually(fmt.Sprintf("%d have ended for %v", n, reasons), func() bool { return p.ended(reasons...) >= n })
	if got := p.ended(reasons...); got != n {
		p.f.Errorf("%d have ended for %v, want %d", got, reasons, n)
	}
}

// examine notes how the daemon is before the fault, once it has served somebody.
func (p *patient) examine() {
	first := p.f.dial(p.canaryAddress())
	_, err := first.Greeting()
	p.f.must(err)
	p.f.must(first.Echo("first"))
	first.Close()
	p.AwaitQuiet()
	p.before, p.files = p.Scrape(), p.Files()
	// Gathering the metrics takes goroutines itself, now more and now fewer.
	for range 20 {
		p.goroutines = max(p.goroutines, p.Scrape().Sum("go_goroutines"))
	}
	p.aborted = abortsOnClose(p.f)
}

// check is the ledger.
func (p *patient) check() {
	f := p.f
	flight, witness := p.canary.Land(), p.witness.Land()
	if !p.Running() {
		f.Errorf("the daemon has ended: %v", p.Cmd.ProcessState)
		return
	}
	p.checkCanary(flight, witness)
	after := p.AwaitQuiet()
	p.checkBack()
	if got, want := len(after), len(p.before); got != want {
		f.Errorf("%d series of metrics, %d before", got, want)
	}
	if got, want := after.Sum("process_start_time_seconds"), p.before.Sum("process_start_time_seconds"); got != want {
		f.Errorf("the process started at %v, it was at %v: it is not the same", got, want)
	}
	if got := abortsOnClose(f); got != p.aborted && !f.parallel && !p.clientsAbort {
		f.Errorf("TcpExtTCPAbortOnClose went from %d to %d: somebody closed with unread input", p.aborted, got)
	}
	p.Stop()
	p.checkLog(after)
}

// checkCanary looks at the health of the healthy client.
func (p *patient) checkCanary(flight, witness daemontest.Flight) {
	f := p.f
	for _, err := range flight.Errors {
		if !p.nobodyComes || !strings.Contains(err.Error(), "greeting: ") {
			f.Errorf("canary: %v", err)
		}
	}
	f.Logf("canary: %v; beside a plain echo: %v", flight, witness)
	if len(flight.Echoes) == 0 || raceDetector {
		return
	}
	p99, plain := daemontest.Quantile(flight.Echoes, .99), daemontest.Quantile(witness.Echoes, .99)
	if len(flight.Echoes) >= 100 { // Fewer say nothing about 99 %.
		f.figure("99 % of the canary's echoes within (of a plain echo's)", "%s", fmt.Sprintf("%v (%v)", rounded(p99), rounded(plain)))
	}
	bound := boundBeside(plain)
	slow := 0
	for _, took := range flight.Echoes {
		if took >= bound {
			slow++
		}
	}
	if slow > max(2, len(flight.Echoes)/100) { // Two late ones of fewer than 200 say nothing yet.
		f.Errorf("%d of %d of the canary's echoes took %v or more", slow, len(flight.Echoes), bound)
	}
}

// boundBeside returns what 99 % of a healthy client's messages may take at most when those of a plain echo took plain: on a machine
// that is busy with other things, that is late as well.
func boundBeside(plain time.Duration) time.Duration { return canaryP99 + 2*plain }

// checkBack waits until goroutines and files are back where they were.
func (p *patient) checkBack() {
	quiet := time.Now()
	var goroutines float64
	var files int
	p.f.eventually("goroutines and files are back where they were", func() bool {
		goroutines, files = p.Scrape().Sum("go_goroutines"), p.Files()
		if took := time.Since(quiet); took > backBy {
			p.f.Fatalf("%.0f goroutines and %d files %v after the last connection; before there were %.0f and %d",
				goroutines, files, took, p.goroutines, p.files)
		}
		return goroutines <= p.goroutines && files <= p.files
	})
}

// checkLog counts the log lines of connections against the metrics.
func (p *patient) checkLog(s daemontest.Scrape) {
	log := p.Stdout.String()
	lines := strings.Count(log, `"msg":"connection closed"`)
	leftOut := 0
	for _, match := range regexp.MustCompile(`"msg":"log lines left out","of":"connection closed","left_out":(\d+)`).FindAllStringSubmatch(log, -1) {
		n, err := strconv.Atoi(match[1])
		p.f.must(err)
		leftOut += n
	}
	closed, dropped := int(s.Sum("parley_connections_closed_total")), int(s.Sum("parley_log_dropped_total"))
	accounted := lines + leftOut
	debug := slices.Contains(p.Cmd.Env, "PARLEY_LOG_LEVEL=debug") && !slices.Contains(p.Cmd.Env, "PARLEY_LOG_LEVEL=info")
	if accounted > closed || debug && !p.lossyLog && accounted+dropped < closed {
		p.f.Errorf("%d connections have ended, but the log has lines of %d, leaves out %d and has dropped %d lines of any kind", closed, lines, leftOut, dropped)
	}
}

// abortsOnClose is how often the system has cut a connection of this network because it was closed with unread input
// (TcpExtTCPAbortOnClose, as nstat has it).
func abortsOnClose(f *fault) int {
	f.Helper()
	return int(netstat(f, "TcpExt:", "TCPAbortOnClose"))
}

// netstat returns a counter of /proc/net/netstat or /proc/net/snmp, which have a line of names and one of values for each group.
func netstat(f *fault, group, name string) int64 {
	f.Helper()
	for _, file := range []string{"/proc/net/netstat", "/proc/net/snmp"} {
		text, err := os.ReadFile(file)
		f.must(err)
		var names []string
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) == 0 || fields[0] != group {
				continue
			}
			if names == nil {
				names = fields
				continue
			}
			if at := slices.Index(names, name); at > 0 {
				n, err := strconv.ParseInt(fields[at], 10, 64)
				f.must(err)
				return n
			}
		}
	}
	f.Fatalf("the system has no counter %s %s", group, name)
	return 0
}

// plainEcho greets and echoes as the daemon does, with nothing in between: how long that takes tells how busy the machine is.
func plainEcho(f *fault) (address string) {
	f.Helper()
	return f.listen(func(conn net.Conn) {
		greeting := protocol.Greeting{ClientID: 1, You: conn.RemoteAddr().String(), Me: conn.LocalAddr().String(), Name: "witness", Handler: "echo"}
		_, _ = conn.Write(protocol.Text{}.AppendGreeting(nil, greeting))
		b := make([]byte, 4<<10)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			_, _ = fmt.Fprintf(conn, "ECHO: %s", b[:n])
		}
	})
}

// listen has whoever connects served, each by a goroutine, until the test ends. It waits for them, so clients are closed before.
func (f *fault) listen(serve func(conn net.Conn)) (address string) {
	f.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	f.must(err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	f.Cleanup(func() {
		socket.Close()
		all.Wait()
	})
	return socket.Addr().String()
}

// steadily does something so many times, and demands that memory does not grow with it: after the last time there may be so many
// MiB more than after the first third, in which buffers and tables reach their size.
func (p *patient) steadily(times int, allowed float64, do func(i int)) {
	p.f.Helper()
	early := 0
	for i := range times {
		do(i)
		if i == times/3 {
			early = p.Memory("VmRSS")
		}
	}
	grown := float64(p.Memory("VmRSS")-early) / 1024
	p.f.figure("memory grown from a third of the rounds to the last by", "%.1f MiB", grown)
	if grown > allowed && !raceDetector {
		p.f.Errorf("memory grew by %.1f MiB, want at most %.1f", grown, allowed)
	}
}
