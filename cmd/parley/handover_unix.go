//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// isListening reports whether a file is a stream socket that listens; it fails for what is no socket, or not even a file.
func isListening(file *os.File) (listens bool, err error) {
	raw, err := file.SyscallConn() // Fd would have the socket block.
	if err != nil {
		return false, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		var kind, accepts int
		if kind, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_TYPE); err == nil {
			accepts, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
		}
		listens = kind == syscall.SOCK_STREAM && accepts != 0
	})
	return listens, errors.Join(controlErr, os.NewSyscallError("getsockopt", err))
}
