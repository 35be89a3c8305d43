package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/zap/zapcore"

	"parley/config"
)

// serveFlags are the variables that a person types, each as a flag.
var serveFlags = []struct{ flag, variable, usage string }{
	{"admin", "PARLEY_ADMIN", "where metrics and health are served, HOST:PORT or off"},
	{"log-format", "PARLEY_LOG_FORMAT", "auto, console or json"},
	{"log-level", "PARLEY_LOG_LEVEL", "debug, info, warn or error"},
	{"log-messages", "PARLEY_LOG_MESSAGES", "log what clients send"},
	{"name", "PARLEY_NAME", "this server's name in the greeting"},
}

func newServe(environ []string, stdout *os.File) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve [LISTENER ...]",
		Short: "Answer TCP until told to stop",
		Long: `Answer TCP until told to stop.

A LISTENER is HANDLER[+tls|+unix]://ADDRESS[?key=value&...], for instance
  echo://:12000                  echo on every address of this machine
  happy://:8080?greeting=off     without the greeting
  counting://:12000?limit=5      end after five clients
  register://:12000?wire=pickle  acknowledge pickled dicts with a name
  chat://:12000                  a room; --console has this terminal in it
  echo+tls://:7443               over TLS
  echo+unix:///run/parley.sock   on a unix socket
  'echo://:12000?delay=200ms'    each answer 200 ms late, and so on: see "parley env"
Without one, PARLEY_LISTEN says what to serve. "parley env" lists all variables,
and the keys of a listener.

SIGTERM or SIGINT (Ctrl-C) drains the connections and ends with status 0, a
second one ends at once with status 1.`,
		Args: cobra.ArbitraryArgs,
	}
	for _, f := range serveFlags {
		cmd.Flags().String(f.flag, "", f.usage+" ("+f.variable+")")
		if f.flag == "log-messages" {
			cmd.Flags().Lookup(f.flag).NoOptDefVal = "true"
		}
	}
	console := cmd.Flags().Bool("console", false, "have this terminal in the chat; EXIT there ends the conversation, not the server")
	printed := cmd.Flags().Bool("print", false, "say what would be served, with each value and where it came from, and open nothing")
	asJSON := cmd.Flags().Bool("json", false, "with --print, one object")
	cmd.RunE = func(cmd *cobra.Command, listeners []string) error {
		if *asJSON && !*printed {
			return errors.New("--json goes with --print; the log is JSON with --log-format=json")
		}
		if cmd.Flags().Changed("log-messages") && len(listeners) > 0 {
			if _, err := config.ParseBoolean(listeners[0]); err == nil {
				return fmt.Errorf("%q is no listener; a flag's value goes behind an equals sign: --log-messages=%s", listeners[0], listeners[0])
			}
		}
		// From now on: before the listeners are open, too.
		signals, stop := notifySignals()
		defer stop()
		known := catalog()
		known.Variables = clientVariables(cmd.Root())
		if *printed {
			known.Check = checkFiles
		}
		cfg, served, warnings, err := config.Load(withFlags(environ, cmd.Flags()), listeners, known)
		if err == nil && *printed {
			if *console {
				err = checkConsole(served)
			}
			err = errors.Join(err, checkAdmin(cfg))
		}
		if err != nil || *printed {
			// They may say why: a misspelt variable leaves the right one at its default.
			for _, w := range warnings {
				cmd.PrintErrln("parley: warning: " + w)
			}
		}
		if err != nil {
			return statusError{exitUsage, nameFlags(err, cmd.Flags())}
		}
		if *printed {
			p, lowered := newPlan(cfg, served)
			if lowered {
				cmd.PrintErrf("parley: warning: %s: %d instead of %d\n", loweredMessage, p.cfg.MaxConns, cfg.MaxConns)
			}
			p.arguments, p.origin = listeners, config.Origin{Environ: environ, Flags: changed(cmd.Flags())}
			if *asJSON {
				return runError(p.writeJSON(stdout))
			}
			return runError(p.writeText(stdout))
		}
		d := &daemon{cfg: cfg, failures: make(chan error, 1)}
		if *console {
			d.keyboard = cmd.InOrStdin()
			if !isSet(withFlags(environ, cmd.Flags()), "PARLEY_LOG_LEVEL") {
				d.cfg.LogLevel = zapcore.WarnLevel // Log lines would come between those of the conversation.
			}
		}
		return d.serve(served, warnings, stdout, signals)
	}
	return cmd
}

// withFlags puts the flags that were given in the place of their variables.
func withFlags(environ []string, flags *pflag.FlagSet) []string {
	for _, f := range serveFlags {
		if flags.Changed(f.flag) {
			environ = append(slices.Clip(environ), f.variable+"="+flags.Lookup(f.flag).Value.String())
		}
	}
	return environ
}

// changed returns the variables in whose place flags were given.
func changed(flags *pflag.FlagSet) (variables []string) {
	for _, f := range serveFlags {
		if flags.Changed(f.flag) {
			variables = append(variables, f.variable)
		}
	}
	return variables
}

// isSet reports whether a variable has a value.
func isSet(environ []string, name string) bool {
	return slices.ContainsFunc(environ, func(v string) bool {
		value, ok := strings.CutPrefix(v, name+"=")
		return ok && value != ""
	})
}

// nameFlags makes faults name the flag where one was given.
func nameFlags(err error, flags *pflag.FlagSet) error {
	lines := strings.Split(err.Error(), "\n")
	for _, f := range serveFlags {
		if !flags.Changed(f.flag) {
			continue
		}
		for i, line := range lines {
			if rest, ok := strings.CutPrefix(line, f.variable+"="); ok {
				lines[i] = "--" + f.flag + "=" + rest
			}
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}
