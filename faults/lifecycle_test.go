//go:build system && linux

package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"parley/faults/daemontest"
)

// panicking is a handler that panics, or does worse, as its client says; a daemon is built with it, as README says that one is
// added.
const panicking = `package handler

import (
	"errors"
	"runtime"
)

var panicKind = Kind{Summary: "panics as it is told", New: func(Options) (Handler, error) { return Func(panics), nil }}

func panics(s Session) error {
	for msg := range s.Messages() {
		switch string(msg) {
		case "text":
			panic("as told")
		case "error":
			panic(errors.New("as told"))
		case "nil":
			panic(nil)
		case "pointer":
			var p *int
			*p = 1
		case "index":
			_ = msg[len(msg)+1]
		case "map":
			var m map[string]int
			m["a"] = 1
		case "zero":
			n := 0
			_ = 1 / n
		case "type":
			_ = any(1).(string)
		case "exit":
			runtime.Goexit()
		case "beside":
			s.Go(func() { panic("as told") })
		default:
			if err := s.Echo("ECHO: ", msg); err != nil {
				return err
			}
		}
	}
	return nil
}
`

// ways are those in which it panics.
var ways = []string{"text", "error", "nil", "pointer", "index", "map", "zero", "type", "exit", "beside"}

// withPanics is the daemon with that handler.
var withPanics = sync.OnceValues(func() (string, error) {
	folder := filepath.Dir(program)
	root, err := filepath.Abs("..")
	if err != nil {
		return "", err
	}
	table := filepath.Join(root, "handler", "kinds.go")
	kinds, err := os.ReadFile(table)
	if err != nil {
		return "", err
	}
	const begin = "map[string]Kind{\n"
	if !bytes.Contains(kinds, []byte(begin)) {
		return "", fmt.Errorf("%s: no %q in it", table, begin)
	}
	kinds = bytes.Replace(kinds, []byte(begin), []byte(begin+"\t\"panic\": panicKind,\n"), 1)
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		table: filepath.Join(folder, "kinds.go"), filepath.Join(root, "handler", "panic.go"): filepath.Join(folder, "panic.go"),
	}})
	if err != nil {
		return "", err
	}
	for name, text := range map[string][]byte{"kinds.go": kinds, "panic.go": []byte(panicking), "overlay.json": overlay} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			return "", err
		}
	}
	binary := filepath.Join(folder, "parley-with-panics")
	return binary, daemontest.Build(binary, raceDetector, "-overlay", filepath.Join(folder, "overlay.json"))
})

// A handler panics in every way for 100 of 1,000 clients: those are told so, the others see nothing.
func TestL1_panics(t *testing.T) {
	binary, err := withPanics()
	if err != nil {
		t.Fatal(err)
	}
	eachTransport(t, func(f *fault) {
		const clients, echoes = 1000, 10
		p := f.attend(daemontest.Serve(f, binary, f.words("PARLEY_LOG_RATE=0", "panic://127.0.0.1:0")...))
		var told, unharmed atomic.Int64
		begin := make(chan struct{})
		var all sync.WaitGroup
		for i := range clients {
			c := f.dial(p.Addresses[0])
			all.Go(func() {
				defer c.Close()
				f.note(greeted(c))
				<-begin
				if i%10 == 0 {
					err := firstOf(c.Echo("first"), c.Send(ways[i/10%len(ways)]+"\n"), c.Wants("ERR internal"), c.Ends())
					if f.note(err) {
						told.Add(1)
					}
					return
				}
				for n := range echoes {
					if !f.note(c.Echo(fmt.Sprintf("%d of %d", n, i))) {
						return
					}
				}
				unharmed.Add(1)
			})
		}
		close(begin)
		all.Wait()
		f.figure("told ERR internal", "%d", told.Load())
		f.figure("saw nothing", "%d", unharmed.Load())
		if told.Load() != clients/10 || unharmed.Load() != clients-clients/10 {
			f.Errorf("%d were told, %d saw nothing", told.Load(), unharmed.Load())
		}
		f.eventually("each is counted", func() bool { return p.ended("internal") == clients/10 })
		if got := p.Scrape().Sum("parley_handler_panics_total"); got != clients/10 {
			f.Errorf("%v panics counted, want %d", got, clients/10)
		}
	})
}

// note notes an error from another goroutine than the test's; it is true when there is none.
func (f *fault) note(err error) bool {
	f.Helper()
	if err != nil {
		f.Error(err)
	}
	return err == nil
}

