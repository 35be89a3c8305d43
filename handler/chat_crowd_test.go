package handler_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/handler"
	"parley/protocol"
)

// who joins is welcomed behind a line like this.
const welcome = "; /name X, /who, or EXIT to leave"

// enter waits until the client is a member, and returns its name.
func (c *tcpClient) enter(t testing.TB) string {
	t.Helper()
	for {
		line, err := c.line()
		if err != nil {
			t.Fatal(err)
		}
		if rest, ok := strings.CutPrefix(line, "* you are "); ok && strings.HasSuffix(rest, welcome) {
			name, _, _ := strings.Cut(rest, ",")
			return name
		}
	}
}

// spoken returns the next line that somebody has said, and who.
func (c *tcpClient) spoken() (who, line string, err error) {
	for {
		line, err = c.line()
		if err != nil {
			return "", "", err
		}
		if rest, ok := strings.CutPrefix(line, "<"); ok {
			who, line, _ = strings.Cut(rest, "> ")
			return who, line, nil
		}
	}
}

// However a member leaves, the others are told, and told if it was not its own will.
func TestChat_leaving(t *testing.T) {
	t.Parallel()
	for reason, tt := range map[string]struct {
		leave func(*tcpClient)
		why   string
	}{
		"client_closed": {func(c *tcpClient) { c.closeWrite() }, ""},
		"reset":         {func(c *tcpClient) { c.reset() }, ": connection lost"},
		"done":          {func(c *tcpClient) { io.WriteString(c, "EXIT\n"); c.closeWrite() }, ""},
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			s := serveTCP(t, handler.NewChat(0), protocol.Text{})
			stays := s.dial()
			stays.enter(t)
			for i := range 20 {
				c := s.dial()
				name := c.enter(t)
				stays.want(t, fmt.Sprintf("* client%d joined", i+2))
				tt.leave(c)
				stays.want(t, "* "+name+" left"+tt.why)
				s.wantEnded(reason)
			}
			stays.send(t, "/who\n")
			stays.want(t, "* 1 here:", "* client1")
		})
	}
}

// A member who does not read is dropped when its queue is full, and neither before nor after have the others to wait for it. In
// this bubble they would wait for ever, or until the clock moves on.
func TestChat_slowReader(t *testing.T) {
	onWires(t, "chat", func(t *testing.T, w protocol.Wire) {
		synctest.Test(t, func(t *testing.T) {
			const queue = 10
			r := newRoom(t, w, handler.Options{"queue": {strconv.Itoa(queue)}})
			a, b, stalled := r.three()
			lines := 0
			for dropped := false; !dropped; lines++ {
				line := fmt.Sprint("line ", lines)
				time.Sleep(100 * time.Millisecond)
				began := time.Now()
				a.says(line)
				b.hears("<client1> " + line)
				if took := time.Since(began); took > 0 {
					t.Fatalf("line %d took %v", lines, took)
				}
				synctest.Wait()
				dropped = len(r.closed) > 0
			}
			r.wantEnded("slow_reader")
			a.hears("* client3 left: did not read")
			b.hears("* client3 left: did not read")
			if got := r.lines("connection closed")[0]["clientid"]; got != uint64(3) {
				t.Errorf("client %v was dropped", got)
			}
			// The network had all but what was waiting, the one that was being sent and the one for which there was no room.
			for i := range lines - queue - 2 {
				stalled.hears(fmt.Sprint("<client1> line ", i))
			}
			stalled.ExpectEnd()
			b.says("/who")
			b.hears("* 2 here:", "* client1 client2")
		})
	})
}

