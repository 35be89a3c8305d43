package client

import (
	"syscall"
	"unsafe"
)

// readSome and writeSome are read(2) and write(2) for a descriptor that does not block. The scheduler is not told, as it is by
// package syscall: they return before it could do anything with that. b is not empty.
func readSome(fd int, b []byte) (int, error)  { return nonblocking(syscall.SYS_READ, fd, b) }
func writeSome(fd int, b []byte) (int, error) { return nonblocking(syscall.SYS_WRITE, fd, b) }

func nonblocking(call uintptr, fd int, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