// What cannot be started says so at once, in one line, and opens nothing.
func TestL2_startErrors(t *testing.T) {
	once(t, func(f *fault) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		f.must(err)
		defer taken.Close()
		for _, dir := range []string{filepath.Dir(program), f.TempDir(), filepath.Dir(f.TempDir())} {
			f.must(os.Chmod(dir, 0o755)) // Nobody is to find the program.
		}
		unreadable := filepath.Join(f.TempDir(), "key.pem")
		f.must(os.WriteFile(unreadable, nil, 0o600))
		longest := time.Duration(0)
		for what, tt := range map[string]struct {
			words  []string
			nobody bool // as a user with no rights
			status int
			says   string
		}{
			"a port taken":         {words: []string{"echo://" + taken.Addr().String()}, status: 1, says: "address already in use: stop what listens there"},
			"the admin port taken": {words: []string{"--admin=" + taken.Addr().String(), "echo://127.0.0.1:0"}, status: 1, says: "is that another parley?"},
			"a foreign address":    {words: []string{"echo://192.0.2.1:12000"}, status: 1, says: "this machine has no such address"},
			"a port below 1024":    {words: []string{"echo://:80"}, nobody: true, status: 1, says: "choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE"},
			"an unreadable folder": {words: []string{"echo+unix:///proc/1/parley.sock"}, nobody: true, status: 1, says: "cannot listen on /proc/1/parley.sock"},
			"an unknown handler":   {words: []string{"PARLEY_LISTEN=ehco://:1"}, status: 2, says: `did you mean "echo"?`},
			"an unknown key":       {words: []string{"echo://:1?perfix=x"}, status: 2, says: `did you mean "prefix"?`},
			"a bad duration":       {words: []string{"PARLEY_IDLE_TIMEOUT=5"}, status: 2, says: `PARLEY_IDLE_TIMEOUT="5": a duration needs a unit`},
			"an unreadable key": {
				words:  []string{"PARLEY_TLS_CERT=" + unreadable, "PARLEY_TLS_KEY=" + unreadable, "echo+tls://127.0.0.1:0"},
				nobody: true, status: 2, says: "PARLEY_TLS_CERT) " + unreadable + ": permission denied",
			},
		} {
			cmd := daemontest.Command(daemontest.ServeCommand(program, tt.words...)...)
			if tt.nobody {
				const nobody = 65534
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			}
			took := daemontest.Took(func() {
				p := daemontest.Launch(f, cmd)
				p.Exits(tt.status)
				if got := p.Stderr.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, tt.says) {
					f.Errorf("%s: %q, want one line with %q", what, got, tt.says)
				}
				if got := p.Stdout.String(); got != "" {
					f.Errorf("%s: logged:\n%s", what, got)
				}
			})
			longest = max(longest, took)
		}
		f.figure("9 kinds of start errors are told within", "%v", longest)
		if longest > time.Second && !raceDetector {
			f.Errorf("it took up to %v, want a second", longest)
		}
	})
}

