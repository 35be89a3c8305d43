//go:build system && linux

package main_test

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// A netcat is a program that people converse with servers by.
type netcat struct {
	argv []string // %h and %p stand for host and port

	// What it does at the end of its input: end its side, or go on receiving, or leave, so that an answer which
	// comes later is lost.
	atEOF endOfInput
}

type endOfInput int

const (
	halfCloses endOfInput = iota
	stays
	leaves
)

var netcats = map[string]netcat{
	"OpenBSD nc":               {[]string{"nc.openbsd", "%h", "%p"}, stays},
	"OpenBSD nc -N":            {[]string{"nc.openbsd", "-N", "%h", "%p"}, halfCloses},
	"OpenBSD nc -q 1":          {[]string{"nc.openbsd", "-q", "1", "%h", "%p"}, halfCloses},
	"traditional nc":           {[]string{"nc.traditional", "%h", "%p"}, stays},
	"traditional nc -q 30":     {[]string{"nc.traditional", "-q", "30", "%h", "%p"}, halfCloses},
	"ncat":                     {[]string{"ncat", "%h", "%p"}, halfCloses},
	"ncat -C":                  {[]string{"ncat", "-C", "%h", "%p"}, halfCloses}, // lines end with CR LF
	"ncat --no-shutdown":       {[]string{"ncat", "--no-shutdown", "%h", "%p"}, stays},
	"socat":                    {[]string{"socat", "-t30", "-", "TCP:%h:%p"}, halfCloses},
	"socat with its side open": {[]string{"socat", "-t30", "-", "TCP:%h:%p,shut-none"}, stays},
	"telnet":                   {[]string{"telnet", "%h", "%p"}, leaves},
}

// command returns the program for a server at address.
func (n netcat) command(t testing.TB, address string) *exec.Cmd {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	must(t, err)
	var argv []string
	for _, arg := range n.argv {
		argv = append(argv, strings.NewReplacer("%h", host, "%p", port).Replace(arg))
	}
	return command(argv...)
}

// A typist is a program that is given its input by and by.
type typist struct {
	*process
	stdin io.WriteCloser
}

func launchTypist(t testing.TB, cmd *exec.Cmd) *typist {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	must(t, err)
	return &typist{launch(t, cmd), stdin}
}

func (p *typist) types(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.stdin, text); err != nil {
		p.t.Fatalf("%v: %v\n%s%s", p.cmd, err, p.stdout, p.stderr)
	}
}

// printed returns what the program printed, without what telnet has to say for itself.
func (p *typist) printed() string {
	return telnetChatter.ReplaceAllString(p.stdout.String(), "")
}

var telnetChatter = regexp.MustCompile(`(?m)^(Trying .*|Connected to .*|Escape character .*|Connection closed by foreign host\.)\r?\n`)

// The happy and the echo server's labs, with every program: the input whole, as from a pipe, and by and by, as from a
// keyboard; each message with a newline behind it and without.
func TestLabs(t *testing.T) {
	t.Parallel()
	d := serveBuilt(t, "echo://127.0.0.1:0", "happy://127.0.0.1:0")
	echo, happy := d.addresses[0], d.addresses[1]
	const happyAnswer = "HELLO. I am the Happy Server :-)\n"
	for name, n := range netcats {
		for newline, end := range map[string]string{"newline": "\n", "no newline": ""} {
			greeting := func(address, handler string) string {
				return fmt.Sprintf(`HELLO clientid=\d+ you=127\.0\.0\.1:\d+ me=%s name=\S+ handler=%s\n`, regexp.QuoteMeta(address), handler)
			}
			check := func(t *testing.T, p *typist, want string) {
				t.Helper()
				if got := p.printed(); !regexp.MustCompile("^" + want + "$").MatchString(got) {
					t.Errorf("%v printed\n%s%swant\n%s", p.cmd, got, p.stderr, want)
				}
			}
			t.Run("happy/keyboard/"+name+"/"+newline, func(t *testing.T) {
				t.Parallel()
				p := launchTypist(t, n.command(t, happy))
				p.types("are you well?" + end)
				p.stdout.await(t, `^HELLO\. I am the Happy Server :-\)\r?$`)
				p.stdin.Close()
				p.status()
				check(t, p, greeting(happy, "happy")+regexp.QuoteMeta(happyAnswer))
			})
			t.Run("echo/keyboard/"+name+"/"+newline, func(t *testing.T) {
				t.Parallel()
				p := launchTypist(t, n.command(t, echo))
				p.types("hi" + end)
				p.stdout.await(t, `^ECHO: hi\r?$`)
				p.types("and again" + end)
				p.stdout.await(t, `^ECHO: and again\r?$`)
				p.stdin.Close()
				if n.atEOF != stays {
					p.status()
				}
				check(t, p, greeting(echo, "echo")+"ECHO: hi\nECHO: and again\n")
			})
			if n.atEOF == leaves {
				continue
			}
			t.Run("happy/pipe/"+name+"/"+newline, func(t *testing.T) {
				t.Parallel()
				p := launchTypist(t, n.command(t, happy))
				p.types("are you well?" + end)
				p.stdin.Close()
				p.status()
				check(t, p, greeting(happy, "happy")+regexp.QuoteMeta(happyAnswer))
			})
			t.Run("echo/pipe/"+name+"/"+newline, func(t *testing.T) {
				t.Parallel()
				p := launchTypist(t, n.command(t, echo))
				p.types("hi\nthere" + end)
				p.stdin.Close()
				if n.atEOF == halfCloses {
					p.status()
				} else if end != "" {
					p.stdout.await(t, `^ECHO: there$`)
				} else {
					// After a newline only newlines end a message, and the end of its side, which it does not end.
					p.stdout.await(t, `^ECHO: hi$`)
					check(t, p, greeting(echo, "echo")+"ECHO: hi\n")
					return
				}
				check(t, p, greeting(echo, "echo")+"ECHO: hi\nECHO: there\n")
			})
		}
	}
}

