package admin_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parley/admin"
	"parley/roster"
)

// A viewer follows /events.
type viewer struct {
	t    *testing.T
	conn net.Conn
	head *http.Response
	r    *bufio.Reader
}

func (s *site) watch(header ...string) *viewer {
	s.t.Helper()
	return s.watchAt("/events", header...)
}

func (s *site) watchAt(target string, header ...string) *viewer {
	s.t.Helper()
	conn := s.connect(get(target, header...))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		conn.Close() // Or else the body would be read to its end.
		response.Body.Close()
	})
	return &viewer{s.t, conn, response, bufio.NewReader(response.Body)}
}

// A told is what a viewer is told: an event, or a comment.
type told struct {
	event, id, data, comment, retry string
	size                            int
}

// next waits for what comes next; false at the end.
func (v *viewer) next() (told, bool) {
	v.t.Helper()
	var e told
	for {
		line, err := v.r.ReadString('\n')
		e.size += len(line)
		line = strings.TrimSuffix(line, "\n")
		if err != nil {
			return e, false
		}
		if line == "" {
			return e, true
		}
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "event":
			e.event = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		case "retry":
			e.retry = value
		case "":
			e.comment = value
		default:
			v.t.Fatalf("the viewer is told %q", line)
		}
	}
}

// want waits for an event of that name, and reads its data.
func (v *viewer) want(name string, data any) told {
	v.t.Helper()
	e, ok := v.next()
	if !ok || e.event != name {
		v.t.Fatalf("got %+v, %t; want the event %q", e, ok, name)
	}
	if err := json.Unmarshal([]byte(e.data), data); err != nil {
		v.t.Fatal(err)
	}
	return e
}

// greeted reads what comes first.
func (v *viewer) greeted() roster.Hello {
	v.t.Helper()
	hello, _ := v.greetedAt()
	return hello
}

// greetedAt reads what comes first, and returns its ID, too.
func (v *viewer) greetedAt() (roster.Hello, string) {
	v.t.Helper()
	if e, ok := v.next(); !ok || e.retry != "1000" {
		v.t.Fatalf("got %+v, %t; want how soon to come back", e, ok)
	}
	var hello roster.Hello
	e := v.want("hello", &hello)
	return hello, e.id
}

// ends reads to the end and returns the last event.
func (v *viewer) ends() (last told) {
	v.t.Helper()
	for {
		e, ok := v.next()
		if !ok {
			return last
		}
		last = e
	}
}

const interval = 250 * time.Millisecond

// What happens is told within an interval, all of it at once, and nothing is told when nothing happens.
func TestEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoll()
		r.joins(7)
		s := servePipes(t, showing(r))
		v := s.watch()
		if got := v.head.Header; v.head.StatusCode != 200 || got.Get("Content-Type") != "text/event-stream" || got.Get("Cache-Control") != "no-store" {
			t.Errorf("got %v %q", v.head.Status, got)
		}
		hello := v.greeted()
		if hello.Name != "lab" || hello.Version != "v1.2.3" || hello.IntervalMS != 250 || len(hello.Epoch) != 16 || !hello.Started.Equal(r.began.Truncate(time.Millisecond)) {
			t.Errorf("hello: %+v", hello)
		}
		for round := range 3 {
			time.Sleep(10 * time.Second)
			start := time.Now()
			r.joins(1)
			r.joins(1)
			var change roster.Change
			e := v.want("roster", &change)
			if took := time.Since(start); took > interval {
				t.Errorf("told after %v", took)
			}
			seq := hello.Seq + 1 + uint64(round)
			if first := uint64(8 + 2*round); e.id != fmt.Sprintf("%s-%d", hello.Epoch, seq) || change.Seq != seq || change.Totals.Accepted != first+1 ||
				len(change.Joined) != 2 || change.Joined[0].ClientID != first || len(change.Listeners) != 1 {
				t.Errorf("id %s, %+v", e.id, change)
			}
		}
		// Of a time in which something happens all the time, no more than four a second.
		stop := time.Now().Add(5 * time.Second)
		go func() {
			for time.Now().Before(stop) {
				r.joins(1)
				time.Sleep(time.Millisecond)
			}
		}()
		n := 0
		for time.Now().Before(stop) {
			v.want("roster", new(roster.Change))
			n++
		}
		if n < 19 || n > 21 {
			t.Errorf("%d events in 5 seconds", n)
		}
		time.Sleep(interval / 2)
		r.joins(1)
		v.want("roster", new(roster.Change))
		start := time.Now()
		for range 3 {
			if e, ok := v.next(); !ok || e.comment != "still here" {
				t.Errorf("got %+v, %t", e, ok)
			}
		}
		if took := time.Since(start); took != 45*time.Second {
			t.Errorf("three comments took %v", took)
		}
	})
}

