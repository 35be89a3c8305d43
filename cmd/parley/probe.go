package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/client"
	"parley/protocol"
	"parley/server"
)

// exitStatuses are the exit statuses of a probe and of a conversation that went wrong.
var exitStatuses = map[client.Kind]int{
	client.OK:          exitOK,
	client.Failed:      exitRun,
	client.NoName:      3,
	client.Refused:     4,
	client.Timeout:     5,
	client.Unreachable: 6,
	client.Reset:       7,
	client.BadTLS:      8,
	client.Wrong:       9,
	client.Closed:      9,
	client.Told:        9,
}

// errSaid ends the program when what went wrong has been printed already.
var errSaid = errors.New("")

// A probeCommand is what was typed.
type probeCommand struct {
	probe    client.Probe
	count    int // of probes, 0: until interrupted
	interval time.Duration
	series   bool     // more than one probe was asked for
	expect   []string // verdicts, any of which is the one that is wanted
	greeting string   // on, off or auto
	json     bool
	stdout   io.Writer
}

func newProbe(environ []string) *cobra.Command {
	var p probeCommand
	cmd := &cobra.Command{
		Use:   "probe [HOST:PORT | HOST PORT | SOCKET]",
		Short: "Check an endpoint and say why if it is not well",
		Long: `Check an endpoint: find its address, connect, read the greeting, send a message
and check the answer. One line says how it went, the exit status too:

  0 ok           3 dns           6 unreachable   9 wrong greeting or answer,
  1 interrupted  4 refused       7 reset           closed too early, or ERR
  2 usage        5 timeout       8 tls

Of several probes the status is that of the first one that was not ok.

Which answer is right depends on the handler that the greeting names: echo and
counting give the message back, and so does a server that does not greet; from
discard and chat there is none, and a chat is sent nothing unless -m says what;
any other one has to answer something.

Without an address it checks the first listener of PARLEY_LISTEN without faults
on this machine and sends nothing: a container's health check, for which the
server writes no log line. If all have faults, the first one need only take the
connection. One that lets in only others, by its lists or a client CA, is ok if
it turns this machine away: barred= says so.

With --tls and its like it speaks TLS, and says what is wrong with a certificate;
with --proxy it sends the header that proxies send. path= says how the server
sees us: direct, with our own address; nat, with another one; proxy, with the one
that a PROXY header tells, be it ours or that of a proxy on the way.

Every flag is also a variable: --server-name is PARLEY_PROBE_SERVER_NAME. A flag
wins.`,
		Example: `  parley probe 10.0.0.5:12000
  parley probe -c 5 -m "message {i}" 10.0.0.5:12000
  parley probe --expect refused,timeout 10.0.0.5:22   # this must be closed
  parley probe --ca ca.pem --server-name lab.test 10.0.0.5:7443
  parley probe --proxy v2 --proxy-from 203.0.113.9:51544 10.0.0.5:12000`,
		Args: peerArguments(0, "HOST:PORT or HOST PORT, or nothing: the first listener of PARLEY_LISTEN; a message goes with -m"),
	}
	flags := cmd.Flags()
	countFlag(flags, &p.count, "count", "c", 1, "how many probes, 0: until Ctrl-C")
	durationFlag(flags, &p.interval, "interval", "i", time.Second, "from the beginning of a probe to the next; without -c until Ctrl-C")
	flags.StringVarP(&p.probe.Message, "message", "m", "", `what is sent, {i} being the probe's number from 0 (default "parley probe {i}")`)
	booleanFlag(flags, &p.probe.Quiet, "quiet", "q", "send nothing: a greeting will do, or that the server ends its side when we do")
	flags.StringSliceVar(&p.expect, "expect", nil, "status 0 if and only if this is the verdict: ok, refused, timeout, ... or the reason of an ERR")
	booleanFlag(flags, &p.json, "json", "", "print one JSON object, of several probes a summary at the end")
	durationFlag(flags, &p.probe.Timeout, "timeout", "", 5*time.Second, "how long a probe may take")
	flags.StringVar(&p.probe.Dialer.Wire, "wire", "", "speak "+wireNames()+" (default: as the greeting does)")
	flags.StringVar(&p.greeting, "greeting", "auto", "on: there must be one, off: do not wait for it, auto: there may be one within 300 ms")
	transport := transportFlags(flags)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := flagsFromEnvironment(cmd, environ); err != nil {
			return err
		}
		p.stdout = cmd.OutOrStdout()
		p.probe.Blank = flags.Changed("message") && p.probe.Message == ""
		p.series = flags.Changed("count") || flags.Changed("interval")
		if flags.Changed("expect") && len(p.expect) == 0 {
			return errors.New(`--expect="": want a verdict, such as ok, refused or timeout, or the reason of an ERR`)
		}
		if flags.Changed("interval") && !flags.Changed("count") {
			p.count = 0
		}
		if err := p.check(); err != nil {
			return err
		}
		if err := transport(&p.probe.Dialer); err != nil {
			return err
		}
		if err := p.aim(args, environ); err != nil {
			return err
		}
		return p.run(cmd.Context())
	}
	return cmd
}