// telnet, typed into at a real terminal.
func TestLabsTelnetAtATerminal(t *testing.T) {
	t.Parallel()
	d := serveBuilt(t, "echo://127.0.0.1:0", "happy://127.0.0.1:0")
	for i, want := range []string{"ECHO: hi", "HELLO. I am the Happy Server :-)"} {
		host, port, err := net.SplitHostPort(d.addresses[i])
		must(t, err)
		p := launchTypist(t, atATerminal("telnet "+host+" "+port))
		p.stdout.await(t, `^HELLO clientid=`)
		p.types("hi\r")
		p.stdout.await(t, "^"+regexp.QuoteMeta(want)+`\r$`)
		if i == 0 {
			p.types("\x1d") // Ctrl-]
			p.stdout.await(t, `telnet> $`)
			p.types("quit\r")
		}
		p.status()
	}
}

// atATerminal returns a program to be launched at a terminal of its own: its input is typed there, and its output is what
// the terminal is sent.
func atATerminal(line string, variables ...string) *exec.Cmd {
	return command(append(variables, "script", "--quiet", "--return", "--flush", "--command", "exec "+line, "/dev/null")...)
}

// serveAtATerminal starts a daemon at a terminal.
func serveAtATerminal(t *testing.T, args string, variables ...string) (*daemon, *typist) {
	t.Helper()
	binary, err := build()
	must(t, err)
	p := launchTypist(t, atATerminal(binary+" serve "+args, variables...))
	return awaitDaemon(p.process), p
}

// The server's console shows what clients say in green when asked to, and Ctrl-C ends it with a line that a person
// understands.
func TestLabsGreenMessages(t *testing.T) {
	t.Parallel()
	d, console := serveAtATerminal(t, "--log-messages echo://127.0.0.1:0")
	nc := launchTypist(t, netcats["OpenBSD nc -N"].command(t, d.addresses[0]))
	nc.types("hi\nred \x1b[31m alert\n")
	nc.stdin.Close()
	nc.exits(0)
	d.stdout.await(t, `\d\d:\d\d:\d\d\.\d{3}  \x1b\[34mINFO\x1b\[0m   message  clientid=1 peer=127\.0\.0\.1:\d+ message=\x1b\[32mhi\x1b\[0m\r$`)
	d.stdout.await(t, `message=\x1b\[32m"red \\u001b\[31m alert"\x1b\[0m\r$`)
	d.stdout.await(t, `connection closed  clientid=1 .* reason=client_closed\r$`)

	console.types("\x03")
	d.exits(0)
	d.stdout.await(t, `stopping  signal=interrupt drain_delay=0s drain_timeout=8s\r$`)
	d.stdout.await(t, `stopped  drained=\d cut=0 took=\S+\r$`)
}

