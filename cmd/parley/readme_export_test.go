package main

// ExitStatuses is exitStatuses.
var ExitStatuses = exitStatuses

// Greets reports whether a listener of this wire greets unless told otherwise.
func Greets(wire string) bool { return catalog().Wires[wire].GreetingDefault }
