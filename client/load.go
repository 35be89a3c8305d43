package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// A Load drives a server that echoes with many connections at a time, and measures how long it takes to answer.
//
// The first connection learns how the server greets, what wire it speaks, and what stands around a message in its answer.
// From then on every byte of every answer is checked. A connection on which something goes wrong is counted, closed, and
// not opened again.
type Load struct {
	Address Address
	// Dialer is how a connection is opened. Only the first one waits for a greeting that may not come. With TLS each has a
	// handshake of its own.
	Dialer Dialer
	// MustGreet says that a server that does not greet is not to be loaded. Else it need not.
	MustGreet bool
	Mode      LoadMode
	// Connections is how many there are at a time; zero: 10.
	Connections int
	// Size is how many bytes a message has on the wire, with what ends it; zero: 64.
	Size int
	// Duration is how long the load is kept up once all connections stand, after Warmup; zero: ten seconds.
	Duration time.Duration
	// Warmup is how long the load is kept up before anything is measured; zero: not at all.
	Warmup time.Duration
	// Rate is how many messages a second are due over all connections, with LoadEcho only. Zero: as many as are answered.
	Rate float64
	// Timeout is how long each phase of opening a connection may take, and an answer; zero: ten seconds. That an answer is
	// late is noticed within an eighth of it.
	Timeout time.Duration
	// Progress is called once a second with what has been done so far, by a goroutine that has ended when Run returns; it
	// may be nil.
	Progress func(LoadProgress)
}

// A LoadMode is what the connections do.
type LoadMode string

// The modes.
const (
	// LoadEcho sends a message and waits for its answer, again and again. With a Rate, messages are due at fixed times, and
	// the time to the answer begins when a message was due: one that had to wait for the answer to the one before counts
	// with its wait. The zero value is the same.
	LoadEcho LoadMode = "echo"
	// LoadChurn opens a connection, reads the greeting, has one message echoed, closes, and begins again. Our side closes
	// first, so each connection keeps its port here for a while (TIME_WAIT); on the loopback for a second.
	LoadChurn LoadMode = "churn"
	// LoadBulk sends as fast as the server takes it, and reads at the same time.
	LoadBulk LoadMode = "bulk"
	// LoadIdle has one message echoed on each connection, holds all of them, and has one more echoed at the end.
	LoadIdle LoadMode = "idle"
)

// What holds where a Load does not say otherwise.
const (
	defaultConnections = 10
	defaultSize        = 64
	defaultDuration    = 10 * time.Second
)

// maxLoadSize bounds a message, of which each connection has one in memory, and maxRate how many are due: no machine sends more.
const (
	maxLoadSize = 64 << 20
	maxRate     = 10e6
)

// withDefaults returns l with everything said, or what is wrong with it.
func (l Load) withDefaults() (Load, error) {
	l.Mode = cmp.Or(l.Mode, LoadEcho)
	l.Connections = cmp.Or(l.Connections, defaultConnections)
	l.Size = cmp.Or(l.Size, defaultSize)
	l.Duration = cmp.Or(l.Duration, defaultDuration)
	l.Timeout = cmp.Or(l.Timeout, defaultTimeout)
	for _, phase := range []Phase{DNS, Connect, TLS, Greeting} {
		if t := l.Dialer.Timeouts.of(phase); *t == 0 {
			*t = l.Timeout
		}
	}
	switch {
	case l.Mode != LoadEcho && l.Mode != LoadChurn && l.Mode != LoadBulk && l.Mode != LoadIdle:
		return l, fmt.Errorf("there is no mode %q", l.Mode)
	case l.Connections < 0, l.Size < 0, l.Duration < 0, l.Warmup < 0, l.Timeout < 0, !(l.Rate >= 0):
		return l, errors.New("a load has no negative numbers")
	case l.Size > maxLoadSize:
		return l, fmt.Errorf("a message of %d bytes: the longest has %d", l.Size, maxLoadSize)
	case l.Rate > maxRate:
		return l, fmt.Errorf("%g messages a second: want at most %g", l.Rate, maxRate)
	case l.Rate > 0 && l.Mode != LoadEcho:
		return l, fmt.Errorf("mode %s has no rate", l.Mode)
	}
	return l, nil
}

// Run keeps the load up until its duration has passed or ctx ends; what was measured until then is the result in either
// case. The error is an *Error where the first connection could not be opened or did not echo, and comes
// with a result that has nothing but this.
func (l Load) Run(ctx context.Context) (*LoadResult, error) {
	l, err := l.withDefaults()
	if err != nil {
		return nil, err
	}
	// A deadline of ctx ends the load, and is none for what is under way, which would look like a server that is late.
	ended := ctx
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ended, cancel)()

	r := newLoadRun(l)
	stopProgress := r.reportProgress()
	defer stopProgress()
	if err := r.openAll(ctx); err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			return nil, err
		}
		r.fail(e)
		return r.result(ctx), err
	}
	switch l.Mode {
	case LoadEcho:
		err = r.echo(ctx)
	case LoadChurn:
		r.churn(ctx)
	case LoadBulk:
		r.bulk(ctx)
	case LoadIdle:
		r.idle(ctx)
	}
	if err != nil {
		return nil, err
	}
	return r.result(ctx), nil
}