func TestLabsConsole(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args      string
		variables []string
		want, not string
	}{
		"messages are not shown unasked": {"", nil, "connection closed", "secret"},
		"NO_COLOR":                       {"--log-messages", []string{"NO_COLOR=1"}, `message=secret\r$`, "\x1b"},
		"a terminal without colours":     {"--log-messages", []string{"TERM=dumb"}, `message=secret\r$`, "\x1b"},
		"JSON when asked for":            {"--log-messages --log-format=json", nil, `"message":"secret"\}\r$`, "\x1b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, console := serveAtATerminal(t, tt.args+" echo://127.0.0.1:0", tt.variables...)
			nc := launchTypist(t, netcats["OpenBSD nc -N"].command(t, d.addresses[0]))
			nc.types("secret\n")
			nc.stdin.Close()
			nc.exits(0)
			d.stdout.await(t, tt.want)
			console.types("\x03")
			d.exits(0)
			if strings.Contains(d.stdout.String(), tt.not) {
				t.Errorf("%q is shown", tt.not)
			}
		})
	}
}

// The counting server's lab: five clients, each another program, are shown with IP and port, and when the last one has left
// they are all listed, and the server ends with status 0.
func TestLabsCounting(t *testing.T) {
	t.Parallel()
	d := serveBuilt(t, "--log-format=console", "counting://127.0.0.1:0?limit=5")
	var report []string
	for i, name := range []string{"OpenBSD nc", "traditional nc", "ncat", "socat", "telnet"} {
		p := launchTypist(t, netcats[name].command(t, d.addresses[0]))
		p.types("hi\n")
		p.stdout.await(t, `^ECHO: hi$`)
		you := p.stdout.find(t, `^HELLO clientid=(\d+) you=127\.0\.0\.1:(\d+) `)
		d.stdout.await(t, fmt.Sprintf(`client counted  clientid=%s peer=127\.0\.0\.1:%s number=%d ip=127\.0\.0\.1 port=%[2]s$`, you[1], you[2], i+1))
		report = append(report, fmt.Sprintf(`client %d of 5: clientid=%s ip=127\.0\.0\.1 port=%s\n`, i+1, you[1], you[2]))
		p.stdin.Close()
		if netcats[name].atEOF == stays {
			must(t, p.cmd.Process.Kill())
		}
		p.status()
	}
	d.exits(0)
	d.stdout.await(t, strings.Join(report, `.*  INFO   `))
}

// Clients as students write them: blocking sockets, no newline, and recv(4096) for a message.
func TestLabsPython(t *testing.T) {
	t.Parallel()
	d := serveBuilt(t, "happy://127.0.0.1:0", "happy://127.0.0.1:0?greeting=off", "echo://127.0.0.1:0", "echo://127.0.0.1:0?greeting=off", "counting://127.0.0.1:0")
	const greeting = `HELLO clientid=\d+ you=127\.0\.0\.1:\d+ me=127\.0\.0\.1:\d+ name=\S+ handler=\w+\n`
	const happy = `HELLO\. I am the Happy Server :-\)\nthen b''\n`
	const echo = `ECHO: Test\nECHO: two words\nECHO: third\nECHO: fourth\n`
	for name, tt := range map[string]struct {
		listener int
		argv     []string
		want     string
	}{
		"happy":                      {0, []string{"happy.py", "greeting"}, greeting + happy},
		"happy without the greeting": {1, []string{"happy.py"}, happy},
		"echo":                       {2, []string{"echo.py", "greeting"}, `from 127\.0\.0\.1:\d+\n` + greeting + echo},
		"echo without the greeting":  {3, []string{"echo.py"}, `from 127\.0\.0\.1:\d+\n` + echo},
		"many at once":               {2, []string{"threads.py"}, `50 clients, 0 faults\n`},
		"one who is counted":         {4, []string{"echo.py", "greeting"}, `from 127\.0\.0\.1:\d+\n` + greeting + echo},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host, port, err := net.SplitHostPort(d.addresses[tt.listener])
			must(t, err)
			argv := append([]string{"python3", "testdata/labs/" + tt.argv[0], host, port}, tt.argv[1:]...)
			p := launch(t, command(argv...))
			p.exits(0)
			if got := p.stdout.String(); !regexp.MustCompile("^" + tt.want + "$").MatchString(got) {
				t.Errorf("printed\n%s%swant\n%s", got, p.stderr, tt.want)
			}
			if from := regexp.MustCompile(`from 127\.0\.0\.1:(\d+)`).FindStringSubmatch(p.stdout.String()); from != nil && tt.listener == 4 {
				d.stdout.await(t, `"msg":"client counted".*"ip":"127\.0\.0\.1","port":"`+from[1]+`"`)
			}
		})
	}
}
