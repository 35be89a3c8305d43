//go:build !windows

package server

import "syscall"

// resets are the system's words for a connection that the peer has thrown away.
var resets = []error{syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED}
