package main_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"

	parley "parley/cmd/parley"
)

// What cannot be provoked everywhere, such as a refusal while the tests run as root, has its line tested here. TestScript has
// the others as they really come.
func TestListenError(t *testing.T) {
	t.Parallel()
	bind := func(err error) error {
		return &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", err)}
	}
	tests := map[string]struct {
		what, network, address string
		err                    error
		want                   string
	}{
		"port taken": {
			"listener echo://:12000", "tcp", ":12000", bind(syscall.EADDRINUSE),
			"listener echo://:12000: cannot listen on :12000: address already in use: stop what listens there (ss -ltnp shows it), or choose another port",
		},
		"port of the admin side taken": {
			"admin side (PARLEY_ADMIN)", "tcp", "127.0.0.1:12001", bind(syscall.EADDRINUSE),
			"admin side (PARLEY_ADMIN): cannot listen on 127.0.0.1:12001: address already in use: is that another parley? --admin off does without, --admin 127.0.0.1:0 takes any free port",
		},
		"foreign address": {
			"listener echo://192.0.2.1:12000", "tcp", "192.0.2.1:12000", bind(syscall.EADDRNOTAVAIL),
			"listener echo://192.0.2.1:12000: cannot listen on 192.0.2.1:12000: cannot assign requested address: this machine has no such address; without a host it listens on all that there are",
		},
		"port below 1024": {
			"listener echo://:80", "tcp", ":80", bind(syscall.EACCES),
			"listener echo://:80: cannot listen on :80: permission denied: choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE",
		},
		"port of the admin side below 1024": {
			"PARLEY_ADMIN", "tcp", "127.0.0.1:81", bind(syscall.EACCES),
			"PARLEY_ADMIN: cannot listen on 127.0.0.1:81: permission denied: choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE",
		},
		"folder that may not be written to": {
			"listener echo+unix:///run/parley.sock", "unix", "/run/parley.sock", bind(syscall.EACCES),
			"listener echo+unix:///run/parley.sock: cannot listen on /run/parley.sock: permission denied: the folder must be writable",
		},
		"such a folder, and a colon in the path": {
			"listener echo+unix:///run/a:b", "unix", "/run/a:b", bind(syscall.EACCES),
			"listener echo+unix:///run/a:b: cannot listen on /run/a:b: permission denied: the folder must be writable",
		},
		"path taken": {
			"listener echo+unix://s", "unix", "s", bind(syscall.EADDRINUSE),
			"listener echo+unix://s: cannot listen on s: address already in use: stop what listens there (ss -lxp shows it), remove the file if it is no socket, or choose another path",
		},
		"folder that is not there": {
			"listener echo+unix:///none/s", "unix", "/none/s", bind(syscall.ENOENT),
			"listener echo+unix:///none/s: cannot listen on /none/s: no such file or directory: the folder must exist",
		},
		"name that is not known": {
			"listener echo://nowhere.invalid:12000", "tcp", "nowhere.invalid:12000",
			&net.DNSError{Err: "no such host", Name: "nowhere.invalid", IsNotFound: true},
			"listener echo://nowhere.invalid:12000: cannot listen on nowhere.invalid:12000: the name cannot be looked up (no such host): write an address, or a name that this machine knows",
		},
		"out of files": {
			"listener echo://:12000", "tcp", ":12000", &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("socket", syscall.EMFILE)},
			"listener echo://:12000: cannot listen on :12000: too many open files",
		},
		"anything else": {
			"listener echo://:12000", "tcp", ":12000", fmt.Errorf("listening: %w", errors.New("the sky fell")),
			"listener echo://:12000: cannot listen on :12000: listening: the sky fell",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := parley.ListenError(tt.what, tt.network, tt.address, tt.err)
			if got := err.Error(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// The admin side is asked for under its machine's names, and no other of the domain.
func TestNamesOf(t *testing.T) {
	t.Parallel()
	for hostname, want := range map[string][]string{
		"lab":             {"lab", "lab", "lab.local"},
		"lab.local":       {"lab.local", "lab", "lab.local"},
		"lab.example.org": {"lab.example.org", "lab", "lab.local"},
	} {
		if got := parley.NamesOf(hostname); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", hostname, got, want)
		}
	}
}
