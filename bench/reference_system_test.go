//go:build linux && system

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

// startReference starts a reference server and returns its port.
func startReference(t *testing.T, program string, flags ...string) int {
	t.Helper()
	w := workshopWith(t, program)
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	argv := append([]string{w.path(program)}, flags...)
	p, err := start(launch{argv: append(argv, fmt.Sprint(port)), cpu: -1, output: w.path("log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	if err := p.listening(t.Context(), port); err != nil {
		t.Fatal(err)
	}
	return port
}

func dial(t *testing.T, port int) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// converse sends all parts, half-closes, and returns everything that comes back.
func converse(t *testing.T, conn *net.TCPConn, parts ...string) string {
	t.Helper()
	for _, part := range parts {
		if _, err := io.WriteString(conn, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestReferenceEcho(t *testing.T) {
	port := startReference(t, "echo")
	if got, want := converse(t, dial(t, port), "a\n", "\x00b"), "a\n\x00b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReferenceEcho_greets(t *testing.T) {
	port := startReference(t, "echo", "-g")
	got := converse(t, dial(t, port), "x")
	want := fmt.Sprintf(`^HELLO clientid=\d+ you=127\.0\.0\.1:\d+ me=127\.0\.0\.1:%d name=reference handler=echo\nx$`, port)
	if !regexp.MustCompile(want).MatchString(got) {
		t.Errorf("got %q, want %s", got, want)
	}
}

// A client that does not read gets everything once it does, and the others are served meanwhile.
func TestReferenceEcho_slowReader(t *testing.T) {
	port := startReference(t, "echo")
	slow := dial(t, port)
	if err := slow.SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	sent := bytes.Repeat([]byte("0123456789abcde\n"), 1<<20)
	wrote := make(chan error, 1)
	go func() {
		_, err := slow.Write(sent)
		if err == nil {
			err = slow.CloseWrite()
		}
		wrote <- err
	}()
	for range 100 { // While it waits for the slow one.
		if got := converse(t, dial(t, port), "quick"); got != "quick" {
			t.Fatalf("got %q", got)
		}
	}
	got, err := io.ReadAll(slow)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back of %d, or not the same", len(got), len(sent))
	}
}

// A line is answered alike however it is cut.
func TestReferenceText(t *testing.T) {
	port := startReference(t, "text")
	const in = "one\r\n\ntwo\nthree\r\r\nlast"
	const want = "ECHO: one\nECHO: \nECHO: two\nECHO: three\r\n"
	if got := converse(t, dial(t, port), in); got != want {
		t.Errorf("whole: got %q, want %q", got, want)
	}
	for cut := range in {
		conn := dial(t, port)
		if _, err := io.WriteString(conn, in[:cut]); err != nil {
			t.Fatal(err)
		}
		// What is answered already shows that the first part was read by itself.
		early := make([]byte, strings.Count(in[:cut], "\n")*len("ECHO: "))
		if _, err := io.ReadFull(conn, early); err != nil {
			t.Fatal(err)
		}
		if got := string(early) + converse(t, conn, in[cut:]); got != want {
			t.Errorf("cut at %d: got %q, want %q", cut, got, want)
		}
	}
}

func TestReferenceText_manyLines(t *testing.T) {
	port := startReference(t, "text")
	conn := dial(t, port)
	const lines = 200_000 // more than a buffer, and than a socket takes
	go func() {
		_, _ = io.WriteString(conn, strings.Repeat("\n", lines)) // What is lost is missed below.
		_ = conn.CloseWrite()
	}()
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("ECHO: \n", lines); string(got) != want {
		t.Errorf("%d bytes, want %d, or not the same", len(got), len(want))
	}
}

func TestReferenceText_tooLong(t *testing.T) {
	port := startReference(t, "text")
	longest := strings.Repeat("x", 8192)
	if got, want := converse(t, dial(t, port), longest+"\n"), "ECHO: "+longest+"\n"; got != want {
		t.Errorf("8192 bytes: got %d bytes, want %d", len(got), len(want))
	}
	conn := dial(t, port)
	if _, err := io.WriteString(conn, longest+"x\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); len(got) > 0 { // The end may be a reset.
		t.Errorf("8193 bytes: got %d bytes, %v, want the end", len(got), err)
	}
}
