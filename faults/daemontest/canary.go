//go:build unix

package daemontest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// What a canary does in a second.
const (
	canaryEchoes    = 20
	canaryNewcomers = 1
)

// A Canary is a healthy client of an echo listener: 20 echoes a second on one connection, and one new connection a second,
// which is greeted and has one echo.
type Canary struct {
	cancel  context.CancelFunc
	flights sync.WaitGroup

	mu        sync.Mutex
	echoes    []time.Duration
	newcomers []time.Duration
	errors    []error
}

// Fly starts a canary. Its first connection has been greeted when Fly returns, unless that failed.
func Fly(address string) *Canary {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Canary{cancel: cancel}
	conn, err := arrive(address)
	if err != nil {
		c.note(nil, 0, err)
		return c
	}
	c.flights.Go(func() { c.converse(ctx, conn) })
	c.flights.Go(func() { c.come(ctx, address) })
	return c
}

// P99 is what 99 % of its echoes so far took at most.
func (c *Canary) P99() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Quantile(slices.Clone(c.echoes), .99)
}

// Land ends the flight, and returns what was seen.
func (c *Canary) Land() Flight {
	c.cancel()
	c.flights.Wait()
	return Flight{c.echoes, c.newcomers, c.errors}
}

// A Flight is what a canary has seen.
type Flight struct {
	Echoes    []time.Duration // how long each took
	Newcomers []time.Duration // to connect, be greeted and have one echo
	Errors    []error
}

// String says it in one line.
func (f Flight) String() string {
	return fmt.Sprintf("%d echoes, p50 %v, p99 %v, max %v; %d new connections, p50 %v, max %v; %d errors",
		len(f.Echoes), Quantile(f.Echoes, .5), Quantile(f.Echoes, .99), Quantile(f.Echoes, 1),
		len(f.Newcomers), Quantile(f.Newcomers, .5), Quantile(f.Newcomers, 1), len(f.Errors))
}

func (c *Canary) note(to *[]time.Duration, d time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.errors = append(c.errors, fmt.Errorf("%s: %w", time.Now().Format("15:04:05.000"), err))
	} else {
		*to = append(*to, d)
	}
}

// arrive connects and is greeted.
func arrive(address string) (*Client, error) {
	conn, err := Connect(address)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Greeting(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("greeting: %w", err)
	}
	return conn, nil
}

func (c *Canary) converse(ctx context.Context, conn *Client) {
	defer conn.Close()
	Every(ctx, time.Second/canaryEchoes, func(i int) {
		start := time.Now()
		err := conn.Echo(fmt.Sprintf("canary %d", i))
		c.note(&c.echoes, time.Since(start), err)
	})
}

func (c *Canary) come(ctx context.Context, address string) {
	Every(ctx, time.Second/canaryNewcomers, func(i int) {
		start := time.Now()
		conn, err := arrive(address)
		if err == nil {
			err = conn.Echo(fmt.Sprintf("newcomer %d", i))
			defer conn.Close()
		}
		c.note(&c.newcomers, time.Since(start), err)
	})
}

// Every calls f at once, and at an interval until ctx ends.
func Every(ctx context.Context, interval time.Duration, f func(i int)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		f(i)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// Quantile sorts all and returns the smallest that a share q of them is not above; 0 if there are none.
func Quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[max(0, int(math.Ceil(q*float64(len(all))))-1)]
}
