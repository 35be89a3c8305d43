//go:build linux && system

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// workshopWith compiles programs of the folder reference.
func workshopWith(t *testing.T, programs ...string) *workshop {
	t.Helper()
	module, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	w := &workshop{module: module, dir: t.TempDir()}
	for _, program := range programs {
		sources := []string{program + ".c"}
		if program != "load" {
			sources = append(sources, "loop.c")
		}
		if err := w.compileC(t.Context(), program, sources...); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// A fakeServer serves each connection with a function, which is told the connection's number, from 0.
type fakeServer struct {
	port     int
	messages atomic.Uint64 // counted by the function
	served   atomic.Int64  // connections
	wait     sync.WaitGroup
}

func startFake(t *testing.T, serve func(*fakeServer, int64, net.Conn)) *fakeServer {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeServer{port: listener.Addr().(*net.TCPAddr).Port}
	f.wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			number := f.served.Add(1) - 1
			f.wait.Go(func() {
				defer conn.Close()
				serve(f, number, conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		f.wait.Wait() // The load is gone, and its connections with it.
	})
	return f
}

// echo sends everything back, and counts messages of 64 bytes.
func echo(f *fakeServer, _ int64, conn net.Conn) {
	buf := make([]byte, 64<<10)
	total := 0
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		before := total / 64
		total += n
		f.messages.Add(uint64(total/64 - before))
		if _, err := conn.Write(buf[:n]); err != nil {
			return
		}
	}
}

// runFlags runs the load against a port, and lets it go on whenever it waits.
func runFlags(t *testing.T, w *workshop, port int, flags ...string) (loadResult, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	argv := append([]string{w.path("load"), "-i", "-d", "0.1", "-u", "0.02", "-t", "1"}, flags...)
	nothing := func() error { return nil }
	return runLoad(ctx, launch{argv: append(argv, fmt.Sprint(port)), cpu: -1}, nothing, nothing)
}

// What the load says that was answered, the server has answered: no more and no less.
func TestLoad_closed(t *testing.T) {
	w := workshopWith(t, "load")
	for _, connections := range []int{1, 7, 300} {
		f := startFake(t, echo)
		got, err := runFlags(t, w, f.port, "-c", fmt.Sprint(connections), "-w", "3", "-u", "0")
		if err != nil {
			t.Fatal(err)
		}
		want := f.messages.Load() - uint64(3*connections) // those of the opening do not count
		if got.Operations != want || got.Bytes != 64*want || want < uint64(connections) {
			t.Errorf("%d connections: %d messages and %d bytes, and the server answered %d", connections, got.Operations, got.Bytes, want)
		}
		if served := f.served.Load(); served != int64(connections) {
			t.Errorf("%d connections, of which the server saw %d", connections, served)
		}
		if got.Latency.P50 <= 0 || got.Latency.P99 < got.Latency.P50 {
			t.Errorf("latency %+v", got.Latency)
		}
	}
}

func TestLoad_open(t *testing.T) {
	w := workshopWith(t, "load")
	f := startFake(t, echo)
	got, err := runFlags(t, w, f.port, "-m", "open", "-c", "10", "-r", "5000", "-d", "0.4")
	if err != nil {
		t.Fatal(err)
	}
	// The rate is kept over the time of the run; on a busy machine the last messages of it may be left out.
	if got.Operations < 1500 || got.Operations > 2001 {
		t.Errorf("%d messages in 0.4 s at 5000 a second", got.Operations)
	}
}

// Latency of the open loop counts from when a message was due, so that a server that stands still is seen to.
func TestLoad_openStall(t *testing.T) {
	const stall = 200 * time.Millisecond
	w := workshopWith(t, "load")
	f := startFake(t, func(f *fakeServer, _ int64, conn net.Conn) {
		reader := bufio.NewReader(conn)
		message := make([]byte, 64)
		for n := 0; ; n++ {
			if _, err := io.ReadFull(reader, message); err != nil {
				return
			}
			if n == 10 {
				time.Sleep(stall)
			}
			if _, err := conn.Write(message); err != nil {
				return
			}
		}
	})
	got, err := runFlags(t, w, f.port, "-m", "open", "-c", "1", "-r", "1000", "-d", "0.4", "-u", "0")
	if err != nil {
		t.Fatal(err)
	}
	// Of 400 messages some 200 fell due during the stall: half of them waited 100 ms and more.
	if got.Latency.P99 < 150_000 {
		t.Errorf("p99 %.0f µs with a server that stood still for %v", got.Latency.P99, stall)
	}
}

func TestLoad_bulk(t *testing.T) {
	w := workshopWith(t, "load")
	f := startFake(t, echo)
	for _, window := range []string{"1000", "1048576", "100000000"} {
		got, err := runFlags(t, w, f.port, "-m", "bulk", "-c", "3", "-k", window)
		if err != nil {
			t.Fatal(err)
		}
		if got.Bytes < 1000 || got.Seconds < 0.1 {
			t.Errorf("window %s: %+v", window, got)
		}
	}
}

func TestLoad_churn(t *testing.T) {
	w := workshopWith(t, "load")
	for _, greeting := range []bool{false, true} {
		f := startFake(t, func(f *fakeServer, number int64, conn net.Conn) {
			if greeting {
				// In two parts: the line ends where the newline is.
				fmt.Fprintf(conn, "HELLO client")
				fmt.Fprintf(conn, "id=%d\n", number)
			}
			echo(f, number, conn)
		})
		flags := []string{"-m", "churn", "-c", "5", "-u", "0"}
		if greeting {
			flags = append(flags, "-g")
		}
		got, err := runFlags(t, w, f.port, flags...)
		if err != nil {
			t.Fatal(err)
		}
		if served := uint64(f.served.Load()); got.Operations != served || got.Operations != f.messages.Load() || served < 5 {
			t.Errorf("greeting %v: %d connections, of which the server saw %d, and %d messages", greeting, got.Operations, served, f.messages.Load())
		}
	}
}

func TestLoad_idle(t *testing.T) {
	w := workshopWith(t, "load")
	f := startFake(t, echo)
	var seen []int64
	_, err := runLoad(t.Context(), launch{argv: []string{w.path("load"), "-i", "-m", "idle", "-c", "10,200", fmt.Sprint(f.port)}, cpu: -1},
		func() error {
			seen = append(seen, f.served.Load())
			return nil
		}, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != 2 || seen[0] != 10 || seen[1] != 200 || f.messages.Load() != 2*200 {
		t.Errorf("stopped at %v connections, with %d messages, want 10 and 200, with 400", seen, f.messages.Load())
	}
}

func TestLoad_lines(t *testing.T) {
	w := workshopWith(t, "load")
	f := startFake(t, func(f *fakeServer, _ int64, conn net.Conn) {
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			f.messages.Add(1)
			fmt.Fprintf(conn, "ECHO: %s\n", lines.Bytes())
		}
	})
	got, err := runFlags(t, w, f.port, "-c", "4", "-x", "ECHO: ", "-u", "0")
	if err != nil {
		t.Fatal(err)
	}
	if want := f.messages.Load() - 4*2; got.Operations != want || got.Bytes != want*(64+6) {
		t.Errorf("%d lines, %d bytes, and the server answered %d", got.Operations, got.Bytes, want)
	}
}

// Every way in which an echo can be wrong is found, and named.
func TestLoad_wrongAnswers(t *testing.T) {
	w := workshopWith(t, "load")

	// distort echoes, and once a connection has had so many bytes, changes what it sends back.
	distort := func(after int, change func([]byte) []byte) func(*fakeServer, int64, net.Conn) {
		return func(_ *fakeServer, _ int64, conn net.Conn) {
			buf := make([]byte, 4<<10)
			for total := 0; ; {
				n, err := conn.Read(buf)
				if err != nil {
					return
				}
				answer := buf[:n]
				if total <= after && total+n > after {
					answer = change(answer)
				}
				total += n
				if _, err := conn.Write(answer); err != nil {
					return
				}
			}
		}
	}
	var mutex sync.Mutex
	var held []byte // a message of another connection

	faults := []struct {
		name  string
		serve func(*fakeServer, int64, net.Conn)
		flags []string
		want  string
	}{
		{"a bit", distort(640, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), []string{"-c", "4"}, "came back as"},
		{"a byte missing", distort(640, func(b []byte) []byte { return b[:len(b)-1] }), nil, "no answer"},
		{"a byte missing of many", distort(100_000, func(b []byte) []byte { return b[:len(b)-1] }), []string{"-m", "bulk"}, "came back as"},
		{"a byte twice", distort(640, func(b []byte) []byte { return append(b, b[len(b)-1]) }), nil, "bytes came back, and the answer has"},
		{"the first bytes twice", distort(640, func(b []byte) []byte { return append(b[:64:64], b...) }), nil, "came back"},
		{"two bytes swapped", distort(640, func(b []byte) []byte {
			for i := range len(b) - 1 {
				if b[i] != b[i+1] {
					b[i], b[i+1] = b[i+1], b[i]
					break
				}
			}
			return b
		}), nil, "came back as"},
		{"a message of another connection", func(_ *fakeServer, _ int64, conn net.Conn) {
			buf := make([]byte, 64)
			for {
				if _, err := io.ReadFull(conn, buf); err != nil {
					return
				}
				mutex.Lock()
				answer := held
				held = bytes.Clone(buf)
				mutex.Unlock()
				if answer == nil {
					answer = buf
				}
				if _, err := conn.Write(answer); err != nil {
					return
				}
			}
		}, []string{"-c", "4"}, "came back as"},
		{"256 KiB lost", func(_ *fakeServer, _ int64, conn net.Conn) {
			_, _ = io.CopyN(conn, conn, 300_000)
			_, _ = io.CopyN(io.Discard, conn, 256<<10)
			_, _ = io.Copy(conn, conn)
		}, []string{"-m", "bulk"}, "came back as"},
		{"closed in the middle", func(_ *fakeServer, _ int64, conn net.Conn) {
			_, _ = io.CopyN(conn, conn, 640)
		}, nil, "connection "},
		{"no greeting", echo, []string{"-g"}, "no answer for 1 s"},
		{"closed before the greeting", func(_ *fakeServer, _ int64, conn net.Conn) {}, []string{"-g"}, "no greeting: the server closed it"},
		{"something behind the greeting", func(_ *fakeServer, _ int64, conn net.Conn) {
			fmt.Fprint(conn, "HELLO\nthere")
			_, _ = io.Copy(io.Discard, conn)
		}, []string{"-g"}, "something follows the greeting"},
		{"prefix left out", echo, []string{"-x", "ECHO: "}, "came back as"},
		{"a line answered before it came", func(_ *fakeServer, _ int64, conn net.Conn) {
			lines := bufio.NewScanner(conn)
			for lines.Scan() {
				fmt.Fprintf(conn, "ECHO: %s\nECHO: ", lines.Bytes())
			}
		}, []string{"-x", "ECHO: "}, "76 bytes came back, and the answer has 70"},
		{"wrong in churn", distort(0, func(b []byte) []byte { b[0] ^= 1; return b }), []string{"-m", "churn", "-u", "0"}, "byte 0 came back as"},
	}
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			f := startFake(t, fault.serve)
			got, err := runFlags(t, w, f.port, append([]string{"-c", "1", "-w", "1"}, fault.flags...)...)
			if err == nil || !strings.Contains(err.Error(), fault.want) {
				t.Errorf("got %+v, %v, want an error with %q", got, err, fault.want)
			}
		})
	}
}

