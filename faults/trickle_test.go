//go:build system && linux

package faults_test

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"parley/faults/daemontest"
	"parley/protocol"
)

// Clients that begin a message and never end it, however steadily they go on.
func TestH1_slowloris(t *testing.T) {
	// What each begins with, and how often it sends another byte.
	trickles := map[string]struct {
		begin, byte string
		every       time.Duration
	}{
		protocol.TextName:   {"x", "x", 100 * time.Millisecond},
		protocol.JSONName:   {`{"a":"`, "x", time.Second},
		protocol.PickleName: {"B\x00\x10\x00\x00", "x", time.Second},
	}
	eachTransport(t, func(f *fault) {
		const tolerance = time.Second
		peers, timeout := sized(f, 600, 5000), sized(f, 3*time.Second, 30*time.Second)
		// flush: however busy the machine is, no pause ends a line.
		listener := "echo://127.0.0.1:0?greeting=off&flush=1m&message_timeout=" + timeout.String() + "&wire="
		p := f.serve(listener+protocol.TextName, listener+protocol.JSONName, listener+protocol.PickleName)
		memory := p.Memory("VmRSS")
		var mu sync.Mutex
		var told []time.Duration
		var crowd sync.WaitGroup
		for i := range peers {
			wire := wires[i%3]
			trickle := trickles[wire]
			conn, err := connect(p.Addresses[i%3], false)
			f.must(err)
			began := time.Now()
			_, err = io.WriteString(conn, trickle.begin)
			f.must(err)
			ctx, cancel := context.WithCancel(f.Context())
			crowd.Go(func() {
				daemontest.Every(ctx, trickle.every, func(int) { _, _ = io.WriteString(conn, trickle.byte) })
			})
			crowd.Go(func() {
				defer conn.Close()
				defer cancel()
				conn.SetReadDeadline(began.Add(timeout + daemontest.Patience))
				first := make([]byte, 512)
				n, err := conn.Read(first)
				took := time.Since(began)
				cancel() // It has understood.
				rest, _ := io.ReadAll(conn)
				if answer := string(first[:n]) + string(rest); err != nil || countMessages(wire, answer) != 1 || !strings.Contains(answer, "message_timeout") {
					f.Errorf("%s: told %q, %v", wire, answer, err)
				}
				mu.Lock()
				defer mu.Unlock()
				told = append(told, took)
			})
		}
		f.eventually("all are there", func() bool { return p.active() == peers })
		f.figure("clients", "%d", peers)
		f.figure("memory for each", "%.1f KiB", float64(p.Memory("VmRSS")-memory)/float64(peers))
		crowd.Wait()
		early, late := slices.Min(told)-timeout, slices.Max(told)-timeout
		f.figure("message timeout", "%v", timeout)
		f.figure("told after it, at the earliest", "%v", early)
		f.figure("told after it, at the latest", "%v", late)
		if early < -tolerance || late > tolerance+boundBeside(p.witness.P99()) && !raceDetector {
			f.Errorf("told %v to %v after the timeout, want within %v", early, late, tolerance)
		}
		p.awaitEnded(peers, "message_timeout")
	})
}