// SIGTERM under load: nothing that was answered is lost.
func TestL3_termUnderLoad(t *testing.T) {
	eachTransport(t, func(f *fault) {
		const talkers, bulks = 450, 50
		size := sized(f, 10<<20, 40<<20) // bytes
		const timeout = 8 * time.Second
		d := daemontest.Serve(f, program, f.words("PARLEY_DRAIN_TIMEOUT="+timeout.String(), "echo://127.0.0.1:0", "echo://127.0.0.1:0?wire=raw&prefix=")...)
		var all sync.WaitGroup
		var atIt, begun atomic.Int64 // Who is not accepted yet is no client of the daemon's.
		for i := range talkers {
			c := f.dial(d.Addresses[0])
			all.Go(func() { f.note(converseToTheEnd(c, i, &atIt)) })
		}
		loads := make([]bulk, bulks)
		for i := range loads {
			c := f.dial(d.Addresses[1])
			all.Go(func() { f.note(loads[i].run(c, size, &begun)) })
		}
		ctx, stop := context.WithCancel(f.Context())
		var refused, queued atomic.Int64
		all.Go(func() {
			var visitors sync.WaitGroup
			daemontest.Every(ctx, 5*time.Millisecond, func(int) {
				visitors.Go(func() {
					v := visit(d.Addresses[0], "hello")
					switch {
					case v.reason == "refused":
						refused.Add(1)
					case v.reason == "reset": // It was in the queue of the socket that was closed, and has read nothing.
						queued.Add(1)
					case v.reason != "" && !strings.Contains(v.reason, "ERR shutting_down"):
						f.Errorf("a visitor: %s", v.reason)
					}
				})
			})
			visitors.Wait()
		})
		f.eventually("all are at it", func() bool { return atIt.Load() == talkers && begun.Load() == bulks })
		told := time.Now()
		d.Signal(syscall.SIGTERM)
		f.eventually("connections are refused", func() bool {
			nc, err := net.Dial("tcp", d.Addresses[0])
			if err == nil {
				nc.Close()
			}
			return errors.Is(err, syscall.ECONNREFUSED)
		})
		f.figure("connections are refused after", "%v", time.Since(told))
		d.Exits(0)
		took := time.Since(told)
		stop()
		all.Wait()
		f.figure("it has ended after", "%v", took)
		truncated := 0
		for _, b := range loads {
			closed := d.Stdout.Find(f, `"msg":"connection closed",.*"peer":"`+regexp.QuoteMeta(b.peer)+`","listener":"echo://127\.0\.0\.1:0#2",.*"bytes_out":(\d+),`)
			if closed[1] != strconv.Itoa(b.got) {
				truncated++
				f.Errorf("the server sent %s bytes, and %d have come", closed[1], b.got)
			}
		}
		f.figure("answers truncated", "%d", truncated)
		f.figure("visitors refused after it", "%d", refused.Load())
		f.figure("visitors reset, of the system's queue", "%d", queued.Load())
		if took > timeout+time.Second {
			f.Errorf("ended after %v, want within %v", took, timeout)
		}
		d.Stdout.Await(f, `"msg":"stopped","drained":\d+,"cut":0,`)
	})
}

// converseToTheEnd asks and is answered until it is told that the server shuts down; after some answers it is at it. What it asked
// last need not be answered, but whatever comes is whole.
func converseToTheEnd(c *daemontest.Client, who int, atIt *atomic.Int64) error {
	defer c.Close()
	if err := greeted(c); err != nil {
		return err
	}
	for i := 0; ; i++ {
		question := fmt.Sprintf("question %d of %d", i, who)
		if err := c.Send(question + "\n"); err != nil {
			return err
		}
		switch line, err := c.Line(); {
		case err != nil:
			return err
		case line == "ERR shutting_down":
			return c.Ends()
		case line != "ECHO: "+question:
			return fmt.Errorf("asked %q, got %q", question, line)
		}
		if i == 5 {
			atIt.Add(1)
		}
	}
}

// A bulk sends many bytes and reads them back, until the server ends its side.
type bulk struct {
	peer string // as the server calls it
	got  int
}

// run is the life of a bulk. begun counts those who have something back.
func (b *bulk) run(c *daemontest.Client, size int, begun *atomic.Int64) error {
	defer c.Close()
	b.peer = c.LocalAddr().String()
	const piece = 64 << 10
	sending := make(chan struct{})
	go func() {
		defer close(sending)
		for left := size; left > 0; left -= piece {
			if _, err := c.Write(make([]byte, min(piece, left))); err != nil {
				return
			}
			time.Sleep(2 * time.Millisecond) // So that the signal finds it in the middle.
		}
	}()
	_ = c.SetReadDeadline(time.Now().Add(daemontest.Patience))
	buffer := make([]byte, piece)
	for {
		n, err := c.In.Read(buffer)
		if b.got == 0 && n > 0 {
			begun.Add(1)
		}
		b.got += n
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", b.got, err)
		}
	}
	_ = c.SetWriteDeadline(time.Now())
	<-sending
	return nil
}

// A visit is to connect, say one line, have the answer and leave.
type visited struct {
	took   time.Duration
	reason string // why it failed, empty if it did not
}

