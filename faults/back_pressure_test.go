//go:build system && linux

package faults_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"parley/faults/daemontest"
	"parley/protocol"
)

// A client that writes 100 MB before it reads is made to wait, and not held in memory; what it then reads is what it wrote.
func TestH9_backPressure(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, wire := range []string{protocol.RawName, protocol.TextName} {
			name := wire + map[bool]string{true: ", TLS"}[secure]
			t.Run(name, func(t *testing.T) {
				eachTransport(t, func(f *fault) { backPressure(f, wire, secure) })
			})
		}
	}
}

func backPressure(f *fault, wire string, secure bool) {
	const most = 64 << 10 // bytes held
	size := sized(f, 40<<20, 100<<20)
	listener := map[bool]string{false: "echo://", true: "echo+tls://"}[secure]
	p := f.serve(listener + "127.0.0.1:0?greeting=off&prefix=&wire=" + wire)
	conn, err := connect(p.Addresses[0], secure)
	f.must(err)
	defer conn.Close()
	memory := p.Memory("VmRSS")
	written, read := sha256.New(), sha256.New()
	block := bytes.Repeat([]byte("0123456789abcde\n"), 4096)
	sent := 0
	// TLS cannot go on after a write that timed out, so that one goroutine writes all and is watched.
	done := make(chan error, 1)
	progress := make(chan int, 1<<12)
	go func() {
		for sent < size {
			n, err := conn.Write(block)
			written.Write(block[:n])
			sent += n
			progress <- n
			if err != nil {
				done <- err
				return
			}
		}
		done <- conn.CloseWrite()
	}()
	stuck := 0
	for waiting := true; waiting; {
		select {
		case n := <-progress:
			stuck += n
		case <-time.After(300 * time.Millisecond): // When nothing goes on for a while, all buffers on the way are full.
			waiting = false
		}
	}
	if stuck >= size {
		f.Errorf("all %d bytes were taken, before any was read", stuck)
	}
	m := p.Scrape()
	held := m.Sum("parley_received_bytes_total") - m.Sum("parley_sent_bytes_total")
	grown := float64(p.Memory("VmRSS")-memory) / 1024
	go func() {
		for range progress {
			continue // Nobody looks any more.
		}
	}()
	conn.SetReadDeadline(time.Now().Add(2 * daemontest.Patience))
	n, err := io.Copy(read, conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		f.Fatalf("read %d bytes of %d, and no more come", n, size)
	}
	f.must(<-done)
	close(progress)
	f.figure("written before the first read", "%.1f MiB", float64(stuck)/(1<<20))
	f.figure("held by the daemon then", "%.1f KiB", held/1024)
	f.figure("memory grown by", "%.1f MiB", grown)
	if held > most {
		f.Errorf("%v bytes are held, want at most %d", held, most)
	}
	if err != nil || n != int64(sent) || !bytes.Equal(read.Sum(nil), written.Sum(nil)) {
		f.Errorf("read %d bytes of %d, %v; the same: %v", n, sent, err, bytes.Equal(read.Sum(nil), written.Sum(nil)))
	}
}