// Who comes back is told what it has missed, or that it cannot be.
func TestEvents_resumes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoll()
		s := servePipes(t, showing(r))
		v := s.watch()
		hello := v.greeted()
		tell := func(n int) (last string) {
			for range n {
				r.joins(1)
				last = v.want("roster", new(roster.Change)).id
			}
			return last
		}
		seen := tell(3)
		v.conn.Close()
		synctest.Wait()
		time.Sleep(interval / 2) // So that each of what follows is clearly before one look and behind another.
		// Nobody watches, and what happens is kept for a while.
		for range 5 {
			r.joins(1)
			time.Sleep(interval)
		}
		for _, back := range []*viewer{s.watch("Last-Event-ID: " + seen), s.watchAt("/events?last_event_id=" + seen)} {
			if again := back.greeted(); again.Epoch != hello.Epoch || again.Seq != hello.Seq+8 {
				t.Errorf("hello: %+v after %+v", again, hello)
			}
			for i := range 5 {
				var change roster.Change
				if back.want("roster", &change); change.Seq != hello.Seq+4+uint64(i) || change.Totals.Accepted != uint64(4+i) {
					t.Errorf("missed event %d: %+v", i, change)
				}
			}
			v = back
		}
		reset := func(what, last string) {
			t.Helper()
			back := s.watch("Last-Event-ID: " + last)
			hello := back.greeted()
			var got roster.Reset
			if e := back.want("reset", &got); e.id != fmt.Sprintf("%s-%d", hello.Epoch, hello.Seq) || got.Epoch != hello.Epoch || got.Seq != hello.Seq {
				t.Errorf("%s: id %q, %+v", what, e.id, got)
			}
			back.conn.Close()
			synctest.Wait()
		}
		reset("another process", "0123456789abcdef-3")
		reset("nonsense", "0")
		reset("the future", fmt.Sprintf("%s-%d", hello.Epoch, 1000))
		last := tell(64)
		reset("too long ago", seen)
		current := s.watch("Last-Event-ID: " + last)
		current.greeted()
		r.joins(1)
		current.want("roster", new(roster.Change)) // And nothing before.
		current.conn.Close()
		v.want("roster", new(roster.Change))
		v.conn.Close()
		synctest.Wait()
		time.Sleep(time.Minute) // Nobody has watched for so long that nobody has noted what happened.
		reset("nothing was noted", last)
	})
}

// Who loses the stream before anything has happened is told what has happened since the hello, or since the reset.
func TestEvents_resumesBeforeFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoll()
		s := servePipes(t, showing(r))
		v := s.watch()
		_, last := v.greetedAt()
		for round := range 2 {
			v.conn.Close()
			synctest.Wait()
			r.joins(1)
			time.Sleep(2 * interval)
			back := s.watch("Last-Event-ID: " + last)
			if _, id := back.greetedAt(); id != "" {
				t.Errorf("round %d: the hello has the id %q, and who loses the stream behind it misses what is replayed", round, id)
			}
			var change roster.Change
			if back.want("roster", &change); len(change.Joined) != 1 || change.Totals.Accepted != uint64(round+1) {
				t.Errorf("round %d: %+v", round, change)
			}
			v = s.watch("Last-Event-ID: nonsense")
			v.greeted()
			last = v.want("reset", new(roster.Reset)).id
		}
	})
}

