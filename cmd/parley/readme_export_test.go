package main

import "github.com/spf13/pflag"

// ExitStatuses is exitStatuses.
var ExitStatuses = exitStatuses

// Greets reports whether a listener of this wire greets unless told otherwise.
func Greets(wire string) bool { return catalog().Wires[wire].GreetingDefault }

// TransportFlags are the flags that transportFlags adds.
func TransportFlags() (all []*pflag.Flag) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	transportFlags(flags)
	flags.VisitAll(func(f *pflag.Flag) { all = append(all, f) })
	return all
}
