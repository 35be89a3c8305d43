package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"parley/config"
)

// clientCommands are those whose flags are variables, too.
var clientCommands = []string{"bench", "connect", "probe", "who"}

// variableOf is the variable of a command's flag.
func variableOf(command, flag string) string {
	return "PARLEY_" + strings.ToUpper(command+"_"+strings.ReplaceAll(flag, "-", "_"))
}

// clientVariables are the variables of all flags of the clientCommands.
func clientVariables(root *cobra.Command) []string {
	names := []string{whoPassword}
	for _, cmd := range root.Commands() {
		if slices.Contains(clientCommands, cmd.Name()) {
			cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, variableOf(cmd.Name(), f.Name)) })
		}
	}
	return names
}

// flagsFromEnvironment sets the flags of a client command that were not given from their variables, and warns of variables that
// nothing reads. An empty variable is one that is not set.
func flagsFromEnvironment(cmd *cobra.Command, environ []string) (err error) {
	for _, w := range config.Unread(environ, clientVariables(cmd.Root())) {
		cmd.PrintErrln("parley: warning: " + w)
	}
	flags := cmd.Flags()
	flags.VisitAll(func(f *pflag.Flag) {
		name := variableOf(cmd.Name(), f.Name)
		for _, entry := range environ {
			value, ok := strings.CutPrefix(entry, name+"=")
			if !ok || value == "" || f.Changed || f.Name == "help" || err != nil {
				continue
			}
			if setErr := flags.Set(f.Name, value); setErr != nil {
				err = fmt.Errorf("%s=%q: %w", name, value, errors.Unwrap(setErr))
			}
		}
	})
	return err
}
