package server_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"testing"
	"time"

	"parley/server"
)

// A client that writes 100 MB before it reads is made to wait, and not held in memory; what it then reads is what it wrote.
func TestEcho_backPressure(t *testing.T) {
	t.Parallel()
	for name, sendBuffer := range map[string]int{"usual": 0, "small send buffer": 64 << 10, "large send buffer": 512 << 10} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backPressure(t, limits(server.Limits{SendBuffer: sendBuffer}))
		})
	}
}

func backPressure(t *testing.T, as func(*role)) {
	const size, held = 100 << 20, 64 << 10
	s := serve(t, overTCP, echo(""), raw, as)
	c := s.dial()
	written := sha256.New()
	block := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	sent := 0
	write := func() (err error) {
		for sent < size && err == nil {
			var n int
			n, err = c.Write(block[sent%len(block):])
			written.Write(block[sent%len(block):][:n])
			sent += n
		}
		return err
	}
	// When nothing goes on for a while, all buffers on the way are full.
	for stuck := 0; ; stuck = sent {
		c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		if err := write(); !isTimeout(err) {
			t.Fatalf("wrote %d bytes, %v; want to be made to wait", sent, err)
		}
		if sent == stuck {
			break
		}
	}
	m := s.metrics()
	if n := m.of("parley_received_bytes_total") - m.of("parley_sent_bytes_total"); n > held {
		t.Errorf("%v bytes are held", n)
	}
	c.SetWriteDeadline(time.Time{})
	done := make(chan error)
	go func() {
		err := write()
		c.closeWrite()
		done <- err
	}()
	read := sha256.New()
	if n, err := io.Copy(read, c.r); n != size || err != nil {
		t.Errorf("read %d bytes of %d, %v", n, size, err)
	}
	if err := s.await(done); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(read.Sum(nil), written.Sum(nil)) {
		t.Error("what was read is not what was written")
	}
	s.wantEnd(server.ClientClosed)
}
