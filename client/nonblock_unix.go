//go:build unix && !linux

package client

import "syscall"

// readSome and writeSome are read(2) and write(2) for a descriptor that does not block.
func readSome(fd int, b []byte) (int, error)  { return syscall.Read(fd, b) }
func writeSome(fd int, b []byte) (int, error) { return syscall.Write(fd, b) }
