package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// flagsFromEnvironment sets the flags that were not given from the variables of their names behind prefix. An empty variable is one
// that is not set.
func flagsFromEnvironment(flags *pflag.FlagSet, prefix string, environ []string) (err error) {
	flags.VisitAll(func(f *pflag.Flag) {
		name := prefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
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
