package main

// Main is the program; the tests run themselves as it.
func Main() { main() }

// ListenError is listenError.
var ListenError = listenError

// MergeSignals is mergeSignals.
var MergeSignals = mergeSignals