func visit(address, line string) visited {
	began := time.Now()
	failed := func(what string, err error) visited {
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			what = "refused"
		case errors.Is(err, syscall.ECONNRESET):
			what = "reset"
		}
		return visited{time.Since(began), what}
	}
	nc, err := net.DialTimeout("tcp4", address, daemontest.Patience)
	if err != nil {
		return failed("connect: "+fmt.Sprint(err), err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(daemontest.Patience))
	if _, err := io.WriteString(nc, line+"\n"); err != nil {
		return failed("send: "+err.Error(), err)
	}
	_ = nc.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(nc)
	if err != nil && len(got) > 0 {
		return failed(fmt.Sprintf("cut off behind %q: %v", got, err), nil)
	}
	if err != nil {
		return failed("read: "+err.Error(), err)
	}
	if want := "ECHO: " + line + "\n"; !strings.HasSuffix(string(got), want) {
		return failed(fmt.Sprintf("got %q, want %q", got, want), nil)
	}
	return visited{took: time.Since(began)}
}

// A second signal, SIGQUIT, and a signal before it listens end it at once.
func TestL4_signals(t *testing.T) {
	eachTransport(t, func(f *fault) {
		var second, quit time.Duration
		for range sized(f, 3, 20) {
			d := daemontest.Serve(f, program, f.words("PARLEY_DRAIN_DELAY=1h", "echo://127.0.0.1:0")...)
			c := f.dial(d.Addresses[0])
			f.must(greeted(c))
			d.Signal(syscall.SIGTERM)
			d.Stdout.Await(f, `"msg":"stopping"`)
			second = max(second, daemontest.Took(func() {
				d.Signal(syscall.SIGINT)
				d.Exits(1)
			}))
			c.Close()

			d = daemontest.Serve(f, program, f.words("echo://127.0.0.1:0")...)
			quit = max(quit, daemontest.Took(func() {
				d.Signal(syscall.SIGQUIT)
				d.Exits(2)
			}))
			if got := d.Stderr.String(); !strings.Contains(got, "goroutine ") {
				f.Errorf("after SIGQUIT it says nothing of its goroutines:\n%s", got)
			}

			p := daemontest.Launch(f, daemontest.Command(daemontest.ServeCommand(program, f.words("echo://127.0.0.1:0")...)...))
			p.Signal(syscall.SIGTERM) // Most often before it has asked for signals: the system then ends it, with no status.
			if status := p.Status(); status != 0 && status != -1 {
				f.Errorf("SIGTERM before it listens: exit status %d", status)
			}
		}
		f.figure("ended after a second signal within", "%v", second)
		f.figure("ended after SIGQUIT within", "%v", quit)
		if second > time.Second && !raceDetector {
			f.Errorf("it ended %v after the second signal", second)
		}
	})
}

// Whoever does not go does not keep the daemon for longer than the drain timeout and a second.
func TestL6_thoseWhoDoNotGo(t *testing.T) {
	eachTransport(t, func(f *fault) {
		const timeout, silent, halfClosed = 2 * time.Second, 100, 100
		deaf := sized(f, 300, 1000)
		d := daemontest.Serve(f, program, f.words("PARLEY_DRAIN_TIMEOUT="+timeout.String(), "PARLEY_LOG_RATE=0", "echo://127.0.0.1:0")...)
		lines := []byte(strings.Repeat("never read\n", 1<<10))
		var senders sync.WaitGroup
		for range deaf {
			c := f.dial(d.Addresses[0])
			senders.Go(func() {
				for {
					if _, err := c.Write(lines); err != nil {
						return
					}
				}
			})
		}
		for range silent {
			f.must(greeted(f.dial(d.Addresses[0])))
		}
		for range halfClosed { // They end their side with much to come that they do not read.
			c := f.dial(d.Addresses[0])
			senders.Go(func() {
				for range 20 {
					if _, err := c.Write(lines); err != nil {
						return
					}
				}
				_ = c.HalfClose()
			})
		}
		f.eventually("all are there", func() bool { return d.Scrape().Sum("parley_connections_active") == float64(deaf+silent+halfClosed) })
		took := daemontest.Took(d.Stop)
		senders.Wait()
		f.figure("ended after, of a drain timeout of 2 s", "%v", took)
		if took >= timeout+time.Second {
			f.Errorf("ended %v after SIGTERM, want less than %v", took, timeout+time.Second)
		}
		stopped := d.Stdout.Find(f, `"msg":"stopped","drained":(\d+),"cut":(\d+),`)
		f.figure("drained and cut", "%s", stopped[1]+" and "+stopped[2])
	})
}

const (
	restartRate  = 1000 // connections a second
	restartEvery = 500 * time.Millisecond

	// settled is how long the drain waits for the line of a client who has connected: one on a busy machine may be later, and is told.
	settled = 100 * time.Millisecond
)