// Who does not take what it is told is dropped, and nobody waits for it.
func TestEvents_slow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoll()
		s := servePipes(t, showing(r))
		fast := s.watch()
		fast.greeted()
		slow := s.watch()
		slow.greeted()
		start := time.Now()
		for i := range 40 {
			r.joins(1)
			var change roster.Change
			if fast.want("roster", &change); change.Totals.Accepted != uint64(i+1) {
				t.Errorf("event %d: %+v", i, change)
			}
		}
		if took := time.Since(start); took != 40*interval {
			t.Errorf("40 events took %v", took)
		}
		slow.conn.SetReadDeadline(time.Now()) // tells an open pipe from a closed one
		if _, err := io.Copy(io.Discard, slow.conn); err != nil {
			t.Errorf("10 seconds behind, the viewer is still there: %v", err)
		}
	})
}

// There is room for 64. One more is told to come back, and finds room when somebody has gone.
func TestEvents_full(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := servePipes(t, showing(newRoll()))
		var viewers []*viewer
		for range 64 {
			v := s.watch()
			v.greeted()
			viewers = append(viewers, v)
		}
		got := s.request("GET", "/events")
		if got.StatusCode != 503 || got.Header.Get("Retry-After") != "5" || got.body != "64 are watching, which is as many as may\n" {
			t.Errorf("got %v %q %q", got.Status, got.Header, got.body)
		}
		if head := s.request("HEAD", "/events"); head.StatusCode != 200 {
			t.Errorf("HEAD: %v", head.Status)
		}
		viewers[3].conn.Close()
		synctest.Wait()
		s.watch().greeted()
	})
}

// At the end viewers get what is the news yet, and are told that it is the end.
func TestEvents_shutdown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoll()
		s := servePipes(t, showing(r))
		v := s.watch()
		v.greeted()
		r.joins(1)
		start := time.Now()
		down := make(chan error)
		go func() { down <- s.server.Shutdown(t.Context()) }()
		v.want("roster", new(roster.Change))
		if last := v.ends(); last.event != "bye" || last.data != "{}" {
			t.Errorf("the last was %+v", last)
		}
		if err := <-down; err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("Shutdown took %v", took)
		}
	})
}

// A drain is news, also if nothing else is.
func TestEvents_drain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var draining atomic.Bool
		opts := showing(newRoll())
		opts.Ready = func() bool { return !draining.Load() }
		s := servePipes(t, opts)
		v := s.watch()
		v.greeted()
		time.Sleep(time.Second)
		draining.Store(true)
		start := time.Now()
		var change roster.Change
		if v.want("roster", &change); !change.Draining || time.Since(start) > interval {
			t.Errorf("after %v: %+v", time.Since(start), change)
		}
	})
}

// An event is bounded, whatever clients call themselves.
func TestEvents_size(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoll()
		r.padding = strings.Repeat("x", 10_000)
		s := servePipes(t, showing(r))
		v := s.watch()
		v.greeted()
		r.joins(70)
		var change roster.Change
		e := v.want("roster", &change)
		if len(change.Joined) == 0 || len(change.Joined)+change.More.Joined != 70 || e.size > 96<<10 {
			t.Errorf("%d joined and %d more, in %d bytes", len(change.Joined), change.More.Joined, e.size)
		}
	})
}

// Silent visitors in numbers do not drive out a viewer who is told something now and then.
func TestCrowdSparesViewers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoll()
		s := servePipes(t, showing(r))
		v := s.watch()
		v.greeted()
		for range 6 {
			for range admin.MaxConns / 2 {
				s.connect("")
			}
			r.joins(1)
			v.want("roster", new(roster.Change))
			synctest.Wait()
		}
	})
}
