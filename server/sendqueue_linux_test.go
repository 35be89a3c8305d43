package server_test

import (
	"io"
	"net"
	"testing"
	"time"

	"parley/server"
)

// What the peer has read is a sign of it, long before the system takes more: once, a client that read 10 KiB/s of a long
// answer was cut at the write timeout.
func TestSendQueue(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	reader, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	writer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if n := server.SendQueue(writer); n != 0 {
		t.Errorf("%d bytes are queued at first", n)
	}
	block := make([]byte, 1<<20)
	for err == nil {
		writer.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, err = writer.Write(block)
	}
	full := server.SendQueue(writer)
	if full == 0 {
		t.Fatal("nothing is queued")
	}
	by := time.Now().Add(time.Minute)
	for read := 0; server.SendQueue(writer) >= full; read++ {
		if time.Now().After(by) {
			t.Fatalf("%d bytes are queued, and were %d before %d KiB were read", server.SendQueue(writer), full, read)
		}
		if _, err := io.CopyN(io.Discard, reader, 1<<10); err != nil {
			t.Fatal(err)
		}
	}
}