// check returns what is wrong with the flags.
func (p *probeCommand) check() error {
	switch {
	case p.count < 0:
		return fmt.Errorf("--count=%d: want 0 or more", p.count)
	case p.interval < 0:
		return fmt.Errorf("--interval=%v: want 0 or more", p.interval)
	case p.probe.Timeout <= 0:
		return fmt.Errorf("--timeout=%v: want more than 0", p.probe.Timeout)
	case strings.ContainsAny(p.probe.Message, "\r\n"):
		return errors.New("--message: one line is one message")
	case p.probe.Quiet && (p.probe.Message != "" || p.probe.Blank):
		return errors.New("--quiet sends no --message: leave one of them out")
	}
	for _, verdict := range p.expect {
		if !slices.Contains(client.Kinds(), client.Kind(verdict)) && !isReason(verdict) {
			return fmt.Errorf("--expect=%q: unknown verdict; valid: %s, or the reason of an ERR, such as server_full", verdict, kindNames())
		}
	}
	switch p.greeting {
	case "on":
		p.probe.MustGreet = true
	case "off":
		p.probe.Dialer.NoGreeting = true
	case "auto":
	default:
		return fmt.Errorf("--greeting=%q: want on, off or auto", p.greeting)
	}
	return checkWire(p.probe.Dialer.Wire)
}

func kindNames() string {
	var names []string
	for _, kind := range client.Kinds() {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}

// isReason reports whether a connection may end for a reason of this name.
func isReason(name string) bool {
	return slices.ContainsFunc(server.Reasons(), func(r server.Reason) bool { return r.String() == name })
}

func reasonNames() string {
	var names []string
	for _, reason := range server.Reasons() {
		names = append(names, reason.String())
	}
	return strings.Join(names, ", ")
}

func wireNames() string {
	return strings.Join(slices.Sorted(maps.Keys(protocol.Wires)), ", ")
}

// checkWire returns what is wrong with the value of --wire.
func checkWire(name string) error {
	if name != "" && protocol.Wires[name] == nil {
		return fmt.Errorf("--wire=%q: unknown wire; valid: %s", name, wireNames())
	}
	return nil
}

// peerAddress reads HOST:PORT, HOST and PORT, or the path of a socket.
func peerAddress(args []string) (client.Address, error) {
	if len(args) == 2 {
		return client.TCPAddress(args[0], args[1])
	}
	return client.ParseAddress(args[0])
}

// aim sets what is to be probed.
func (p *probeCommand) aim(args, environ []string) (err error) {
	if len(args) == 0 {
		return p.aimAtOurselves(environ)
	}
	p.probe.Address, err = peerAddress(args)
	return err
}

// run probes and prints what comes of it.
func (p *probeCommand) run(ctx context.Context) error {
	ctx, stop := untilSignal(ctx)
	defer stop()

	stats := client.NewStats(p.probe.Address)
	var failed error
	for v := range p.probe.Series(ctx, p.count, p.interval) {
		stats.Add(v)
		if v.Interrupted() {
			break
		}
		if failed == nil {
			failed = p.judge(v)
		}
		if p.series && p.json {
			continue
		}
		if err := p.print(v); err != nil {
			return runError(err)
		}
	}
	if p.series {
		if err := p.print(stats); err != nil {
			return runError(err)
		}
	}
	if stats.Probes() == 0 {
		return runError(errors.New("interrupted"))
	}
	return failed
}

// print prints a verdict or a summary.
func (p *probeCommand) print(what fmt.Stringer) error {
	text := strings.TrimSuffix(what.String(), "\n")
	if p.json {
		object, err := json.Marshal(what)
		if err != nil {
			return err
		}
		text = string(object)
	}
	_, err := fmt.Fprintln(p.stdout, text)
	return err
}

// judge returns the error that ends the program after this verdict.
func (p *probeCommand) judge(v client.Verdict) error {
	if len(p.expect) == 0 {
		if v.Kind == client.OK {
			return nil
		}
		return statusError{exitStatuses[v.Kind], errSaid}
	}
	if slices.Contains(p.expect, string(v.Kind)) || slices.Contains(p.expect, v.Reason()) {
		return nil
	}
	return statusError{max(exitStatuses[v.Kind], exitRun), fmt.Errorf("expected %s, and it was %s", strings.Join(p.expect, " or "), v.Kind)}
}