// The daemon is restarted while a thousand clients a second come. The test has the listening socket, as a service manager
// does: no client is refused or reset, and each has its answer from one daemon or the next.
func TestL7_restarts(t *testing.T) {
	eachTransport(t, func(f *fault) {
		socket, err := net.Listen("tcp4", "127.0.0.1:0")
		f.must(err)
		file, err := socket.(*net.TCPListener).File()
		f.must(err)
		f.must(socket.Close()) // file has a duplicate.
		f.Cleanup(func() { file.Close() })
		address := socket.Addr().String()
		start := func() *daemontest.Daemon {
			// The shell is the process that the descriptor is for, and then the daemon.
			words := slices.Concat([]string{
				"sh", "-c", `LISTEN_PID=$$ exec env "$@"`, "sh", "LISTEN_FDS=1", "PARLEY_TRANSPORT=" + f.variable(),
				"PARLEY_LOG_FORMAT=json", program, "serve", "echo://" + address + "?greeting=off",
			})
			cmd := daemontest.Command(words...)
			cmd.ExtraFiles = []*os.File{file}
			return daemontest.AwaitDaemon(daemontest.Launch(f, cmd))
		}
		d := start()
		ctx, stop := context.WithCancel(f.Context())
		defer stop()
		var (
			mu       sync.Mutex
			visits   []visited
			all, out sync.WaitGroup
		)
		began := time.Now()
		all.Go(func() {
			came := 0
			daemontest.Every(ctx, time.Millisecond, func(int) {
				for due := int(time.Since(began).Seconds() * restartRate); came < due; came++ { // Whoever is late comes all the same.
					line := fmt.Sprintf("visitor %d", came)
					out.Go(func() {
						v := visit(address, line)
						mu.Lock()
						defer mu.Unlock()
						visits = append(visits, v)
					})
				}
			})
		})
		restarts := sized(f, 3, 20)
		var gaps []time.Duration
		for range restarts {
			time.Sleep(restartEvery)
			gaps = append(gaps, daemontest.Took(func() {
				d.Stop()
				if !strings.Contains(d.Stdout.String(), `"cut":0,`) {
					f.Errorf("a visitor was cut:\n%s", d.Stdout)
				}
				d = start()
			}))
		}
		time.Sleep(restartEvery)
		stop()
		all.Wait()
		lasted := time.Since(began)
		out.Wait()
		d.Stop()

		failed := make(map[string]int)
		var times []time.Duration
		late := 0
		for _, v := range visits {
			times = append(times, v.took)
			switch {
			case v.reason == "":
			case strings.Contains(v.reason, `got "ERR shutting_down`) && v.took > settled:
				late++
			default:
				failed[v.reason]++
			}
		}
		rate := float64(len(visits)) / lasted.Seconds()
		f.figure("restarts", "%d", restarts)
		f.figure("visitors", "%d", len(visits))
		f.figure("of them refused or reset", "%d", failed["refused"]+failed["reset"])
		f.figure("of them told to come again, who took more than 100 ms for their line", "%d", late)
		f.figure("from the signal until the next daemon listens", "%v", slices.Max(gaps))
		f.figure("99 % of the visits took at most", "%v", daemontest.Quantile(times, .99))
		for reason, n := range failed {
			f.Errorf("%d visitors: %s", n, reason)
		}
		f.figure("visitors a second", "%.0f", rate)
	})
}

// What the service manager is told, and when.
func TestL8_serviceManager(t *testing.T) {
	eachTransport(t, func(f *fault) {
		path := filepath.Join(f.TempDir(), "notify")
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		f.must(err)
		defer conn.Close()
		told := func() string {
			f.Helper()
			_ = conn.SetReadDeadline(time.Now().Add(daemontest.Patience))
			b := make([]byte, 4096)
			n, err := conn.Read(b)
			f.must(err)
			return string(b[:n])
		}
		began := time.Now()
		d := daemontest.Serve(f, program, f.words("NOTIFY_SOCKET="+path, "WATCHDOG_USEC=200000", "PARLEY_DRAIN_DELAY=100ms", "echo://127.0.0.1:0")...)
		ready := told()
		f.figure("READY=1 after the start", "%v", time.Since(began))
		if !strings.HasPrefix(ready, "READY=1\n") {
			f.Errorf("told %q first, want READY=1", ready)
		}
		c := f.dial(d.Addresses[0])
		f.must(greeted(c))
		c.Close()
		alive := time.Now()
		for range 5 {
			if got := told(); got != "WATCHDOG=1" {
				f.Errorf("told %q, want WATCHDOG=1", got)
			}
		}
		f.figure("a sign of life, asked for within 200 ms, each", "%v", time.Since(alive)/5)
		d.Signal(syscall.SIGTERM)
		ending := time.Now()
		stopping := told()
		for stopping == "WATCHDOG=1" {
			stopping = told()
		}
		f.figure("STOPPING=1 after SIGTERM", "%v", time.Since(ending))
		if !strings.HasPrefix(stopping, "STOPPING=1\n") {
			f.Errorf("told %q, want STOPPING=1", stopping)
		}
		d.Exits(0)
	})
}

