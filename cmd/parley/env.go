package main

import (
	"github.com/spf13/cobra"

	"parley/config"
)

func newEnv() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print every variable and listener key: name, type, default, meaning",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runError(config.WriteTable(cmd.OutOrStdout()))
		},
	}
}

// runError gives an error of the run its exit status.
func runError(err error) error {
	if err == nil {
		return nil
	}
	return statusError{exitRun, err}
}
