//go:build unix

package main_test

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScript runs the sessions in testdata/script. Beside what testscript brings they have these commands; words in front
// of a program that have an equals sign are its variables, and ${NAME@R} is the variable's value, quoted for a pattern.
//
//	exits STATUS [VARIABLE=VALUE ...] PROGRAM [ARG ...]   run it, which is to end with this status
//	start NAME [VARIABLE=VALUE ...] parley serve [ARG ...]   start a daemon; $NAME is where it listens, $NAME_2 where its
//	                                                      second listener does, $NAME_admin the URL of its admin side
//	log NAME PATTERN        wait until its standard output has a line that matches
//	! log NAME PATTERN      the daemon has ended, and none has
//	signal NAME TERM|INT|KILL
//	ended NAME STATUS       wait for its end; stdout and stderr are then what it wrote
//	metric NAME PATTERN     wait until a line of its metrics matches
//	get URL                 stdout is then the answer's status and body
//	foreign NAME WORD...    start a server that is none of ours, as newForeignServer makes it; $NAME is where it listens, and
//	                        $NAME_pin what --pin takes for its certificate; the files of certificates are in $WORK
//	dial NAME ADDRESS       connect as client NAME, who hangs up first if connected
//	say NAME TEXT           send a line
//	send NAME TEXT          send text as it is, but for Go's escapes
//	expect NAME PATTERN     receive a line that matches
//	half-close NAME         end the client's side
//	hang-up NAME            close the connection
//	closed NAME             the server has ended its side, and nothing more came
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			t, ok := env.T().(testing.TB)
			if !ok {
				return fmt.Errorf("%T is no testing.TB", env.T())
			}
			env.Values[sessionKey{}] = &session{t: t, daemons: make(map[string]*daemon), clients: make(map[string]*client)}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      cmdExits,
			"start":      cmdStart,
			"log":        cmdLog,
			"signal":     cmdSignal,
			"ended":      cmdEnded,
			"metric":     cmdMetric,
			"get":        cmdGet,
			"foreign":    cmdForeign,
			"dial":       cmdDial,
			"say":        cmdSay,
			"send":       cmdSend,
			"expect":     cmdExpect,
			"half-close": cmdHalfClose,
			"hang-up":    cmdHangUp,
			"closed":     cmdClosed,
		},
	})
}

type sessionKey struct{}

// A session is what a script has started.
type session struct {
	t       testing.TB
	daemons map[string]*daemon
	clients map[string]*client
	certs   *certificates // nil: not made yet
}

// begin checks the form of a script's command, at least as many words as usage has, and returns the script's session.
func begin(ts *testscript.TestScript, neg bool, args []string, usage string) *session {
	words := strings.Fields(usage)
	if len(args) < len(words)-1 || len(args) > len(words)-1 && !strings.HasSuffix(usage, "...") {
		ts.Fatalf("usage: %s", usage)
	}
	if neg {
		ts.Fatalf("unsupported: ! %s", words[0])
	}
	return ts.Value(sessionKey{}).(*session)
}

func (s *session) daemon(ts *testscript.TestScript, name string) *daemon {
	d := s.daemons[name]
	if d == nil {
		ts.Fatalf("no daemon %s", name)
	}
	return d
}

