//go:build unix

package main

import "syscall"

// openFiles is how many files the process may open. Go has raised the soft limit to the hard one.
func openFiles() int64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return noFileLimit
	}
	return int64(min(uint64(limit.Cur), noFileLimit)) //nolint:unconvert // not everywhere is it a uint64
}
