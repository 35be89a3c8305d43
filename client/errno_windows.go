package client

import "syscall"

// errnos tells what the system's errors mean. Those of Winsock have numbers of their own, and package syscall has names for
// some of them.
var errnos = map[Kind][]syscall.Errno{
	Refused:     {10061, errNoFile, syscall.ERROR_PATH_NOT_FOUND, errQueueFull}, // WSAECONNREFUSED, and of a unix socket
	Timeout:     {10060},                                                        // WSAETIMEDOUT
	Unreachable: {10065, 10051, 10064, 10050, syscall.WSAEACCES, 10047},         // WSAEHOSTUNREACH ENETUNREACH EHOSTDOWN ENETDOWN EACCES EAFNOSUPPORT
	Reset:       {syscall.WSAECONNRESET, syscall.WSAECONNABORTED, 10058},        // WSAESHUTDOWN
}

const (
	errNoFile    = syscall.ERROR_FILE_NOT_FOUND
	errQueueFull = syscall.Errno(10035) // WSAEWOULDBLOCK
)

var (
	errNoRoute   = []syscall.Errno{10051, 10047, 10050}
	errForbidden = []syscall.Errno{syscall.WSAEACCES}
)
