//go:build unix

package main_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A manager is what the daemon takes for its service manager: it notes each message and when it came.
type manager struct {
	conn *net.UnixConn
	path string
	done chan struct{}

	mu       sync.Mutex
	messages []string
	lives    []time.Time // when there was a sign of life
	onReady  func()
}

func newManager(t *testing.T, onReady func()) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	must(t, err)
	m := &manager{conn: conn, path: path, done: make(chan struct{}), onReady: onReady}
	go m.listen()
	t.Cleanup(func() {
		conn.Close()
		<-m.done
	})
	return m
}

func (m *manager) listen() {
	defer close(m.done)
	b := make([]byte, 4096)
	for {
		n, err := m.conn.Read(b)
		if err != nil {
			return
		}
		message := string(b[:n])
		if strings.HasPrefix(message, "READY=1") && m.onReady != nil {
			m.onReady()
		}
		m.mu.Lock()
		if message == "WATCHDOG=1" {
			m.lives = append(m.lives, time.Now())
		} else {
			m.messages = append(m.messages, message)
		}
		m.mu.Unlock()
	}
}

// said are the messages but the signs of life.
func (m *manager) said() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.messages)
}

// alive is how many signs of life there were.
func (m *manager) alive() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.lives)
}

func (m *manager) variable() string { return "NOTIFY_SOCKET=" + m.path }

// The manager is told that the daemon is ready when every listener and the admin side answer, not before; that it stops, and
// how long that may take.
func TestNotify(t *testing.T) {
	t.Parallel()
	first, second, admin := freeAddress(t), freeAddress(t), freeAddress(t)
	var faults []error
	m := newManager(t, func() {
		for _, address := range []string{first, second, admin} {
			c, err := connect(address)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			c.Close()
		}
	})
	d := serve(t, m.variable(), "PARLEY_ADMIN="+admin, "PARLEY_DRAIN_DELAY=300ms", "PARLEY_DRAIN_TIMEOUT=5s", "echo://"+first, "happy://"+second)
	eventually(t, "the manager is told", func() bool { return len(m.said()) > 0 })
	d.signal(syscall.SIGTERM)
	eventually(t, "the manager is told of the end", func() bool { return len(m.said()) > 1 })
	if !d.running() {
		t.Error("the manager was told of the end when it had come")
	}
	d.exits(0)
	want := []string{
		"READY=1\nSTATUS=serving echo://" + first + ", happy://" + second,
		"STOPPING=1\nEXTEND_TIMEOUT_USEC=11300000\nSTATUS=draining",
	}
	if got := m.said(); !slices.Equal(got, want) {
		t.Errorf("the manager was told %q, want %q", got, want)
	}
	for _, err := range faults {
		t.Errorf("when the manager was told that the daemon is ready: %v", err)
	}
	if n := m.alive(); n != 0 {
		t.Errorf("%d signs of life, which nobody had asked for", n)
	}
}

// freeAddress is one on which nobody listens: no other test has this host.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.5:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// A daemon that cannot start never says that it is ready.
func TestNotify_failedStart(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	taken, address := socketFile(t, "tcp4", "127.0.0.1:0")
	defer taken.Close()
	p := launch(t, command(m.variable(), "parley", "serve", "echo://127.0.0.1:0", "echo://"+address))
	p.exits(1)
	if got := m.said(); len(got) > 0 {
		t.Errorf("the manager was told %q", got)
	}
}

// Signs of life come at half of the time that the manager waits for them, until the end, also of a long drain. A daemon that
// does not run gives none.
func TestNotify_watchdog(t *testing.T) {
	t.Parallel()
	const wait = 200 * time.Millisecond
	m := newManager(t, nil)
	d := serve(t, m.variable(), "WATCHDOG_USEC=200000", "PARLEY_DRAIN_DELAY=1h", "echo://127.0.0.1:0")
	eventually(t, "signs of life", func() bool { return m.alive() >= 5 })
	m.mu.Lock()
	between := m.lives[4].Sub(m.lives[0]) / 4
	m.mu.Unlock()
	if between < wait/4 || between > 10*wait {
		t.Errorf("a sign of life each %v, want %v", between, wait/2)
	}

	d.signal(syscall.SIGSTOP)
	before := -1
	eventually(t, "no more signs of life", func() bool {
		last := before
		before = m.alive()
		if before != last {
			time.Sleep(2 * wait)
		}
		return before == last
	})
	d.signal(syscall.SIGCONT)
	eventually(t, "signs of life again", func() bool { return m.alive() > before })

	d.signal(syscall.SIGTERM)
	d.stdout.await(t, `"msg":"stopping"`)
	draining := m.alive()
	eventually(t, "signs of life while it drains", func() bool { return m.alive() > draining+2 })
	d.signal(syscall.SIGINT)
	d.exits(1)
}

// The watchdog of another process is none of ours.
func TestNotify_othersWatchdog(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	d := serve(t, m.variable(), "WATCHDOG_USEC=1000", "WATCHDOG_PID=1", "PARLEY_DRAIN_DELAY=100ms", "echo://127.0.0.1:0")
	d.stop()
	if n := m.alive(); n > 0 {
		t.Errorf("%d signs of life", n)
	}
}

// A manager that cannot be told is a warning, and the service goes on.
func TestNotify_nobody(t *testing.T) {
	t.Parallel()
	for _, variables := range [][]string{
		{"NOTIFY_SOCKET=/no-such-socket"},
		{"NOTIFY_SOCKET=@no-such-socket"},
		{"NOTIFY_SOCKET=/no-such-socket", "WATCHDOG_USEC=soon"},
	} {
		d := serve(t, append(variables, "echo://127.0.0.1:0")...)
		d.stop()
		d.stdout.await(t, `"level":"warn",.*"msg":"(no service manager is told|the service manager does not know) how the daemon is"`)
	}
}

// A manager that takes nothing holds nobody up.
func TestNotify_stuck(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	must(t, err)
	defer conn.Close()
	full, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	must(t, err)
	defer full.Close()
	must(t, full.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
	for err == nil {
		_, err = full.Write([]byte("X=1"))
	}
	if !os.IsTimeout(err) {
		t.Fatal(err)
	}
	d := serve(t, "NOTIFY_SOCKET="+path, "echo://127.0.0.1:0")
	c := dial(t, d.addresses[0])
	if _, err := c.greeting(); err != nil {
		t.Fatal(err)
	}
	must(t, c.echo("here"))
	c.Close()
	if got := took(d.stop); got > 5*time.Second {
		t.Errorf("it took %v to end", got)
	}
}