// The one who is dropped may be in the middle of anything.
func TestChat_dropped(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{
		"silent":      "",
		"asking":      strings.Repeat("/who\n", 3000),
		"speaking":    strings.Repeat("I do not listen\n", 3000),
		"renaming":    strings.Repeat("/name a\n/name b\n", 2000),
		"half a line": "I do",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveTCP(t, handler.NewChat(500), protocol.Text{}) // So that a busy machine does not make the other a slow reader too.
			stalled, speaks := s.dial(), s.dial()
			_ = stalled.SetReadBuffer(4 << 10)
			stalled.enter(t)
			speaks.enter(t)
			stalled.send(t, says)
			var reading sync.WaitGroup
			reading.Go(func() { _, _ = io.Copy(io.Discard, speaks.in) })
			line := strings.Repeat("x", 8<<10-1) + "\n"
			for len(s.closed) == 0 {
				speaks.send(t, line)
			}
			s.wantEnded("slow_reader")
			speaks.send(t, "EXIT\n")
			speaks.CloseWrite()
			reading.Wait()
			s.wantEnded("done")
		})
	}
}

// A file that is pasted into a room is said faster than anybody can be sent it. Twice, that dropped everybody else: a queue was
// full before its goroutine ran. The others are all to hear all of it, and the room stays as quick as it was.
func TestChat_paste(t *testing.T) {
	t.Parallel()
	const members, lines = 10, 5000
	s := serveTCP(t, handler.NewChat(0), protocol.Text{})
	pastes := s.dial()
	pastes.enter(t)
	var reading sync.WaitGroup
	for range members {
		c := s.dial()
		c.enter(t)
		reading.Go(func() {
			for i := range lines {
				if _, line, err := c.spoken(); err != nil || line != strconv.Itoa(i) {
					t.Errorf("got %q, %v; want %d", line, err, i)
					return
				}
			}
		})
	}
	var all strings.Builder
	for i := range lines {
		fmt.Fprintln(&all, i)
	}
	began := time.Now()
	pastes.send(t, all.String())
	reading.Wait()
	t.Logf("%d lines to %d members took %v", lines, members, time.Since(began))
	if n := len(s.closed); n > 0 {
		t.Errorf("%v have left", s.ended(n))
	}
}

// All at once, it is everybody's paste.
func TestChat_pasteOfAll(t *testing.T) {
	t.Parallel()
	const members, lines = 20, 200
	s := serveTCP(t, handler.NewChat(0), protocol.Text{})
	all := make([]*tcpClient, members)
	for i := range all {
		all[i] = s.dial()
		all[i].enter(t)
	}
	var talking sync.WaitGroup
	for _, c := range all {
		talking.Go(func() {
			next := make(map[string]int)
			for range (members - 1) * lines {
				who, line, err := c.spoken()
				if err != nil || line != strconv.Itoa(next[who]) {
					t.Errorf("got %q of %s, %v; want %d", line, who, err, next[who])
					return
				}
				next[who]++
			}
		})
		talking.Go(func() {
			var text strings.Builder
			for i := range lines {
				fmt.Fprintln(&text, i)
			}
			c.send(t, text.String())
		})
	}
	talking.Wait()
	if n := len(s.closed); n > 0 {
		t.Errorf("%v have left", s.ended(n))
	}
}

// One who says a lot at once has to rest between its lines, and still hears the others in the meantime. Without that rest, or
// where it only lets the others run, a client that sends and sends has all others dropped that are processes of their own.
func TestChat_pasteHears(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, protocol.Text{}, handler.Options{"queue": {"1"}}) // crowded by each line
		a, b := r.join(1), r.join(2)
		a.hears("* client2 joined")
		const lines = 500
		began := time.Now()
		a.says(strings.TrimSuffix(strings.Repeat("line\n", lines), "\n"))
		b.says("hello")
		a.hears("<client2> hello")
		if took := time.Since(began); took > 10*time.Millisecond {
			t.Errorf("it took %v to hear", took)
		}
		for range lines {
			b.hears("<client1> line")
		}
		if took := time.Since(began); took < lines*time.Millisecond/2 {
			t.Errorf("%d lines took only %v: nobody rested", lines, took)
		}
	})
}

