package browser

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// A daemon is the one under test.
type daemon struct {
	t         *testing.T
	cmd       *exec.Cmd
	addresses []string // of its listeners
	admin     string
	ended     chan struct{}
}

// serve starts a daemon and waits until it serves.
func serve(t *testing.T, admin string, listeners ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, ended: make(chan struct{})}
	d.cmd = exec.Command(parley, append([]string{"serve"}, listeners...)...)
	d.cmd.Env = append(os.Environ(), "PARLEY_ADMIN="+admin, "PARLEY_LOG_FORMAT=json", "PARLEY_NAME=lab", "PARLEY_MAX_CONNS=12000")
	d.cmd.Stderr = os.Stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		<-d.ended
	})
	serving := make(chan bool, 1)
	go func() {
		defer close(d.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) != nil || d.admin != "" {
				continue
			}
			switch line.Msg {
			case "listening":
				d.addresses = append(d.addresses, line.Address)
			case "admin listening":
				d.admin = line.Address
				serving <- true
			}
		}
		_ = d.cmd.Wait()
	}()
	select {
	case <-serving:
	case <-d.ended:
		t.Fatal("the daemon has ended")
	case <-time.After(patience):
		t.Fatal("the daemon does not serve")
	}
	return d
}

// stop ends it.
func (d *daemon) stop() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	select {
	case <-d.ended:
	case <-time.After(patience):
		d.t.Fatal("the daemon does not end")
	}
}

// port is that of its first listener.
func (d *daemon) port() string {
	_, port, _ := net.SplitHostPort(d.addresses[0])
	return port
}

// dial connects to a text listener and says something.
func (d *daemon) dial(address, line string) net.Conn {
	d.t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write([]byte(line)); err != nil {
		d.t.Fatal(err)
	}
	return conn
}

// hangUp ends a conversation as clients do who have read what they were told.
func hangUp(conn net.Conn) error {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	_, _ = io.Copy(io.Discard, conn)
	return conn.Close()
}
