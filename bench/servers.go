//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// A server is one who takes part.
type server struct {
	name  string // for --servers
	title string // of its row

	// build makes it, or says why it cannot be had. It returns its version.
	build func(context.Context, *workshop) (string, error)
	// launch says how to start it, listening on the port, for a work.
	launch func(*workshop, work, int) launch

	text   bool // whether it can answer lines with a prefix
	greets bool // whether it can greet
	logs   bool // whether it logs each connection, unless told not to
	forks  bool // whether it starts a process for each connection
	most   int  // connections it is asked to hold; 0: any
	noBulk bool // whether it gets stuck when both sides write before they read
	slow   bool // so far from the others that slowRounds rounds are enough
}

// The servers that the figures of all others are divided by: the same one twice.
const (
	reference      = "c"
	referenceAgain = "c-again"
)

// slowRounds are the rounds that slow servers take part in: the first ones.
const slowRounds = 2

// takesPart reports whether a server is put through a work in a round, which count from 0.
func (s server) takesPart(w work, round int) bool {
	switch {
	case w.text && !s.text, s.forks && !w.forks, w.bulk && s.noBulk, s.most > 0 && w.connections > s.most, s.slow && round >= slowRounds:
		return false
	case w.quiet && !s.logs:
		return s.name == reference || s.name == referenceAgain // which have no line to leave out, and are the measure
	default:
		return true
	}
}

// servers is everyone, in the order of a round. The reference begins and ends it.
func servers() []server {
	return []server{
		referenceServer(reference, "C epoll, 64 KiB buffer (reference)"),
		parleyServer("parley", "parley", "auto"),
		parleyServer("parley-portable", "parley, portable transport", "portable"),
		goServer("go", "Go: goroutine, 4 KiB buffer", "plain", ""),
		goServer("go-deadline", "Go + deadline and counter per read", "deadline", ""),
		ioCopyServer(),
		goServer("netpoll", "cloudwego/netpoll", "netpoll", "github.com/cloudwego/netpoll"),
		fortioServer(),
		scriptServer("node", "Node", "node", "nodejs", filepath.Join("node", "echo.js")),
		pythonServer("asyncio", "Python asyncio", "asyncio_echo.py", 0),
		pythonServer("threads", "Python threads", "threads_echo.py", 1000),
		debianServer("socat", "socat", "socat", []string{"-V"}, func(port string) []string {
			return []string{"socat", "TCP-LISTEN:" + port + ",bind=127.0.0.1,reuseaddr,fork,backlog=4096,nodelay", "PIPE"}
		}),
		ncatServer(),
		debianServer("tcpserver", "tcpserver", "ucspi-tcp", nil, func(port string) []string {
			return []string{"tcpserver", "-R", "-H", "-l", "0", "-c", "1000", "-b", "4096", "127.0.0.1", port, "/bin/cat"}
		}),
		referenceServer(referenceAgain, "the reference again, against itself"),
	}
}

func referenceServer(name, title string) server {
	return server{
		name: name, title: title, text: true, greets: true,
		build: func(ctx context.Context, w *workshop) (string, error) {
			if err := have("gcc", "gcc, with libc6-dev"); err != nil {
				return "", err
			}
			if err := w.compileC(ctx, "echo", "loop.c", "echo.c"); err != nil {
				return "", err
			}
			if err := w.compileC(ctx, "text", "loop.c", "text.c"); err != nil {
				return "", err
			}
			said, err := ask(ctx, "gcc", "-dumpfullversion")
			return "gcc " + said + " -O2", err
		},
		launch: func(w *workshop, k work, port int) launch {
			program := "echo"
			if k.text {
				program = "text"
			}
			argv := []string{w.path(program)}
			if k.greet {
				argv = append(argv, "-g")
			}
			return launch{argv: append(argv, fmt.Sprint(port))}
		},
	}
}