// Who rests is not kept longer than it is there.
func TestChat_dropWhileResting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, protocol.Text{}, handler.Options{"queue": {"1"}})
		a, b := r.join(1), r.join(2)
		a.hears("* client2 joined")
		a.says(strings.TrimSuffix(strings.Repeat("line\n", 5000), "\n"))
		b.hears("<client1> line")
		began := time.Now()
		r.Drain()
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("it took %v to drain", took)
		}
	})
}

// In a room of hundreds everybody hears everybody.
func TestChat_hundreds(t *testing.T) {
	t.Parallel()
	const members = 300
	s := serveTCP(t, handler.NewChat(0), protocol.Text{})
	all := make([]*tcpClient, members)
	for i := range all {
		all[i] = s.dial()
		all[i].enter(t)
	}
	var talking sync.WaitGroup
	for i, c := range all {
		talking.Go(func() {
			c.send(t, fmt.Sprintf("I am %d\n", i+1))
			var got, want []string
			for n := range members {
				if n != i {
					want = append(want, fmt.Sprintf("client%d: I am %[1]d", n+1))
				}
			}
			for range want {
				who, line, err := c.spoken()
				if err != nil {
					t.Error(err)
					return
				}
				got = append(got, who+": "+line)
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("client %d heard (-want +got):\n%s", i+1, diff)
			}
		})
	}
	talking.Wait()
	for _, c := range all {
		c.close()
	}
	if got := s.ended(members); got["slow_reader"]+got["write_timeout"] > 0 {
		t.Errorf("reasons: %v", got)
	}
}

// A stranger who only comes and goes makes the room no noise to speak of.
func TestChat_notices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, protocol.Text{}, nil)
		a, b := r.join(1), r.join(2)
		a.hears("* client2 joined")
		const times = 200
		comesAndGoes := func() {
			for range times {
				r.join(3).leaves()
			}
			synctest.Wait()
		}
		notices := func(c talker) (n int) {
			b.says("that was it")
			for !strings.HasSuffix(c.Message(), "> that was it") {
				n++
			}
			return n
		}
		comesAndGoes()
		if n := notices(a); n != 99 { // 100 with b's
			t.Errorf("%d notices, want 99", n)
		}
		comesAndGoes()
		if n := notices(a); n != 0 {
			t.Errorf("%d notices, want none", n)
		}
		time.Sleep(2 * time.Second)
		comesAndGoes()
		if n := notices(a); n != 20 {
			t.Errorf("%d notices, want 20", n)
		}
		time.Sleep(time.Hour)
		r.join(3)
		a.hears("* client603 joined")
	})
}

// A crowd that comes, speaks and goes in every way, all at once, leaves an empty room.
func TestChat_storm(t *testing.T) {
	t.Parallel()
	const clients = 300
	chat := handler.NewChat(20)
	s := serveTCP(t, chat, protocol.Text{})
	var storm sync.WaitGroup
	for i := range clients {
		nc, err := net.Dial("tcp", s.address)
		if err != nil {
			continue // It was dropped at once: so much is said, and nobody is slow to say it.
		}
		c := &tcpClient{nc.(*net.TCPConn), bufio.NewReader(nc)}
		storm.Go(func() {
			defer c.close()
			_, _ = io.WriteString(c, fmt.Sprintf("/name n%d\nhello\n/who\n/name n%d\n", i, i/2))
			switch i % 6 {
			case 0:
				c.reset()
			case 1:
				c.closeWrite()
				_, _ = io.Copy(io.Discard, c.in)
			case 2:
				_, _ = io.WriteString(c, "EXIT\n")
				_, _ = io.Copy(io.Discard, c.in)
			case 3:
				_, _ = io.WriteString(c, strings.Repeat("x", 10_000))
				_, _ = io.Copy(io.Discard, c.in)
			case 4:
				_, _ = c.line()
			}
		})
	}
	storm.Wait()
	s.ended(clients)
	c := s.dial()
	if name := c.enter(t); name != fmt.Sprint("client", clients+1) {
		t.Errorf("the next is %s", name)
	}
	c.send(t, "/name n1\n/who\n")
	c.want(t, "* you are n1", "* 1 here:", "* n1")
}
