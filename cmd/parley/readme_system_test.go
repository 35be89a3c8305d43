//go:build linux && (system || engine)

package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestREADME runs the blocks of README, and those of each page in docs, from top to bottom, as a reader would who has a few
// terminals.
//
// It needs root, for a network of its own (unshare) in which every port is free and the host is called lab, and the real
// programs that README uses. Commands run in an empty folder, those of go in the module's. What is printed is to be what
// README shows, but for what readmeVarying lists, and what ... stands for: the rest of a line, or any number of lines.
//
// Of the two commands at the top the first is run by the block below it. The second is a step of .ci/run of its own: here
// it would only be run once more.
func TestREADME(t *testing.T) {
	t.Parallel()
	for _, page := range readmePages(t) {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			lab := newReadmeLab(t)
			lab.runAll(readmeBlocks(t, page))
			if page == "docs/labs.md" && !lab.green {
				t.Error("no message was green on the terminal")
			}
		})
	}
}

func (l *readmeLab) runAll(blocks []readmeBlock) {
	t := l.t
	t.Helper()
	for _, b := range blocks {
		t.Logf("%v", b)
		switch {
		case b.kind == "console" && slices.Contains(readmeTerminals, b.arg):
			l.terminal(b)
		case b.kind == "console" && b.arg == "":
			l.console(b)
		case b.kind == "console": // docker: see TestREADMEImage
			script := filepath.Join(t.TempDir(), "docker.sh")
			for _, c := range readmeCommands(b.text) {
				l.save(script, c.command+"\n")
				if said := l.run("bash -n " + script); said != "" {
					t.Errorf("%v: %s", b, said)
				}
			}
		case b.kind == "python", b.kind == "haproxy":
			l.save(filepath.Join(l.folder, b.arg), b.text)
		case b.kind == "go":
			l.overlay(b.arg, b.text)
		case b.kind == "diff":
			changed, err := b.patch()
			if err != nil {
				t.Fatalf("%v: %v", b, err)
			}
			l.overlay(b.arg, changed)
			if said := l.run("go vet ./" + filepath.Dir(b.arg)); said != "" {
				t.Errorf("%v: go vet:\n%s", b, said)
			}
		}
	}
	for _, name := range readmeTerminals {
		l.stop(name)
	}
}

// TestREADMEMetrics compares README's table of metrics with what the daemon serves.
func TestREADMEMetrics(t *testing.T) {
	t.Parallel()
	lab := newReadmeLab(t)
	lab.terminal(readmeBlock{kind: "console", arg: "server", text: "$ go run ./cmd/parley serve echo+tls://:12000\n"})
	page := lab.run("curl -sS http://127.0.0.1:12001/metrics")
	lab.stop("server")

	want := "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n"
	sample := regexp.MustCompile(`(?m)^# HELP (parley_\w+) (.*)\n# TYPE \w+ (\w+)\n\w+(?:{(.*?)})? `)
	for _, m := range sample.FindAllStringSubmatch(page, -1) {
		var labels []string
		for _, label := range regexp.MustCompile(`(\w+)="`).FindAllStringSubmatch(m[4], -1) {
			if label[1] != "le" { // a bucket's bound
				labels = append(labels, "`"+label[1]+"`")
			}
		}
		want += fmt.Sprintf("| `%s` | %s | %s | %s |\n", m[1], m[3], strings.Join(labels, ", "), m[2])
	}
	if n := strings.Count(page, "# TYPE parley_"); n == 0 || n != strings.Count(want, "| `parley_") {
		t.Fatalf("%d metrics understood of %d in\n%s", strings.Count(want, "| `parley_"), n, page)
	}
	checkTable(t, "metric", strings.ReplaceAll(want, "|  |", "| none |"))
}

