// Parley answers TCP: it greets each client with the ID it was given and hands the conversation to a handler.
//
// See parley help for the commands, and parley env for what the environment sets.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// The exit statuses.
const (
	exitOK    = 0
	exitRun   = 1 // something went wrong at run time
	exitUsage = 2 // what was typed or configured makes no sense
)

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) }

// run is the whole program but for the process's own affairs. It returns the exit status.
func run(args, environ []string, stdout, stderr *os.File) int {
	root := newRoot(environ, stdout)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return exitOK
	}
	report(stderr, err)
	if status, ok := errors.AsType[statusError](err); ok {
		return status.status
	}
	return exitUsage // All that cobra finds fault with was typed.
}

// report writes each line of an error behind the program's name.
func report(w io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			fmt.Fprintf(w, "parley: %s\n", line)
		}
	}
}

// A statusError ends the program with a status of its own.
type statusError struct {
	status int
	err    error
}

func (e statusError) Error() string { return e.err.Error() }
func (e statusError) Unwrap() error { return e.err }

func newRoot(environ []string, stdout *os.File) *cobra.Command {
	root := &cobra.Command{
		Use:   "parley",
		Short: "Answers TCP: greets each client with its ID and converses",
		Long: `parley answers TCP. It tells each client the ID it was given and hands the
conversation to a handler: ` + handlerNames() + `.`,
		Args:              noSuchCommand,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())
	})
	root.AddCommand(newServe(environ, stdout), newEnv(), newVersion())
	root.AddCommand(newConnect(environ))
	root.AddCommand(newProbe(environ))
	root.AddCommand(newBench(environ))
	root.AddCommand(newWho(environ))
	return root
}

// noArguments refuses arguments to a command that takes none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s takes no arguments, and was given %q", cmd.CommandPath(), args[0])
}

// peerArguments refuses all but the address of a peer, which may be two words; least is how many there have to be.
func peerArguments(least int, wanted string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if least <= len(args) && len(args) <= 2 {
			return nil
		}
		return fmt.Errorf("%s takes %s (see %s --help)", cmd.Name(), wanted, cmd.CommandPath())
	}
}

// noSuchCommand refuses what is no command.
func noSuchCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return fmt.Errorf("unknown command %q; valid: %s", args[0], strings.Join(names, ", "))
}
