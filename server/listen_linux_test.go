package server_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"parley/server"
)

// Names in the abstract name space have no file, and an error about one does not speak of files.
func TestListen_unixAbstract(t *testing.T) {
	t.Parallel()
	name := fmt.Sprintf("@parley-test-%d", os.Getpid())
	sockets, err := server.Listen(t.Context(), "unix", name)
	if err != nil {
		t.Fatal(err)
	}
	open(t, sockets)
	nc, err := net.Dial("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	wantGreeting(t, nc, "you=unix me="+name)
	if _, err := server.Listen(t.Context(), "unix", name); !errors.Is(err, syscall.EADDRINUSE) || strings.Contains(err.Error(), "no socket") {
		t.Errorf("got %v", err)
	}
}

// Where one of a name's addresses can't be had, none is left open.
func TestListenAll_taken(t *testing.T) {
	t.Parallel()
	// Linux has all of 127.0.0.0/8, and other tests have their clients on 127.0.0.1.
	taken, err := net.Listen("tcp4", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.ListenAll(t.Context(), []string{"127.0.0.3", "127.0.0.2"}, port); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want %v", err, syscall.EADDRINUSE)
	}
	l, err := net.Listen("tcp4", "127.0.0.3:"+port)
	if err != nil {
		t.Fatalf("the first address is still taken: %v", err)
	}
	l.Close()
}