// readmeVarying is what differs from run to run; README shows one value, and any other of the same form will do.
var readmeVarying = []struct {
	what    string
	pattern *regexp.Regexp
	with    string
}{
	{"time of day", regexp.MustCompile(`\d\d:\d\d:\d\d\.\d{3}`), "00:00:00.000"},
	{"time of day, to the second", regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`), "00:00:00"},
	{"how long a server is up", regexp.MustCompile(`, up [\dms.]+`), ", up 0s"},
	{"for how long a client is idle", regexp.MustCompile(` +[\dms.]+s( +\d+/\d+  )`), "   0s$1"},
	{"port that the system chose for a client", regexp.MustCompile(`(port=|:)[3-6]\d{4}\b`), "${1}PORT"},
	{"duration", regexp.MustCompile(`\b(duration|took)=\S+`), "$1=TIME"},
	{"what a probe measured", regexp.MustCompile(`\b\d+\.\dm?s\b`), "0.0ms"},
	{"what a bench measured", regexp.MustCompile(`\b\d+\.\d{3}ms\b`), "0.000ms"},
	{"how much a bench did", regexp.MustCompile(`\b[\d.]+( messages in | connections in | GB |/s| [GM]B/s)`), "0$1"},
	{"for how long, to a tenth of a second", regexp.MustCompile(`\b(in|survived) \d\.\ds`), "$1 0.0s"},
	{"the same in JSON", regexp.MustCompile(`(_ms":)[\d.]+`), "${1}0"},
	{"date of RFC 867", regexp.MustCompile(`\b[SMTWF]\w+day, [A-Z]\w+ \d{1,2}, \d{4} \d\d:\d\d:\d\d-[A-Z]+`), "DATE"},
}

func readmeConstant(text string) string {
	for _, v := range readmeVarying {
		text = v.pattern.ReplaceAllString(text, v.with)
	}
	return text
}

// readmePattern matches what text says, with ... as the rest of a line or any number of lines.
func readmePattern(text string) *regexp.Regexp {
	var pattern strings.Builder
	pattern.WriteString(`\A`)
	for line := range strings.Lines(readmeConstant(text)) {
		if line == "...\n" {
			pattern.WriteString(`(?:.*\n)*?`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), `\.\.\.`, `.*`))
	}
	pattern.WriteString(`\z`)
	return regexp.MustCompile(pattern.String())
}

// How long things may take, on a machine that is busy with other tests: both compile.
const (
	readmeBlockTimeout    = 3 * time.Minute
	readmeTerminalTimeout = 3 * time.Minute
)

// A readmeLab is where README is tried: a network, a folder, and what runs in its terminals.
type readmeLab struct {
	t        *testing.T
	folder   string   // the reader's
	within   []string // what puts a command into the network
	env      []string
	patience time.Duration // how long a block of commands may take

	replaced  map[string]string          // files of the code, and what go is to read instead
	terminals map[string]*readmeTerminal // by name
	green     bool                       // a message was green
}

func newReadmeLab(t *testing.T) *readmeLab {
	t.Helper()
	// nc is whatever the machine has by that name, and README speaks of one.
	programs := map[string]string{"nc": "nc.openbsd"}
	for _, name := range []string{"bash", "curl", "go", "haproxy", "ip", "hostname", "nft", "nsenter", "openssl", "python3", "script", "socat", "ss", "unshare"} {
		programs[name] = name
	}
	bin := t.TempDir()
	for name, program := range programs {
		path, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		if name != program {
			if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	lab := &readmeLab{t: t, folder: t.TempDir(), patience: readmeBlockTimeout, replaced: make(map[string]string), terminals: make(map[string]*readmeTerminal)}
	// The files that README says how to use are where it says.
	if err := os.Symlink(filepath.Join(lab.in("go"), "deploy"), filepath.Join(lab.folder, "deploy")); err != nil {
		t.Fatal(err)
	}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PARLEY_") {
			lab.env = append(lab.env, variable)
		}
	}
	lab.env = append(lab.env, "GOBIN="+bin, "PATH="+bin+":"+os.Getenv("PATH"), "SHELL=/bin/bash", "TERM=xterm", "NO_COLOR=", "LC_ALL=C")
	lab.within = readmeNetwork(t)
	return lab
}

// readmeNetwork makes a network with nothing but loopback in it, and a host name of its own. It returns what puts a
// command into it.
func readmeNetwork(t *testing.T) []string {
	t.Helper()
	holder := exec.Command("unshare", "--net", "--uts", "sh", "-c", "ip link set lo up && hostname lab && echo ready && exec cat")
	holder.Stderr = os.Stderr
	stdin, err := holder.StdinPipe() // The network ends with it, and so with this process.
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		killAllIn(fmt.Sprintf("/proc/%d/ns/net", holder.Process.Pid))
		_ = stdin.Close()
		_ = holder.Wait()
	})
	if said, err := bufio.NewReader(stdout).ReadString('\n'); said != "ready\n" {
		t.Fatalf("no network of our own, which takes root: unshare: %v", err)
	}
	return []string{"nsenter", fmt.Sprintf("--target=%d", holder.Process.Pid), "--net", "--uts"}
}

