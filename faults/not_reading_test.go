//go:build system && linux

package faults_test

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"parley/faults/daemontest"
)

// Clients that send for as long as that goes and never read.
//
// The bound on the system's memory is met with small buffers, which are no default, because they cost half of the throughput in
// bulk. It is met for those who never read: whoever has read a lot first has made the system trust it with more, which no
// option but a fixed SO_SNDBUF would take back. The long form measures those, too, and the usual buffers.
func TestH3_nonReaders(t *testing.T) {
	const bounded = "&receive_buffer=24KiB&send_buffer=24KiB"
	for _, tt := range []struct {
		name, bounds string
		warmup       int
	}{
		{"small buffers, never read", bounded, 0},
		{"small buffers, read 2 MiB first", bounded, 2 << 20},
		{"usual buffers, never read", "", 0},
		{"usual buffers, read 2 MiB first", "", 2 << 20},
	} {
		promised := tt.bounds == bounded && tt.warmup == 0
		if promised || *full {
			t.Run(tt.name, func(t *testing.T) {
				eachTransport(t, func(f *fault) { nonReaders(f, tt.bounds, tt.warmup, promised) })
			})
		}
	}
}

// nonReaders are clients that read their first echoes, as many bytes as warmup, in which the system comes to trust them with larger
// buffers, and then nothing more.
func nonReaders(f *fault, bounds string, warmup int, promised bool) {
	const (
		ours    = 64 << 10  // bytes of the daemon's for each
		lent    = 16 << 20  // which it has beside that, for the bulk of all together
		systems = 128 << 10 // bytes of the system's for each
		joining = 500       // a second: a storm is another fault, see H10
	)
	peers, timeout := sized(f, 200, 2000), sized(f, 2*time.Second, 10*time.Second)
	if !promised {
		peers = 50 // More would be a storm of bulk, and take all that this system has for TCP.
	}
	p := f.serve("echo://127.0.0.1:0?greeting=off&wire=raw&prefix=&write_timeout=" + timeout.String() + bounds)
	p.clientsAbort = true // They leave all answers unread.
	memory := p.Memory("VmRSS")
	block := []byte(strings.Repeat("z", 64<<10))
	dialer := net.Dialer{Timeout: daemontest.Patience}
	if warmup == 0 {
		// What the clients' system takes is not what is measured: they have it take little, so that the daemon notices soon.
		dialer.Control = setsockopt(unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10)
	}
	conns := make([]net.Conn, peers)
	atOnce(peers, 4, func(i int) { // So few at a time that what they do is no load yet.
		conn, err := dialer.Dial("tcp", p.Addresses[0])
		if err != nil {
			f.Error(err)
			return
		}
		conns[i] = conn
		for got := 0; got < warmup && err == nil; got += len(block) {
			if _, err = conn.Write(block); err == nil {
				_, err = io.CopyN(io.Discard, conn, int64(len(block)))
			}
		}
		if err != nil {
			f.Errorf("while it still read: %v", err)
		}
	})
	if f.Failed() {
		return
	}
	var mu sync.Mutex
	var cut []time.Duration // from the last byte that went through to the reset
	var crowd sync.WaitGroup
	for _, conn := range conns {
		time.Sleep(time.Second / joining)
		crowd.Go(func() {
			defer conn.Close()
			last, err := time.Now(), error(nil)
			for err == nil {
				if _, err = conn.Write(block); err == nil {
					last = time.Now()
				}
			}
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
				f.Errorf("ended by %v, want a reset", err)
			}
			mu.Lock()
			defer mu.Unlock()
			cut = append(cut, time.Since(last))
		})
	}
	f.eventually("all are there", func() bool { return p.active() == peers })
	// When nothing comes through any more, all that there is room for is held.
	var held holding
	f.eventually("all are stuck", func() bool {
		before := p.Scrape().Sum("parley_received_bytes_total")
		time.Sleep(200 * time.Millisecond)
		held = f.held(p.Addresses[0])
		return p.Scrape().Sum("parley_received_bytes_total")-before < 64<<10 // The canary's.
	})
	each := (p.Memory("VmRSS") - memory) * 1024 / peers
	if held.sockets != peers {
		f.Errorf("when all were stuck %d of %d were there", held.sockets, peers)
	}
	kernel := (held.unread + held.unsent) / max(1, held.sockets)
	f.Logf("%v", held)
	f.figure("clients", "%d", peers)
	f.figure("memory of the daemon for each", "%.1f KiB", float64(each)/1024)
	f.figure("of the system for each, unsent", "%.1f KiB", float64(held.unsent)/float64(held.sockets)/1024)
	f.figure("of the system for each, unread", "%.1f KiB", float64(held.unread)/float64(held.sockets)/1024)
	if each > ours+lent/peers && !raceDetector {
		f.Errorf("the daemon holds %d bytes for each, want at most %d and %d for all", each, ours, lent)
	}
	if kernel > systems && promised {
		f.Errorf("the system holds %d bytes for each, want at most %d", kernel, systems)
	}
	crowd.Wait()
	f.figure("write timeout", "%v", timeout)
	f.figure("reset after the last byte went through, at the latest", "%v", slices.Max(cut))
	p.awaitEnded(peers, "write_timeout")
}
