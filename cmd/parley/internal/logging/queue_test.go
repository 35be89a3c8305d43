package logging_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"parley/cmd/parley/internal/logging"
)

// stuckSink is a pipe that nobody reads, until it is released.
type stuckSink struct {
	release chan struct{}
	got     bytes.Buffer
}

func (s *stuckSink) Write(p []byte) (int, error) {
	<-s.release
	return s.got.Write(p)
}

// TestQueueStuckSink floods a sink that blocks: nobody may wait for it, and in
// the end every line was either written or counted, and said to be missing.
func TestQueueStuckSink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const writers, each = 100, 1000
		sink := &stuckSink{release: make(chan struct{})}
		log, err := logging.New(logging.Options{Out: sink})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for i := range each {
					log.Logger().Info("a line", zap.Int("i", i))
				}
			})
		}
		wg.Wait()
		dropped := log.Dropped()
		if dropped == 0 || dropped >= writers*each {
			t.Fatalf("dropped %d of %d lines", dropped, writers*each)
		}

		start := time.Now()
		if err := log.Close(3 * time.Second); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Close: %v, want a deadline exceeded", err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("Close took %v", took)
		}
		log.Logger().Info("too late")
		if got := log.Dropped(); got != dropped+1 {
			t.Errorf("after Close dropped is %d, want %d", got, dropped+1)
		}

		close(sink.release)
		synctest.Wait()
		text := sink.got.String()
		if got, want := strings.Count(text, `"a line"`), writers*each-int(dropped); got != want {
			t.Errorf("%d lines written, want %d", got, want)
		}
		var said uint64
		for _, notice := range regexp.MustCompile(`"log lines dropped","dropped":(\d+)`).FindAllStringSubmatch(text, -1) {
			n, err := strconv.ParseUint(notice[1], 10, 64)
			if err != nil {
				t.Error(err)
			}
			said += n
		}
		if said != dropped+1 {
			t.Errorf("%d lines said to be missing, want %d", said, dropped+1)
		}
	})
}

// A verdict is how a scriptedSink answers one Write: it takes n bytes (-1: all)
// and returns err.
type verdict struct {
	n   int
	err error
}

type scriptedSink struct {
	script []verdict
	got    bytes.Buffer
}

func (s *scriptedSink) Write(p []byte) (int, error) {
	v := verdict{n: -1}
	if len(s.script) > 0 {
		v, s.script = s.script[0], s.script[1:]
	}
	if v.n < 0 {
		v.n = len(p)
	}
	s.got.Write(p[:v.n])
	return v.n, v.err
}

// TestQueueFailingSink writes one batch after another to sinks that fail and
// recover.
func TestQueueFailingSink(t *testing.T) {
	t.Parallel()
	full := syscall.ENOSPC
	tests := []struct {
		name    string
		script  []verdict
		batches []string
		want    string
		dropped uint64
	}{
		{
			"recovers, which is said once",
			[]verdict{{0, full}, {0, full}},
			[]string{"a\n", "b\nc\n", "d\n", "e\n"},
			"d\n[3 dropped]\ne\n", 3,
		},
		{
			"takes whole lines of a batch",
			[]verdict{{4, full}},
			[]string{"a\nb\nc\nd\n", "e\n"},
			"a\nb\ne\n[2 dropped]\n", 2,
		},
		{
			"takes half a line",
			[]verdict{{8, full}},
			[]string{"first\nsecond\nthird\n", "fourth\n"},
			"first\nse\nfourth\n[2 dropped]\n", 2,
		},
		{
			"takes all but the last newline",
			[]verdict{{1, full}},
			[]string{"a\n", "b\n"},
			"a\nb\n[1 dropped]\n", 1,
		},
		{
			"fails again at the newline after half a line",
			[]verdict{{1, full}, {0, full}},
			[]string{"ab\n", "cd\n", "ef\n"},
			"a\nef\n[2 dropped]\n", 2,
		},
		{
			"fails at the notice",
			[]verdict{{0, full}, {-1, nil}, {0, full}},
			[]string{"a\n", "b\n", "c\n"},
			"b\nc\n[1 dropped]\n", 1,
		},
		{"is never asked in vain", []verdict{{0, full}}, nil, "", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sink := &scriptedSink{script: test.script}
				q := logging.NewQueue(sink, func(dropped uint64) []byte {
					return fmt.Appendf(nil, "[%d dropped]\n", dropped)
				})
				for _, batch := range test.batches {
					if n, err := q.Write([]byte(batch)); n != len(batch) || err != nil {
						t.Errorf("Write: %d, %v", n, err)
					}
					time.Sleep(time.Second) // Each is written before the next comes.
				}
				if err := q.Close(time.Minute); err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(test.want, sink.got.String()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if got := q.Dropped(); got != test.dropped {
					t.Errorf("dropped %d, want %d", got, test.dropped)
				}
			})
		})
	}
}