// killAllIn ends every process of a network: what README leaves in the background, and after a failure the rest.
func killAllIn(network string) {
	theirs, err := os.Readlink(network)
	ours, ourErr := os.Readlink("/proc/self/ns/net")
	if err != nil || ourErr != nil || theirs == ours {
		return
	}
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		if its, err := os.Readlink(filepath.Join(process, "ns", "net")); err == nil && its == theirs {
			if pid, err := strconv.Atoi(filepath.Base(process)); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}

// command is a command within the network, in a process group of its own which is killed when ctx ends.
func (l *readmeLab) command(ctx context.Context, folder string, args ...string) *exec.Cmd {
	args = slices.Concat(l.within, args)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = folder
	cmd.Env = l.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// in is the folder that a command is typed in.
func (l *readmeLab) in(command string) string {
	if program, _, _ := strings.Cut(command, " "); program == "go" || program == "docker" {
		root, err := filepath.Abs(moduleRoot)
		if err != nil {
			l.t.Fatal(err)
		}
		return root
	}
	return l.folder
}

func (l *readmeLab) save(path, text string) {
	l.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// overlay makes go read text where it would read the file at path, which need not be there.
func (l *readmeLab) overlay(path, text string) {
	l.t.Helper()
	root := l.in("go")
	instead := filepath.Join(l.t.TempDir(), filepath.Base(path))
	l.save(instead, text)
	l.replaced[filepath.Join(root, path)] = instead
	list, err := json.Marshal(map[string]any{"Replace": l.replaced})
	if err != nil {
		l.t.Fatal(err)
	}
	file := filepath.Join(l.t.TempDir(), "overlay.json")
	l.save(file, string(list))
	l.env = append(l.env, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+file))
}

// run runs one command and returns what it printed.
func (l *readmeLab) run(command string) string {
	l.t.Helper()
	return l.session(readmeCommand{command: command})[0]
}

// console runs a block's commands in one shell, one after the other, and compares what each prints.
func (l *readmeLab) console(b readmeBlock) {
	l.t.Helper()
	commands := readmeCommands(b.text)
	for i, got := range l.session(commands...) {
		c := commands[i]
		if !readmePattern(c.output).MatchString(readmeConstant(got)) {
			l.t.Fatalf("%v: $ %s\n(-README +program):\n%s", b, c.command, cmp.Diff(readmeConstant(c.output), readmeConstant(got)))
		}
	}
}

// session runs commands in one shell and returns what each has printed, ended by a newline.
func (l *readmeLab) session(commands ...readmeCommand) []string {
	l.t.Helper()
	const end = "\x1e" // printed behind each command's output
	folder := l.t.TempDir()
	script := ""
	for i, c := range commands {
		file := filepath.Join(folder, fmt.Sprint(i))
		l.save(file, c.command+"\n")
		// The file is what the reader types. Around it, $? stays what it was.
		script += fmt.Sprintf("cd '%s' && (exit $status); . '%s'; status=$?; printf '%s'\n", l.in(c.command), file, end)
	}
	// A file, because the end of a pipe would not come before that of what goes on in the background.
	printed, err := os.Create(filepath.Join(folder, "output"))
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = printed.Close() }()
	ctx, cancel := context.WithTimeout(l.t.Context(), l.patience)
	defer cancel()
	shell := l.command(ctx, l.folder, "bash", "-c", script)
	shell.Stdout, shell.Stderr = printed, printed
	err = shell.Run()
	output, readErr := os.ReadFile(printed.Name())
	if readErr != nil {
		l.t.Fatal(readErr)
	}
	if ctx.Err() != nil {
		l.t.Fatalf("after %v still running:\n%s\nprinted so far:\n%s", l.patience, script, output)
	}
	outputs := strings.SplitAfter(string(output), end)
	if len(outputs) != len(commands)+1 {
		l.t.Fatalf("the shell ended early (%v):\n%s", err, output)
	}
	for i, o := range outputs {
		o = strings.ReplaceAll(strings.TrimSuffix(o, end), "\r\n", "\n") // as a terminal shows it
		if o != "" && !strings.HasSuffix(o, "\n") {
			o += "\n"
		}
		outputs[i] = o
	}
	return outputs[:len(commands)]
}

// readmeTerminals are the terminals that a reader has beside the one whose commands end: a block of a kind like
// "console server" goes on in it.
var readmeTerminals = []string{"server", "client", "client 2", "client 3"}

// A readmeTerminal runs one program after the other.
type readmeTerminal struct {
	name     string
	command  string
	cmd      *exec.Cmd
	keyboard io.WriteCloser
	lines    chan string // what it prints
	shown    []string    // lines that no block has shown yet
	stopping bool        // Ctrl-C was typed
}

// terminal goes on with what runs in a terminal, or starts something else there.
func (l *readmeLab) terminal(b readmeBlock) {
	l.t.Helper()
	var want []string
	for line := range strings.Lines(b.text) {
		term := l.terminals[b.arg]
		command, started := strings.CutPrefix(line, "$ ")
		switch {
		case line == "$ echo $?\n":
			l.expect(b, want)
			want = nil
			term.shown = append(term.shown, fmt.Sprintf("%d\n", l.wait(b, term)))
		case started:
			l.expect(b, want)
			want = nil
			l.stop(b.arg)
			l.start(b, strings.TrimSuffix(command, "\n"))
			if _, shown, _ := strings.Cut(b.text, line); b.arg == "server" && (shown == "" || strings.HasPrefix(shown, "^C")) {
				l.expect(b, []string{"...admin listening...\n", "...\n"})
			}
		case strings.HasPrefix(line, "^C"):
			l.expect(b, want)
			// What ... stands for may be still on its way.
			want = append(slices.DeleteFunc(want, func(line string) bool { return line != "...\n" }), line)
			term.interrupt()
		case term != nil && term.isTyped(line):
			l.expect(b, want)
			want = []string{line} // The terminal shows it.
			term.types(strings.TrimSuffix(strings.TrimPrefix(line, "> "), "\n"))
		default:
			want = append(want, line)
		}
	}
	l.expect(b, want)
}

// readmeSaid is what a chat says to the operator; whatever else stands there is typed.
var readmeSaid = regexp.MustCompile(`^(\* |<|chat on |stopped$|\.\.\.$)`)

// isTyped reports whether a line is one that the reader types: behind a prompt, or at the console of a chat.
func (term *readmeTerminal) isTyped(line string) bool {
	if strings.Contains(term.command, "--console") {
		return !readmeSaid.MatchString(strings.TrimSuffix(line, "\n"))
	}
	return strings.HasPrefix(line, "> ")
}

func (l *readmeLab) start(b readmeBlock, command string) {
	l.t.Helper()
	// The terminal is script's. What is written to it is what is typed. It is wide, so that no line is broken.
	cmd := l.command(l.t.Context(), l.in(command), "script", "--quiet", "--return", "--echo", "always", "--command", "stty columns 500; exec env "+command, "/dev/null")
	keyboard, err := cmd.StdinPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.t.Fatalf("%v: %v", b, err)
	}
	term := &readmeTerminal{name: b.arg, command: command, cmd: cmd, keyboard: keyboard, lines: make(chan string, 1<<12)}
	go term.read(stdout)
	l.terminals[b.arg] = term
}