// kill -9 while clients are connected, and the next daemon at once on the same port and the same unix socket.
func TestL10_kill(t *testing.T) {
	eachTransport(t, func(f *fault) {
		const clients = 1000
		socket := filepath.Join(f.TempDir(), "s")
		first := daemontest.Serve(f, program, f.words("echo://127.0.0.1:0", "echo+unix://"+socket)...)
		again := f.words("echo://"+first.Addresses[0], "echo+unix://"+socket)
		all := make([]*daemontest.Client, clients)
		for i := range all {
			all[i] = f.dial(first.Addresses[0])
			f.must(greeted(all[i]))
		}
		var down time.Duration
		for range sized(f, 3, 20) {
			killed := time.Now()
			first.Signal(syscall.SIGKILL)
			first.Status()
			p := f.serveAgain(again)
			v := visit(p.Addresses[0], "back?")
			down = max(down, time.Since(killed))
			if v.reason != "" {
				f.Errorf("after the restart: %s", v.reason)
			}
			c := f.dial(socket)
			f.must(firstOf(greeted(c), c.Echo("back?")))
			c.Close()
			first = p
		}
		for i, c := range all {
			if _, err := c.Line(); err == nil {
				f.Errorf("client %d of the one that was killed reads on", i)
			}
			c.Close()
		}
		first.Stop()
		f.figure("from kill -9 with 1,000 clients until the next serves", "%v", down)
		if down > time.Second && !raceDetector {
			f.Errorf("it served again after %v", down)
		}
	})
}

// serveAgain starts a daemon where one has just been.
func (f *fault) serveAgain(words []string) *daemontest.Daemon {
	f.Helper()
	return daemontest.Serve(f, program, words...)
}

// Clients connect while the daemon shuts down: each is refused, or it is answered and reads the end. Nobody is left waiting.
func TestL11_dialsRacingTheEnd(t *testing.T) {
	eachTransport(t, func(f *fault) {
		const dials = 200
		rounds := sized(f, 2, 200)
		outcomes := make(map[string]int)
		var mu sync.Mutex
		longest := time.Duration(0)
		for range rounds {
			d := daemontest.Serve(f, program, f.words("echo://127.0.0.1:0")...)
			var all sync.WaitGroup
			begin := make(chan struct{})
			for range dials {
				all.Go(func() {
					<-begin
					outcome := endOf(d.Addresses[0])
					mu.Lock()
					defer mu.Unlock()
					outcomes[outcome]++
				})
			}
			close(begin)
			longest = max(longest, daemontest.Took(d.Stop))
			all.Wait()
		}
		for _, outcome := range []string{"served", "refused", "reset"} {
			f.figure(outcome, "%d", outcomes[outcome])
			delete(outcomes, outcome)
		}
		f.figure("ended after SIGTERM within", "%v", longest)
		for outcome, n := range outcomes {
			f.Errorf("%d: %s", n, outcome)
		}
	})
}

// endOf connects, and says how that ended: served, with a greeting and the end; refused; or reset, as one that was in the system's
// queue when the socket was closed.
func endOf(address string) string {
	c, err := daemontest.Connect(address)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case err != nil:
		return err.Error()
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(daemontest.Patience))
	said, err := io.ReadAll(c.In)
	switch text := string(said); {
	case errors.Is(err, syscall.ECONNRESET) && text == "":
		return "reset"
	case err != nil:
		return fmt.Sprintf("%q, and then %v", text, err)
	case strings.HasPrefix(text, "HELLO clientid=") && strings.HasSuffix(text, "\nERR shutting_down\n"), text == "ERR shutting_down\n":
		return "served"
	}
	return fmt.Sprintf("it read %q", said)
}
