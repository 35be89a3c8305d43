//go:build unix

package client

import "syscall"

// errnos tells what the system's errors mean, on Linux as they were seen behind nftables rules and routes of each type;
// see the package comment. Any other one is Failed, or Timeout where it says so itself.
var errnos = map[Kind][]syscall.Errno{
	Refused: {
		syscall.ECONNREFUSED,
		// Of a unix socket: there is none, it is none, or its queue is full.
		syscall.ENOENT, syscall.ENOTDIR, syscall.ENOTSOCK, syscall.EPROTOTYPE, syscall.EAGAIN,
	},
	Timeout: {syscall.ETIMEDOUT},
	Unreachable: {
		syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN,
		syscall.EACCES, syscall.EPERM, // this machine's own firewall, or a route of type prohibit; a unix socket's mode
		syscall.EINVAL,       // a route of type blackhole
		syscall.EAFNOSUPPORT, // an IPv6 address where IPv6 is off
	},
	Reset: {syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, syscall.ENOTCONN},
}

const errNoFile, errQueueFull = syscall.ENOENT, syscall.EAGAIN

var (
	errNoRoute   = []syscall.Errno{syscall.ENETUNREACH, syscall.EAFNOSUPPORT, syscall.ENETDOWN}
	errForbidden = []syscall.Errno{syscall.EACCES, syscall.EPERM, syscall.EINVAL}
)