var readmeColour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// readmeRedrawn is a prompt that was taken away for a line that came in, or that nothing was typed behind.
var readmeRedrawn = regexp.MustCompile("^> (\x1b\\[\\d*D\x1b\\[K|$)")

// read takes the lines off the terminal, until it is closed.
func (term *readmeTerminal) read(screen io.Reader) {
	defer close(term.lines)
	for lines := bufio.NewReader(screen); ; {
		line, err := lines.ReadString('\n')
		if line != "" {
			line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
			if rest := readmeRedrawn.ReplaceAllString(line, ""); rest != "" || line == "" {
				term.lines <- rest + "\n"
			}
		}
		if err != nil {
			return
		}
	}
}

// expect waits until the terminal shows these lines and, unless one of them is "...", no others. The order of lines is
// left open: clients that come at the same time have none.
func (l *readmeLab) expect(b readmeBlock, want []string) {
	l.t.Helper()
	term := l.terminals[b.arg]
	if term == nil {
		if len(want) > 0 {
			l.t.Fatalf("%v: nothing runs there", b)
		}
		return
	}
	others := slices.Contains(want, "...\n")
	want = slices.DeleteFunc(slices.Clone(want), func(line string) bool { return line == "...\n" })
	timeout := time.NewTimer(readmeTerminalTimeout)
	defer timeout.Stop()
	for {
		missing, rest := unmatched(want, term.shown)
		if len(missing) == 0 && (others || len(rest) == 0) {
			l.green = l.green || strings.Contains(strings.Join(term.shown, ""), "message=\x1b[32m")
			term.shown = nil
			return
		}
		why := "more lines than README shows"
		if len(missing) > 0 {
			select {
			case line, ok := <-term.lines:
				if ok {
					term.shown = append(term.shown, line)
					continue
				}
				why = "it has ended"
			case <-timeout.C:
				why = fmt.Sprintf("nothing else for %v", readmeTerminalTimeout)
			}
		}
		l.t.Fatalf("%v: %s (-README +terminal):\n%s", b, why, cmp.Diff(constants(want), constants(term.shown)))
	}
}