// A byte too many behind the very last answer is found too.
func TestLoad_moreAtTheEnd(t *testing.T) {
	w := workshopWith(t, "load")
	done, sent := make(chan struct{}), make(chan struct{})
	f := startFake(t, func(_ *fakeServer, _ int64, conn net.Conn) {
		_, _ = io.CopyN(conn, conn, 2*64)
		<-done // All answers have been read.
		fmt.Fprint(conn, "x")
		close(sent)
		_, _ = io.Copy(io.Discard, conn)
	})
	_, err := runLoad(t.Context(), launch{argv: []string{w.path("load"), "-i", "-m", "idle", "-c", "1", "-w", "2", fmt.Sprint(f.port)}, cpu: -1},
		func() error {
			close(done)
			<-sent
			return nil
		}, func() error { return nil })
	if err == nil || !strings.Contains(err.Error(), "a byte too many at the end") {
		t.Errorf("got %v", err)
	}
}

func TestLoad_refused(t *testing.T) {
	w := workshopWith(t, "load")
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := runFlags(t, w, port); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

// Whoever runs the load may end it.
func TestLoad_cancelled(t *testing.T) {
	w := workshopWith(t, "load")
	f := startFake(t, echo)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := runLoad(ctx, launch{argv: []string{w.path("load"), "-i", "-d", "60", fmt.Sprint(f.port)}, cpu: -1}, func() error {
		time.AfterFunc(50*time.Millisecond, cancel)
		return nil
	}, func() error { return nil })
	if err == nil || ctx.Err() == nil {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}

// What the end of the connections costs is no part of a message. (10,000 of them are a tenth of a second, which made
// everyone look twice as slow at that number.)
func TestPutThrough_withoutTheEnd(t *testing.T) {
	const connections, cost = 20, 100 * time.Millisecond
	w := workshopWith(t, "load")
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	p := startHelper(t, "costly-end", fmt.Sprint(port), cost.String())
	if err := p.listening(t.Context(), port); err != nil {
		t.Fatal(err)
	}
	argv := []string{w.path("load"), "-i", "-d", "0.05", "-u", "0", "-c", fmt.Sprint(connections), fmt.Sprint(port)}
	got, err := putThrough(t.Context(), p, launch{argv: argv, cpu: -1})
	if err != nil {
		t.Fatal(err)
	}
	if got.cpu <= 0 || got.cpu > 500*time.Millisecond || got.load.Operations == 0 {
		t.Errorf("%v for %d messages", got.cpu, got.load.Operations)
	}
	after, err := p.settled(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after < got.cpu+cost {
		t.Errorf("the connections' end cost nothing: this test shows nothing")
	}
}
