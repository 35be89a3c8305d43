//go:build linux && (amd64 || arm64)

package server_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"parley/handler"
	"parley/server"
)

// counts are numbers of messages after which something else than a message comes: none, fewer than it takes until hang-ups
// are watched for, as many, and more.
var counts = []int{0, 1, 3, 4, 5, 8, 20}

// talk exchanges n messages, each in a piece of its own.
func (c *client) talk(n int) {
	c.t.Helper()
	for i := range n {
		line := fmt.Sprintf("message %d", i)
		c.send(line + "\n")
		c.want(line)
	}
}

// option sets a socket option of a client.
func (c *client) option(level, name, value int) {
	c.t.Helper()
	c.control(func(fd int) error { return unix.SetsockoptInt(fd, level, name, value) })
}

func (c *client) control(f func(fd int) error) {
	c.t.Helper()
	raw, err := c.Conn.(*net.TCPConn).SyscallConn()
	if err == nil {
		controlErr := raw.Control(func(fd uintptr) { err = f(int(fd)) })
		if err == nil {
			err = controlErr
		}
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// The last message and the end of the client's side come in one segment, so that the poller tells of both at once.
func TestSocket_dataAndEnd(t *testing.T) {
	t.Parallel()
	s := serve(t, overTCP, echo(""))
	for range 50 {
		for _, count := range counts {
			c := s.dial()
			c.talk(count)
			c.option(unix.IPPROTO_TCP, unix.TCP_CORK, 1)
			c.send("last\nunfinished")
			c.closeWrite()
			c.wantEnd("last", "unfinished")
			s.wantEnd(server.ClientClosed)
			c.Close()
		}
	}
}

// The end comes alone, right behind the answer or while the server waits.
func TestSocket_end(t *testing.T) {
	t.Parallel()
	s := serve(t, overTCP, echo(""))
	for i := range 50 {
		for _, count := range counts {
			c := s.dial()
			c.talk(count)
			if i%10 == 0 {
				time.Sleep(time.Millisecond)
			}
			c.closeWrite()
			c.wantEnd()
			s.wantEnd(server.ClientClosed)
			c.Close()
		}
	}
}

// A reset ends the connection at once, behind a message and alone.
func TestSocket_reset(t *testing.T) {
	t.Parallel()
	s := serve(t, overTCP, echo(""))
	for i := range 20 {
		for _, count := range counts {
			c := s.dial()
			c.talk(count)
			if i%2 == 0 {
				c.send("last\n")
			}
			if i%5 == 0 {
				time.Sleep(time.Millisecond)
			}
			if err := c.Conn.(*net.TCPConn).SetLinger(0); err != nil {
				t.Fatal(err)
			}
			c.Close()
			s.wantEnd(server.Reset)
		}
	}
}

// Every read stops at telnet's urgent mark, and what is behind it is no less a message.
func TestSocket_urgent(t *testing.T) {
	t.Parallel()
	s := serve(t, overTCP, echo(""))
	for range 20 {
		for _, count := range counts {
			c := s.dial()
			c.talk(count)
			c.option(unix.IPPROTO_TCP, unix.TCP_CORK, 1)
			c.send("be")
			c.control(func(fd int) error { return unix.Sendto(fd, []byte("!"), unix.MSG_OOB, nil) })
			c.send("hind\n")
			c.option(unix.IPPROTO_TCP, unix.TCP_CORK, 0)
			c.want("behind")
			c.talk(2)
			c.closeWrite()
			c.wantEnd()
			s.wantEnd(server.ClientClosed)
			c.Close()
		}
	}
}

// A client that reads slowly and has long ended its side gets all there is to get.
func TestSocket_slowReaderHasEnded(t *testing.T) {
	t.Parallel()
	const size = 12 << 20
	s := serve(t, overTCP, echo(""), raw, limits(defaultLimits))
	c := s.dial()
	c.option(unix.SOL_SOCKET, unix.SO_RCVBUF, 64<<10)
	sent := make([]byte, size)
	for i := range sent {
		sent[i] = byte(i * 7 / 5)
	}
	written := make(chan error, 1)
	go func() {
		_, err := c.Conn.Write(sent)
		if err == nil {
			err = c.Conn.(*net.TCPConn).CloseWrite()
		}
		written <- err
	}()
	var got bytes.Buffer
	for begin := time.Now(); ; {
		n, err := io.CopyN(&got, c.Conn, 256<<10)
		if time.Since(begin) < time.Second {
			time.Sleep(10 * time.Millisecond)
		}
		if err != nil || n == 0 {
			break
		}
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), sent) {
		t.Errorf("%d bytes came back of %d, or not the same", got.Len(), size)
	}
	s.wantEnd(server.ClientClosed)
}

// Deadlines hold for one whose hang-up is watched for as for one whose is not.
func TestSocket_deadlines(t *testing.T) {
	const timeout = 200 * time.Millisecond
	for _, count := range counts {
		t.Run(fmt.Sprintf("idle after %d", count), func(t *testing.T) {
			t.Parallel()
			s := serve(t, overTCP, echo(""), limits(server.Limits{IdleTimeout: timeout}))
			c := s.dial()
			c.talk(count)
			began := time.Now()
			c.wantEnd("ERR idle_timeout")
			if d := time.Since(began); d < timeout/2 || d > 10*timeout {
				t.Errorf("after %v, want %v", d, timeout)
			}
			c.Close()
			s.wantEnd(server.IdleTimeout)
		})
		t.Run(fmt.Sprintf("message after %d", count), func(t *testing.T) {
			t.Parallel()
			s := serve(t, overTCP, echo(""), limits(server.Limits{IdleTimeout: time.Minute, MessageTimeout: timeout}))
			c := s.dial()
			c.talk(count)
			c.send("unfinished")
			c.wantEnd("ERR message_timeout")
			c.Close()
			s.wantEnd(server.MessageTimeout)
		})
		t.Run(fmt.Sprintf("write after %d", count), func(t *testing.T) {
			t.Parallel()
			s := serve(t, overTCP, handler.Func(func(s handler.Session) error {
				for msg := range s.Messages() {
					if string(msg) == "flood" {
						return flood(s)
					}
					if err := s.Echo("", msg); err != nil {
						return err
					}
				}
				return nil
			}), limits(server.Limits{WriteTimeout: timeout}))
			c := s.dial()
			c.talk(count)
			c.send("flood\n")
			s.wantEnd(server.WriteTimeout)
		})
	}
}

// Connections come and go in all ways, and the system gives the descriptors of those that went to those that come, while
// others go on talking: nobody gets what was meant for another, or ends because another has. No descriptor is left.
func TestSocket_descriptorReuse(t *testing.T) {
	before := descriptors(t)
	s := serve(t, overTCP, echo(""))
	var wg sync.WaitGroup
	stop := time.Now().Add(1500 * time.Millisecond)
	for worker := range 16 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for round := 0; time.Now().Before(stop); round++ {
				c := s.dial()
				stays := worker < 4
				for i := range 1 + random.IntN(12) {
					line := fmt.Sprintf("worker %d round %d message %d", worker, round, i)
					c.send(line + "\n")
					c.want(line)
				}
				for i := 0; stays && time.Now().Before(stop); i++ {
					line := fmt.Sprintf("worker %d stays %d", worker, i)
					c.send(line + "\n")
					c.want(line)
				}
				switch random.IntN(4) {
				case 0:
					_ = c.Conn.(*net.TCPConn).SetLinger(0)
				case 1:
					c.send("last\n")
					c.closeWrite()
					c.wantEnd("last")
				case 2:
					c.closeWrite()
					c.wantEnd()
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	s.stop(drainTimeout)
	for _, e := range s.log.lines("connection closed") {
		if r := e.string("reason"); !slices.Contains([]string{"client_closed", "reset"}, r) {
			t.Errorf("a connection ended for %s", r)
		}
	}
	for range 100 {
		if descriptors(t) <= before {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d descriptors are open, and were %d before", descriptors(t), before)
}

// descriptors returns how many files this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A bulk stream with messages of all sizes comes back as it went.
func TestSocket_bulk(t *testing.T) {
	t.Parallel()
	s := serve(t, overTCP, echo(""), raw)
	c := s.dial()
	go func() {
		piece := []byte(strings.Repeat("0123456789abcdef", 32<<10)) // 512 KiB
		for _, size := range []int{1, 16 << 10, 32 << 10, 32<<10 + 1, 256 << 10, 256<<10 + 1, 512 << 10} {
			for range 10 {
				_, _ = c.Conn.Write(piece[:size])
			}
		}
		c.Conn.(*net.TCPConn).CloseWrite()
	}()
	want := 10 * (1 + 16<<10 + 32<<10 + 32<<10 + 1 + 256<<10 + 256<<10 + 1 + 512<<10)
	got, err := io.ReadAll(c.Conn)
	if err != nil || len(got) != want {
		t.Fatalf("%d bytes came back of %d, %v", len(got), want, err)
	}
	s.wantEnd(server.ClientClosed)
}

// Who flushes when the connection is over, on a goroutine that nobody waits for, reaches nobody: the system has given the
// descriptor to the next.
func TestSocket_flushWhenOver(t *testing.T) {
	sessions := make(chan handler.Session, 1)
	s := serve(t, overTCP, handler.Func(func(s handler.Session) error {
		for msg := range s.Messages() {
			if string(msg) == "secret" {
				_ = s.Gather("the secret")
				sessions <- s
				s.Drop()
				panic("no")
			}
			if err := s.Echo("", msg); err != nil {
				return err
			}
		}
		return nil
	}))
	// The next one's own descriptor is there before the first one's is free.
	next, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(next)
	first := s.dial()
	first.send("secret\n")
	over := <-sessions
	s.wantEnd(server.SlowReader)
	if err := unix.Connect(next, &unix.SockaddrInet4{Port: s.socket.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	_ = over.Flush()
	b := make([]byte, 100)
	if _, err := unix.Write(next, []byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.Read(next, b); err != nil || string(b[:n]) != "hello\n" {
		t.Errorf("the next client reads %q, %v", b[:max(n, 0)], err)
	}
}

// A client who comes again when it has read the end of its connection is no longer counted for that.
func TestSocket_comesAgain(t *testing.T) {
	s := serve(t, overTCP, echo(""), limits(server.Limits{MaxConns: 1, MaxConnsPerIP: 1}))
	for range 500 {
		c := s.dial()
		c.send("x\n")
		c.closeWrite()
		c.wantEnd("x")
		c.Close()
	}
}

// Those who send a lot, and read nothing of answers that are longer still, make the process hold a bounded number of large
// buffers, and else the small ones.
func TestSocket_bulkNotRead(t *testing.T) {
	clients := 150
	if raceDetector { // What they hold is not compared then.
		clients = 15
	}
	s := serve(t, overTCP, echo(strings.Repeat("p", 40)), limits(defaultLimits))
	before := memory()
	lines := bytes.Repeat([]byte("\n"), 2<<20)
	var sending sync.WaitGroup
	for range clients {
		c := s.dial()
		c.option(unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10)
		sending.Go(func() {
			_ = c.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = c.Write(lines)
			_ = c.Conn.(*net.TCPConn).SetLinger(0)
		})
	}
	sending.Wait()
	after := memory()
	held := (int(after.HeapInuse) - int(before.HeapInuse)) >> 10
	t.Logf("%d KiB are held for %d clients", held, clients)
	if most := 64*256 + clients*64; held > most && !raceDetector {
		t.Errorf("want at most %d", most)
	}
}

// A descriptor that Go's poller has not taken is an error of accepting, and no connection that fails later. Of what it does
// not take, an ordinary file is the one that a test can have.
func TestSocket_notPolled(t *testing.T) {
	fd, err := unix.Open("/proc/self/exe", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Polled(fd); err == nil {
		t.Error("no error for a descriptor that is not polled")
	}
}