// unmatched returns the lines of want that no line of got is, and those of got that are none of want. Each counts once.
func unmatched(want, got []string) (missing, rest []string) {
	rest = slices.Clone(got)
	for _, line := range want {
		pattern := readmePattern(line)
		i := slices.IndexFunc(rest, func(line string) bool {
			return pattern.MatchString(readmeConstant(readmeColour.ReplaceAllString(line, "")))
		})
		if i < 0 {
			missing = append(missing, line)
			continue
		}
		rest = slices.Delete(rest, i, i+1)
	}
	return missing, rest
}

func constants(lines []string) []string {
	all := make([]string, len(lines))
	for i, line := range lines {
		all[i] = readmeConstant(readmeColour.ReplaceAllString(line, ""))
	}
	return all
}

// wait waits for the end of what runs in a terminal and returns its exit status.
func (l *readmeLab) wait(b readmeBlock, term *readmeTerminal) int {
	l.t.Helper()
	timer := time.AfterFunc(readmeTerminalTimeout, func() { _ = term.cmd.Cancel() })
	defer timer.Stop()
	for line := range term.lines {
		term.shown = append(term.shown, line)
	}
	err := term.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		l.t.Fatalf("%v: %v", b, err)
	}
	return term.cmd.ProcessState.ExitCode()
}

// stop ends what runs in a terminal: a server by Ctrl-C, unless it has ended already, and its status is then to be 0. README
// shows how a client ends.
func (l *readmeLab) stop(name string) {
	l.t.Helper()
	term := l.terminals[name]
	if term == nil || term.cmd.ProcessState != nil {
		return
	}
	if name == "server" {
		term.interrupt()
	}
	status := l.wait(readmeBlock{}, term)
	if ofGo := strings.HasPrefix(term.command, "go run "); name == "server" && status != 0 && !ofGo { // go run itself has status 1 after Ctrl-C
		l.t.Fatalf("the server ended with status %d after Ctrl-C:\n%s", status, strings.Join(term.shown, ""))
	}
}

// interrupt types Ctrl-C, once: a second one would cut the drain short. It is no error if the program has ended.
func (term *readmeTerminal) interrupt() {
	if !term.stopping {
		term.stopping = true
		_, _ = io.WriteString(term.keyboard, "\x03")
	}
}

// types types a line.
func (term *readmeTerminal) types(line string) {
	_, _ = io.WriteString(term.keyboard, line+"\r")
}
