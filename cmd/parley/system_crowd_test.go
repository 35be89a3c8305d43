//go:build system && linux

package main_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	crowdSilent     = 2000 // say nothing
	crowdTrickling  = 200  // send a byte each 100 ms, and no newline
	crowdNotReading = 50   // send lines for as long as that goes, 2 MB at least, and read nothing
	crowdSends      = 2 << 20
	crowdTime       = 20 * time.Second // beyond the write timeout, so that those who do not read are cut within

	crowdP99    = 50 * time.Millisecond
	crowdMemory = 100 << 10 // KiB
)

// A canary is a healthy client: 20 echoes a second on one connection, and one new connection a second.
type canary struct {
	mu        sync.Mutex
	echoes    []time.Duration
	newcomers []time.Duration // connect, greeting and an echo
	errors    []error
}

func (c *canary) fly(ctx context.Context, address string) {
	var flights sync.WaitGroup
	flights.Go(func() { c.note(nil, 0, c.echo(ctx, address)) })
	flights.Go(func() { c.arrive(ctx, address) })
	flights.Wait()
}

func (c *canary) note(to *[]time.Duration, d time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.errors = append(c.errors, err)
	} else if to != nil {
		*to = append(*to, d)
	}
}

func (c *canary) echo(ctx context.Context, address string) error {
	conn, err := connect(address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.greeting(); err != nil {
		return err
	}
	every(ctx, time.Second/20, func(i int) {
		start := time.Now()
		err := conn.echo(fmt.Sprintf("canary %d", i))
		c.note(&c.echoes, time.Since(start), err)
	})
	return nil
}

func (c *canary) arrive(ctx context.Context, address string) {
	every(ctx, time.Second, func(i int) {
		start := time.Now()
		conn, err := connect(address)
		if err != nil {
			c.note(nil, 0, err)
			return
		}
		defer conn.Close()
		if _, err = conn.greeting(); err == nil {
			err = conn.echo(fmt.Sprintf("newcomer %d", i))
		}
		c.note(&c.newcomers, time.Since(start), err)
	})
}

// every calls f at an interval until ctx ends.
func every(ctx context.Context, interval time.Duration, f func(i int)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for i := 0; ; i++ {
		f(i)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// quantile sorts all and returns the smallest that a share q of them is not above.
func quantile(all []time.Duration, q float64) time.Duration {
	slices.Sort(all)
	return all[max(0, int(math.Ceil(q*float64(len(all))))-1)]
}

func (c *canary) report(t *testing.T, when string) {
	t.Helper()
	for _, err := range c.errors {
		t.Errorf("canary: %v", err)
	}
	t.Logf("%s: %d echoes, p50 %v, p99 %v, max %v; %d new connections, p50 %v, max %v; %d errors", when,
		len(c.echoes), quantile(c.echoes, .5), quantile(c.echoes, .99), quantile(c.echoes, 1),
		len(c.newcomers), quantile(c.newcomers, .5), quantile(c.newcomers, 1), len(c.errors))
}

// smallWindow has the system take little of what is not read, so that the server notices.
func smallWindow(_, _ string, raw syscall.RawConn) error {
	var set error
	err := raw.Control(func(fd uintptr) { set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) })
	return errors.Join(err, set)
}

// Many clients at once, of whom most are bad company, do not slow the next one, nor take more memory than they are due. It is
// not parallel: it measures.
func TestCrowd(t *testing.T) {
	d := serveBuilt(t, "echo://127.0.0.1:0")
	address := d.addresses[0]
	calm := flyFor(3*time.Second, address)
	calm.report(t, "alone")
	before := d.awaitQuiet()
	memoryBefore := d.memory("VmRSS")
	const goroutines, files = "go_goroutines", "process_open_fds"

	ctx, cancel := context.WithTimeout(t.Context(), crowdTime)
	defer cancel()
	var crowd sync.WaitGroup
	var refused, written, cut atomic.Int64
	dialer := net.Dialer{Timeout: patience, Control: smallWindow}
	// They arrive one after another: a storm is another fault.
	join := func(n int, act func(net.Conn)) {
		for range n {
			conn, err := dialer.Dial("tcp", address)
			if err != nil {
				refused.Add(1)
				continue
			}
			crowd.Go(func() {
				defer conn.Close()
				act(conn)
			})
		}
	}
	var fault canary
	done := make(chan struct{})
	go func() {
		defer close(done)
		fault.fly(ctx, address)
	}()

	join(crowdSilent, func(net.Conn) { <-ctx.Done() })
	join(crowdTrickling, func(c net.Conn) {
		every(ctx, 100*time.Millisecond, func(int) { _, _ = c.Write([]byte("x")) })
	})
	lines := []byte(strings.Repeat(strings.Repeat("z", 1023)+"\n", 64))
	join(crowdNotReading, func(c net.Conn) {
		c.SetWriteDeadline(time.Now().Add(crowdTime))
		var failed error
		every(ctx, 25*time.Millisecond, func(int) {
			if failed != nil {
				return
			}
			var n int
			n, failed = c.Write(lines)
			written.Add(int64(n))
			if errors.Is(failed, syscall.ECONNRESET) || errors.Is(failed, syscall.EPIPE) {
				cut.Add(1)
			}
		})
	})

	eventually(t, "all are there", func() bool {
		return d.scrape().sum("parley_connections_active") >= crowdSilent+crowdTrickling+crowdNotReading
	})
	within := d.scrape()
	<-done
	fault.report(t, "in the crowd")
	t.Logf("resident memory: %d KiB before, %d KiB with the crowd at most", memoryBefore, d.memory("VmHWM"))
	t.Logf("before: %.0f goroutines, %.0f files; with the crowd: %.0f and %.0f", before[goroutines], before[files], within[goroutines], within[files])
	crowd.Wait()
	t.Logf("%d of %d who do not read were cut; they had sent %d KiB each", cut.Load(), crowdNotReading, written.Load()/crowdNotReading>>10)

	if refused.Load() != 0 {
		t.Errorf("%d of the crowd could not connect", refused.Load())
	}
	if cut.Load() != crowdNotReading || written.Load() < crowdNotReading*crowdSends {
		t.Errorf("%d who do not read were cut, want %d, after %d bytes", cut.Load(), crowdNotReading, written.Load())
	}
	if p99 := quantile(fault.echoes, .99); p99 >= crowdP99 {
		t.Errorf("p99 of the canary is %v, want less than %v", p99, crowdP99)
	}
	if slowest := quantile(fault.newcomers, 1); slowest >= time.Second {
		t.Errorf("a new connection took %v", slowest)
	}
	if want := int(crowdTime / (time.Second / 20) * 8 / 10); len(fault.echoes) < want {
		t.Errorf("%d echoes of the canary, want at least %d", len(fault.echoes), want)
	}
	if most := d.memory("VmHWM"); most >= crowdMemory {
		t.Errorf("resident memory was %d KiB, want less than %d", most, crowdMemory)
	}

	// The ledger.
	after := d.awaitQuiet()
	if got, want := len(after), len(before); got != want {
		t.Errorf("%d series after, %d before", got, want)
	}
	for _, name := range []string{goroutines, files} {
		eventually(t, fmt.Sprintf("%s goes back to %v", name, before[name]), func() bool { return d.scrape()[name] <= before[name] })
	}
	if dropped := after.sum("parley_log_dropped_total"); dropped != 0 {
		t.Errorf("%v log lines dropped", dropped)
	}
	if got := after.reason("write_timeout"); got != crowdNotReading {
		t.Errorf("%v ended with write_timeout, want %d", got, crowdNotReading)
	}
	d.stop()
}

func flyFor(d time.Duration, address string) *canary {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	c := new(canary)
	c.fly(ctx, address)
	return c
}
