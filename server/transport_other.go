//go:build !unix

package server

import (
	"syscall"
)

// rawConn returns nil: on this system a buffer is held while waiting for input.
func rawConn(endpoint) syscall.RawConn { return nil }

func (s *stream) readable(uintptr) bool { return true }
