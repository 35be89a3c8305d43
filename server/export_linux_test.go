//go:build linux && (amd64 || arm64)

package server

import "os"

// Polled returns why Go's poller does not take a descriptor, and closes it.
func Polled(fd int) error {
	file := os.NewFile(uintptr(fd), "")
	defer file.Close()
	_, err := polled(file)
	return err
}