// The idle timeout is each connection's own: silent ones are told, and who speaks now and then stays.
func TestH6_silentCrowd(t *testing.T) {
	eachTransportWaiting(t, func(f *fault) {
		const tolerance = time.Second
		silent, speaking := sized(f, 500, 2000), sized(f, 50, 200)
		timeout := sized(f, 3*time.Second, 10*time.Second)
		p := f.serve("echo://127.0.0.1:0?idle_timeout=" + timeout.String())
		ctx, cancel := context.WithCancel(f.Context())
		defer cancel()
		var speakers, crowd sync.WaitGroup
		var echoes atomic.Int64
		for range speaking {
			c := f.dial(p.Addresses[0])
			_, err := c.Greeting()
			f.must(err)
			speakers.Go(func() {
				daemontest.Every(ctx, timeout/3, func(int) {
					if err := c.Echo("still here"); err != nil {
						f.Errorf("who speaks: %v", err)
					}
					echoes.Add(1)
				})
				c.Close()
			})
		}
		var mu sync.Mutex
		var told []time.Duration
		for range silent {
			c := f.dial(p.Addresses[0])
			_, err := c.Greeting()
			f.must(err)
			began := time.Now()
			crowd.Go(func() {
				defer c.Close()
				if err := c.Wants("ERR idle_timeout"); err != nil {
					f.Errorf("who is silent: %v", err)
				} else if err := c.Ends(); err != nil {
					f.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				told = append(told, time.Since(began))
			})
		}
		crowd.Wait()
		cancel()
		speakers.Wait()
		early, late := slices.Min(told)-timeout, slices.Max(told)-timeout
		f.figure("silent clients told idle_timeout", "%d", p.ended("idle_timeout"))
		f.figure("told after it, at the latest", "%v", late)
		f.figure("speaking clients cut", "%d", p.ended()-silent-p.ended("client_closed"))
		if early < -tolerance || late > tolerance+boundBeside(p.witness.P99()) && !raceDetector {
			f.Errorf("told %v to %v after the timeout, want within %v", early, late, tolerance)
		}
		p.awaitEnded(silent, "idle_timeout")
		p.awaitEnded(speaking, "client_closed")
		if least := int64(3 * speaking); echoes.Load() < least {
			f.Errorf("only %d echoes of who speaks, want %d", echoes.Load(), least)
		}
	})
}

// Readers that are slow but honest are not cut.
//
// The write timeout has to be longer than their system takes to tell ours that there is room again. Linux gathers what comes in
// pieces of up to the usual buffer of 128 KiB, and frees each as a whole: at 10 KiB/s that is after 13 s. The usual write timeout of 10 s
// cuts such a reader. And whoever has a small buffer, and reads slowly for longer than 30 s, is cut by TCP_USER_TIMEOUT: Linux counts
// the time in which the window was too small for what stands first in the queue, though it opened in between.
func TestH4_slowReader(t *testing.T) {
	eachTransportWaiting(t, func(f *fault) {
		const (
			ethernet = 1448 // what a segment has room for on most networks; on the loopback device that is 64 KiB
			lasts    = 25 * time.Second
		)
		p := f.serve("echo://127.0.0.1:0?greeting=off&wire=raw&prefix=&write_timeout=20s&idle_timeout=0")
		var readers sync.WaitGroup
		for name, dialer := range map[string]net.Dialer{
			"usual buffer":     {Control: setsockopt(unix.IPPROTO_TCP, unix.TCP_MAXSEG, ethernet)},
			"buffer of 16 KiB": {Control: setsockopt(unix.IPPROTO_TCP, unix.TCP_MAXSEG, ethernet, unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10)},
		} {
			conn, err := dialer.Dial("tcp", p.Addresses[0])
			f.must(err)
			readers.Go(func() { readSlowly(f, name, conn.(halfCloser), lasts) })
		}
		readers.Wait()
		p.awaitEnded(2, "client_closed")
	})
}

// readSlowly sends 2 MiB, far more than the system holds, and reads what comes back at 10 KiB/s for that long, and then as fast as
// it comes.
func readSlowly(f *fault, name string, conn halfCloser, lasts time.Duration) {
	const rate = 10 << 10 // bytes a second
	defer conn.Close()
	sent := strings.Repeat("0123456789abcdef", 128<<10)
	var writing sync.WaitGroup
	writing.Go(func() {
		if err := sends(conn, sent); err != nil {
			f.Errorf("%s: sending: %v", name, err)
		}
		_ = conn.CloseWrite()
	})
	var got strings.Builder
	ctx, cancel := context.WithTimeout(f.Context(), lasts)
	defer cancel()
	daemontest.Every(ctx, time.Second/10, func(int) {
		if _, err := io.CopyN(&got, conn, rate/10); err != nil {
			f.Errorf("%s: reading: %v", name, err)
			cancel()
		}
	})
	f.figure(name+": read at 10 KiB/s, with a write timeout of 20 s", "%d KiB", got.Len()>>10)
	_, err := io.Copy(&got, conn)
	writing.Wait()
	if err != nil || got.String() != sent {
		f.Errorf("%s: %d bytes were read, of %d that were sent: %v", name, got.Len(), len(sent), err)
	}
}
