package server_test

import (
	"errors"
	"net"
	"runtime"
	"syscall"
	"testing"

	"parley/handler"
	"parley/server"
)

// An idle client costs a small stack and a few small structs, and no buffer: that is what 10,000 of them are multiplied by.
// The clients are bare sockets, so that what this process has in memory is the server's. This test runs beside no other,
// whose memory it would see.
func TestIdleMemory(t *testing.T) {
	const clients, slack = 2000, 128 // What the runtime's own goroutines take meanwhile.
	for _, test := range []struct {
		wire  string
		as    []func(*role)
		stack int // bytes a connection, at most
		heap  int
	}{
		{"text", []func(*role){greeting}, 4<<10 + slack, 2 << 10},
		{"raw", []func(*role){greeting, raw}, 4<<10 + slack, 2 << 10},
	} {
		t.Run(test.wire, func(t *testing.T) {
			h, err := handler.Kinds["echo"].New(handler.Options{})
			if err != nil {
				t.Fatal(err)
			}
			srv := server.New(server.Config{Portable: portable})
			r := role{listener: server.ListenerConfig{Handler: h, Limits: defaultLimits}}
			for _, f := range test.as {
				f(&r)
			}
			listener := srv.NewListener(r.listener)
			socket := listenTCP(t)
			served := make(chan error)
			go func() { served <- listener.Serve(bare(socket)) }()
			port := socket.Addr().(*net.TCPAddr).Port

			fds := make([]int, 0, clients)
			first := bareClient(t, port) // What is made once is made now.
			before := memory()
			for range clients {
				fds = append(fds, bareClient(t, port))
			}
			after := memory()
			stack, heap := (after.StackInuse-before.StackInuse)/clients, (after.HeapInuse-before.HeapInuse)/clients
			t.Logf("an idle connection has %d bytes of stack and %d of heap", stack, heap)
			if (int(stack) > test.stack || int(heap) > test.heap) && !raceDetector { // With it, frames are larger.
				t.Errorf("want at most %d and %d", test.stack, test.heap)
			}
			for _, fd := range append(fds, first) {
				_ = syscall.Close(fd)
			}
			srv.Shutdown(t.Context())
			if err := <-served; !errors.Is(err, server.ErrServerClosed) {
				t.Error(err)
			}
		})
	}
}

func memory() (m runtime.MemStats) {
	runtime.GC() // Shrinks stacks,
	runtime.GC() // and empties pools.
	runtime.ReadMemStats(&m)
	return m
}

// bareClient connects without Go's net package and exchanges two messages.
func bareClient(t *testing.T, port int) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	}
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1024)
	read := func() {
		t.Helper()
		if n, err := syscall.Read(fd, b); n <= 0 || err != nil {
			t.Fatalf("read %d, %v", n, err)
		}
	}
	read() // The greeting.
	for range 2 {
		if _, err := syscall.Write(fd, []byte("hello\n")); err != nil {
			t.Fatal(err)
		}
		read()
	}
	return fd
}
