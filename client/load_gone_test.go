package client_test

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"parley/client"
)

// forever is a duration that no load is to need whose server is gone.
const forever = time.Hour

// stopping is a server that answers two lines, of which a load's first connection needs one, and the second one together with
// the ERR of a server that is stopped.
func stopping(nc *net.TCPConn, i int, line string) bool {
	if i == 0 {
		_, _ = io.WriteString(nc, line)
		return true
	}
	_, _ = io.WriteString(nc, line+"ERR shutting_down\n")
	_ = nc.CloseWrite()
	_, _ = io.Copy(io.Discard, nc)
	return false
}

// A load ends with its last connection, and counts what the server said of it: behind an answer, or to those that were idle.
func TestLoadServerStops(t *testing.T) {
	t.Parallel()
	for mode, l := range map[string]client.Load{
		"echo": {Connections: 1},
		"rate": {Connections: 1, Rate: 100},
		"idle": {Connections: 1, Mode: client.LoadIdle},
		"bulk": {Connections: 1, Mode: client.LoadBulk},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			l.Address, l.Duration = serve(t, lineEcho(stopping)), forever
			r := load(t, l)
			wantErrors(t, r, client.Told, 1, "^ERR shutting_down: it is being stopped$")
			if r.Reasons["shutting_down"] != 1 || r.Elapsed > patience {
				t.Errorf("reasons %v after %v", r.Reasons, r.Elapsed)
			}
		})
	}
}

// A server that ends its side and takes nothing more is not late: the load has not waited for it.
func TestLoadBulkServerEnds(t *testing.T) {
	t.Parallel()
	r := load(t, client.Load{
		Connections: 1, Mode: client.LoadBulk, Duration: forever,
		Address: serve(t, lineEcho(func(nc *net.TCPConn, i int, line string) bool {
			if i < 2 {
				_, _ = io.WriteString(nc, line)
				return true
			}
			time.Sleep(brief) // until the load's writes are held up
			_ = nc.CloseWrite()
			time.Sleep(brief)
			return false
		})),
	})
	wantErrors(t, r, client.Closed, 1, "^it closed the connection without an answer$")
}

// Where nobody listens any more, connections are not tried for the rest of the time.
func TestLoadChurnRefused(t *testing.T) {
	t.Parallel()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served atomic.Int64
	go func() {
		for {
			nc, err := socket.Accept()
			if err != nil {
				return
			}
			if served.Add(1) == 20 {
				socket.Close()
			}
			echoes("text", "echo", "")(nc.(*net.TCPConn))
			nc.Close()
		}
	}()
	r := load(t, client.Load{Address: parse(t, socket.Addr().String()), Connections: 1, Mode: client.LoadChurn, Duration: forever})
	if r.Opened == 0 || r.Errors[client.Refused] == 0 || r.Elapsed < time.Second || r.Elapsed > patience {
		t.Errorf("%d opened, errors %v, after %v", r.Opened, r.Errors, r.Elapsed)
	}
}
