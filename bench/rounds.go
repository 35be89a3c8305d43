//go:build linux

package main

import (
	"context"
	"fmt"
	"time"
)

// A sample is what one run of a work with one server gave.
type sample struct {
	cpu      time.Duration // of the server
	load     loadResult
	resident []float64 // idle: bytes for each connection, at each of idleCounts
}

// A cell names a sample.
type cell struct {
	round        int
	server, work string
}

// A failure is a sample that could not be had.
type failure struct {
	cell
	err error
}

// A plan is what a run goes through.
type plan struct {
	servers  []server
	works    []work
	rounds   int
	duration time.Duration // of a measure
	cores    [2]int        // for the server, and for the load
}

// warmup is how long a load runs before a measure.
const warmup = 200 * time.Millisecond

// A runner goes through a plan.
type runner struct {
	plan
	shop     *workshop
	samples  map[cell]sample
	failures []failure
	round    int // the one under way, from 0; plan.rounds at the end

	tell func(cell, sample, error) // called after each sample
	save func() error              // called after each work of a round
}

// goThrough goes through the plan. Servers alternate within each work, so that whatever the machine does hits all of
// them. A sample that fails is noted and the run goes on; it ends early only when the context does, or save fails.
func (r *runner) goThrough(ctx context.Context) error {
	r.samples = make(map[cell]sample)
	for ; r.round < r.rounds; r.round++ {
		for _, k := range r.works {
			for _, s := range r.servers {
				if !s.takesPart(k, r.round) {
					continue
				}
				c := cell{r.round, s.name, k.name}
				got, err := r.take(ctx, s, k)
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if err != nil {
					r.failures = append(r.failures, failure{c, err})
				} else {
					r.samples[c] = got
				}
				r.tell(c, got, err)
			}
			if err := r.save(); err != nil {
				return err
			}
		}
	}
	return r.save()
}

// take starts the server, puts it through the work, and ends it.
func (r *runner) take(ctx context.Context, s server, k work) (sample, error) {
	const grace = time.Minute // for opening 15,000 connections to a slow server
	ctx, cancel := context.WithTimeoutCause(ctx, r.duration+grace, fmt.Errorf("not done after %v", r.duration+grace))
	defer cancel()

	port, err := freePort()
	if err != nil {
		return sample{}, err
	}
	l := s.launch(r.shop, k, port)
	l.output = r.shop.path("server.log")
	l.cpu = -1
	if !k.unpinned {
		l.cpu = r.cores[0]
	}
	p, err := start(l)
	if err != nil {
		return sample{}, err
	}
	defer p.stop()
	if err := p.listening(ctx, port); err != nil {
		return sample{}, err
	}

	l = launch{argv: r.loadFlags(s, k, port), cpu: -1}
	if !k.unpinned {
		l.cpu = r.cores[1]
	}
	var got sample
	if k.idle {
		got, err = holdIdle(ctx, p, l)
	} else {
		got, err = putThrough(ctx, p, l)
	}
	if err != nil && p.ended() {
		err = fmt.Errorf("%w; the server ended: %s", err, p.said())
	}
	return got, err
}

func (r *runner) loadFlags(s server, k work, port int) []string {
	argv := append([]string{r.shop.path("load")}, k.load...)
	argv = append(argv, "-i", "-d", fmt.Sprint(r.duration.Seconds()), "-u", fmt.Sprint(warmup.Seconds()))
	if k.greet && s.greets {
		argv = append(argv, "-g")
	}
	return append(argv, fmt.Sprint(port))
}

// holdIdle looks at the server's memory before there are connections, and at each of idleCounts.
func holdIdle(ctx context.Context, p *process, l launch) (sample, error) {
	// Until the memory of what was done is given back, as far as it ever is in a moment.
	const settling = 500 * time.Millisecond
	look := func() (int64, error) {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(settling):
		}
		return groupResident(p.group)
	}
	before, err := look()
	if err != nil {
		return sample{}, err
	}
	var got sample
	got.load, err = runLoad(ctx, l, func() error {
		now, err := look()
		if err != nil {
			return err
		}
		got.resident = append(got.resident, float64(now-before)/float64(idleCounts[len(got.resident)]))
		return nil
	}, func() error { return nil })
	return got, err
}

// putThrough has the load do its work, and takes the server's CPU time before and after. Neither the opening of the
// connections nor their end is in it, except where that is the work.
func putThrough(ctx context.Context, p *process, l launch) (sample, error) {
	var before, after time.Duration
	settle := func(cpu *time.Duration) func() error {
		return func() (err error) {
			*cpu, err = p.settled(ctx)
			return err
		}
	}
	result, err := runLoad(ctx, l, settle(&before), settle(&after))
	if err != nil {
		return sample{}, err
	}
	return sample{cpu: after - before, load: result}, nil
}