func (s *session) client(ts *testscript.TestScript, name string) *client {
	c := s.clients[name]
	if c == nil {
		ts.Fatalf("no client %s", name)
	}
	return c
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	s := begin(ts, neg, args, "exits STATUS PROGRAM...")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := command(args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	p := launch(s.t, cmd)
	got := p.status()
	fmt.Fprint(ts.Stdout(), p.stdout.String())
	fmt.Fprint(ts.Stderr(), p.stderr.String())
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	s := begin(ts, neg, args, "start NAME PROGRAM...")
	name := args[0]
	cmd := command(args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	d := awaitDaemon(launch(s.t, cmd))
	s.daemons[name] = d
	for i, address := range d.addresses {
		if i == 0 {
			ts.Setenv(name, address)
		} else {
			ts.Setenv(fmt.Sprintf("%s_%d", name, i+1), address)
		}
	}
	ts.Setenv(name+"_admin", d.admin)
}

func cmdLog(ts *testscript.TestScript, neg bool, args []string) {
	s := begin(ts, false, args, "log NAME PATTERN")
	d := s.daemon(ts, args[0])
	if !neg {
		d.stdout.await(s.t, args[1])
		return
	}
	if d.running() {
		ts.Fatalf("the daemon may yet log it")
	}
	if regexp.MustCompile("(?m)" + args[1]).MatchString(d.stdout.String()) {
		ts.Fatalf("logged:\n%s", d.stdout)
	}
}

func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	s := begin(ts, neg, args, "signal NAME SIGNAL")
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}
	sig, ok := signals[args[1]]
	if !ok {
		ts.Fatalf("unknown signal %s", args[1])
	}
	s.daemon(ts, args[0]).signal(sig)
}

func cmdEnded(ts *testscript.TestScript, neg bool, args []string) {
	s := begin(ts, neg, args, "ended NAME STATUS")
	d := s.daemon(ts, args[0])
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	got := d.status()
	fmt.Fprint(ts.Stdout(), d.stdout.String())
	fmt.Fprint(ts.Stderr(), d.stderr.String())
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func cmdMetric(ts *testscript.TestScript, neg bool, args []string) {
	s := begin(ts, neg, args, "metric NAME PATTERN")
	d := s.daemon(ts, args[0])
	expr := regexp.MustCompile("(?m)" + args[1])
	eventually(s.t, "a metric that matches "+args[1], func() bool {
		_, body := d.get("/metrics")
		return expr.MatchString(body)
	})
}

func cmdGet(ts *testscript.TestScript, neg bool, args []string) {
	begin(ts, neg, args, "get URL")
	resp, err := adminClient.Get(args[0])
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s\n%s", resp.Status, body)
}

func cmdForeign(ts *testscript.TestScript, neg bool, args []string) {
	s := begin(ts, neg, args, "foreign NAME WORD...")
	if s.certs == nil {
		s.certs = newCertificates(s.t, ts.MkAbs("."))
	}
	name, words := args[0], args[1:]
	server, err := newForeignServer(s.t, s.certs, words)
	ts.Check(err)
	ts.Setenv(name, server.start())
	ts.Setenv(name+"_pin", s.certs.pin("server"))
	if slices.Contains(words, "expired") {
		ts.Setenv(name+"_pin", s.certs.pin("expired"))
	}
}

func cmdDial(ts *testscript.TestScript, neg bool, args []string) {
	s := begin(ts, neg, args, "dial NAME ADDRESS")
	if before := s.clients[args[0]]; before != nil {
		before.Close()
	}
	s.clients[args[0]] = dial(s.t, args[1])
}

func cmdSay(ts *testscript.TestScript, neg bool, args []string) {
	s := begin(ts, neg, args, "say NAME TEXT")
	ts.Check(s.client(ts, args[0]).send(args[1] + "\n"))
}

func cmdSend(ts *testscript.TestScript, neg bool, args []string) {
	s := begin(ts, neg, args, "send NAME TEXT")
	text, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	ts.Check(s.client(ts, args[0]).send(text))
}

func cmdExpect(ts *testscript.TestScript, neg bool, args []string) {
	s := begin(ts, neg, args, "expect NAME PATTERN")
	ts.Check(s.client(ts, args[0]).matches(args[1]))
}

func cmdHalfClose(ts *testscript.TestScript, neg bool, args []string) {
	s := begin(ts, neg, args, "half-close NAME")
	ts.Check(s.client(ts, args[0]).halfClose())
}

func cmdHangUp(ts *testscript.TestScript, neg bool, args []string) {
	s := begin(ts, neg, args, "hang-up NAME")
	s.client(ts, args[0]).Close()
}

func cmdClosed(ts *testscript.TestScript, neg bool, args []string) {
	s := begin(ts, neg, args, "closed NAME")
	ts.Check(s.client(ts, args[0]).ends())
}