// parleyServer is parley as performance is promised: verbatim echo on the raw wire (or the text wire with its prefix),
// metrics, limits and log as they are by default; only PARLEY_MAX_CONNS is raised, so that 15,000 connections are let in.
func parleyServer(name, title, transport string) server {
	return server{
		name: name, title: title, text: true, greets: true, logs: true,
		build: func(ctx context.Context, w *workshop) (string, error) {
			if err := w.buildParley(ctx); err != nil {
				return "", err
			}
			variables, err := ask(ctx, w.path("parley"), "env")
			if err != nil {
				return "", err
			}
			if transport != "auto" && !strings.Contains(variables, "PARLEY_TRANSPORT") {
				return "", errors.New("this parley has one transport: parley env lists no PARLEY_TRANSPORT")
			}
			if said, err := ask(ctx, "git", "-C", w.module, "describe", "--always", "--dirty"); err == nil && w.parley == "" {
				return "commit " + said, nil
			}
			return ask(ctx, w.path("parley"), "version")
		},
		launch: func(w *workshop, k work, port int) launch {
			options := "?wire=raw&prefix=" // verbatim
			switch {
			case k.text:
				options = "?greeting=off"
			case k.greet:
				options += "&greeting=on"
			}
			level := "info"
			if k.quiet {
				level = "warn"
			}
			env := []string{
				fmt.Sprintf("PARLEY_LISTEN=echo://127.0.0.1:%d%s", port, options),
				"PARLEY_ADMIN=127.0.0.1:0",
				"PARLEY_MAX_CONNS=19000",
				"PARLEY_LOG_LEVEL=" + level,
			}
			if transport != "auto" {
				env = append(env, "PARLEY_TRANSPORT="+transport)
			}
			return launch{argv: []string{w.path("parley"), "serve"}, env: env}
		},
	}
}

// goServer is the program of a folder of peers. library is the module whose version it goes by; empty: Go's own.
func goServer(name, title, folder, library string) server {
	return server{
		name: name, title: title, greets: true,
		build: func(ctx context.Context, w *workshop) (string, error) {
			if err := w.compileGo(ctx, folder, w.module, "./peers/"+folder); err != nil {
				return "", err
			}
			if library == "" {
				said, err := ask(ctx, "go", "version")
				return "go " + versionIn(said), err
			}
			said, err := ask(ctx, "go", "list", "-C", w.module, "-m", library)
			return versionIn(said), err
		},
		launch: func(w *workshop, k work, port int) launch {
			argv := []string{w.path(folder), "-listen", fmt.Sprintf("127.0.0.1:%d", port)}
			if k.greet {
				argv = append(argv, "-greet")
			}
			return launch{argv: argv}
		},
	}
}

// ioCopyServer opens a pipe for each connection: 10,000 of them are more files than a process is given here.
func ioCopyServer() server {
	s := goServer("io-copy", "Go: io.Copy (splice)", "iocopy", "")
	s.most = 5000
	return s
}

func fortioServer() server {
	s := goServer("fortio", "fortio tcp-echo", "fortio", "fortio.org/fortio")
	withFlags := s.launch
	s.greets = false
	s.launch = func(w *workshop, k work, port int) launch {
		k.greet = false
		return withFlags(w, k, port)
	}
	return s
}

func pythonServer(name, title, script string, most int) server {
	s := scriptServer(name, title, "python3", "python3", filepath.Join("python", script))
	s.most = most
	return s
}

// scriptServer is a script of the folder peers, run by an interpreter that a Debian package brings.
func scriptServer(name, title, interpreter, debian, script string) server {
	return server{
		name: name, title: title, greets: true, slow: true,
		build: func(ctx context.Context, _ *workshop) (string, error) {
			if err := have(interpreter, debian); err != nil {
				return "", err
			}
			said, err := ask(ctx, interpreter, "--version")
			return versionIn(said), err
		},
		launch: func(w *workshop, k work, port int) launch {
			argv := []string{interpreter, filepath.Join(w.module, "peers", script), fmt.Sprint(port)}
			if k.greet {
				argv = append(argv, "greet")
			}
			return launch{argv: argv}
		},
	}
}

// debianServer is a program that starts a process for each connection. Its name is the server's. version are the
// arguments that make it say its version; nil: it cannot.
func debianServer(name, title, debian string, version []string, argv func(port string) []string) server {
	return server{
		name: name, title: title, forks: true, slow: true,
		build: func(ctx context.Context, _ *workshop) (string, error) {
			if err := have(name, debian); err != nil || version == nil {
				return "", err
			}
			said, err := ask(ctx, append([]string{name}, version...)...)
			return versionIn(said), err
		},
		launch: func(_ *workshop, _ work, port int) launch {
			return launch{argv: argv(fmt.Sprint(port))}
		},
	}
}

// ncatServer copies to its child and from it in one blocking loop.
func ncatServer() server {
	s := debianServer("ncat", "ncat", "ncat", []string{"--version"}, func(port string) []string {
		return []string{"ncat", "--listen", "--keep-open", "--max-conns", "1000", "--exec", "/bin/cat", "127.0.0.1", port}
	})
	s.noBulk = true
	return s
}