// TestQueueShares writes a line at once when it comes alone, and those that come
// quickly behind it in one call, soon.
func TestQueueShares(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sink countingSink
		q := logging.NewQueue(&sink, nil)
		for range 2 {
			before := sink.calls
			_, _ = q.Write([]byte("alone\n"))
			synctest.Wait()
			if sink.calls != before+1 {
				t.Fatal("a line that comes alone is not written at once")
			}
			for range 100 {
				_, _ = q.Write([]byte("more\n"))
				synctest.Wait()
			}
			time.Sleep(50 * time.Millisecond)
			synctest.Wait()
			if sink.calls != before+2 {
				t.Errorf("%d calls for what came at once, want 1", sink.calls-before-1)
			}
		}
		if err := q.Close(time.Minute); err != nil {
			t.Error(err)
		}
		if want := 2 * (len("alone\n") + 100*len("more\n")); sink.bytes != want {
			t.Errorf("%d bytes written, want %d", sink.bytes, want)
		}
	})
}

type countingSink struct{ calls, bytes int }

func (s *countingSink) Write(p []byte) (int, error) {
	s.calls++
	s.bytes += len(p)
	return len(p), nil
}

// TestQueueUnreadPipe fills a pipe that is never read. Nothing may stall.
func TestQueueUnreadPipe(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	log, err := logging.New(logging.Detect(w, func(string) string { return "" }))
	if err != nil {
		t.Fatal(err)
	}
	for log.Dropped() == 0 {
		log.Logger().Info("a line that nobody reads")
	}
	if err := log.Close(time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Close: %v, want a deadline exceeded", err)
	}
	_ = r.Close() // ends the write under way
	if err := log.Close(time.Minute); err != nil {
		t.Error(err)
	}
}

// TestQueueBrokenPipe loses the reader of its pipe. The lines are counted, the
// process lives.
func TestQueueBrokenPipe(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	log, err := logging.New(logging.Options{Out: w})
	if err != nil {
		t.Fatal(err)
	}
	log.Logger().Info("read")
	if _, err := r.Read(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	log.Logger().Info("not read")
	log.Logger().Info("not read")
	if err := log.Close(time.Minute); err != nil {
		t.Error(err)
	}
	if got := log.Dropped(); got != 2 {
		t.Errorf("dropped %d, want 2", got)
	}
}

func TestQueueWriteAllocatesNothing(t *testing.T) {
	q := logging.NewQueue(io.Discard, nil)
	defer func() { _ = q.Close(time.Minute) }()
	line := []byte(strings.Repeat("x", 199) + "\n")
	if got := testing.AllocsPerRun(1000, func() { _, _ = q.Write(line) }); got != 0 {
		t.Errorf("%v allocations a line, want none", got)
	}
}

func BenchmarkQueueWrite(b *testing.B) {
	q := logging.NewQueue(io.Discard, func(uint64) []byte { return nil })
	defer func() { _ = q.Close(time.Minute) }()
	line := []byte(strings.Repeat("x", 199) + "\n")
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = q.Write(line)
	}
}
