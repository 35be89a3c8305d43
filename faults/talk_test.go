//go:build system && linux

package faults_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"parley/faults/daemontest"
	"parley/protocol"
)

// wires are the wire formats, each as the query of a listener.
var wires = []string{protocol.TextName, protocol.JSONName, protocol.PickleName, protocol.RawName}

// A halfCloser is a connection whose side can be ended: TCP, or TLS over it.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// connect connects to a listener, over TLS if it speaks that.
func connect(address string, secure bool) (halfCloser, error) {
	conn, err := net.DialTimeout("tcp", address, daemontest.Patience)
	if err != nil {
		return nil, err
	}
	if !secure {
		return conn.(halfCloser), nil
	}
	tlsConn := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // Its certificate is made up at the start.
	conn.SetDeadline(time.Now().Add(daemontest.Patience))
	if err := tlsConn.Handshake(); err != nil {
		conn.Close()
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	return tlsConn, nil
}

// setsockopt is what a dialer does to set options, each a level, a name and a value (setsockopt(2)), before it connects. Once
// connected it would be too late for a receive buffer: the peer has been told of more by then, and waits for as much to be free.
func setsockopt(options ...int) func(network, address string, raw syscall.RawConn) error {
	return func(_, _ string, raw syscall.RawConn) (err error) {
		controlErr := raw.Control(func(fd uintptr) {
			for option := range slices.Chunk(options, 3) {
				err = errors.Join(err, unix.SetsockoptInt(int(fd), option[0], option[1], option[2]))
			}
		})
		return errors.Join(controlErr, err)
	}
}

// exchange sends pieces, a pause between them so that each arrives by itself, ends our side and returns all that comes back.
func exchange(conn halfCloser, pause time.Duration, pieces ...string) (string, error) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(daemontest.Patience))
	for i, piece := range pieces {
		if i > 0 {
			time.Sleep(pause)
		}
		if _, err := io.WriteString(conn, piece); err != nil {
			return "", err
		}
	}
	if err := conn.CloseWrite(); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// talk is exchange with a new connection, whole.
func talk(address string, secure bool, text string) (string, error) {
	conn, err := connect(address, secure)
	if err != nil {
		return "", err
	}
	return exchange(conn, 0, text)
}

// wants checks that this text is answered so, all in all.
func (f *fault) wants(address, text, want string) {
	f.Helper()
	if got, err := talk(address, false, text); err != nil || got != want {
		f.Errorf("%q is answered %q, %v; want %q", clip(text), clip(got), err, clip(want))
	}
}

// clip cuts what is too long to read.
func clip(s string) string {
	const enough = 300
	if len(s) > enough {
		return fmt.Sprintf("%s... (%d bytes)", s[:enough], len(s))
	}
	return s
}

// atOnce calls do for each of n, so many at a time.
func atOnce(n, lanes int, do func(i int)) {
	next := make(chan int)
	var working sync.WaitGroup
	for range min(n, lanes) {
		working.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	working.Wait()
}
