package client_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/client"
	"parley/protocol"
)

// echo is a server of lines that gives each back.
func echo(nc *net.TCPConn) {
	_, _ = io.WriteString(nc, hello)
	for in := bufio.NewScanner(nc); in.Scan(); {
		_, _ = io.WriteString(nc, "ECHO: "+in.Text()+"\n")
	}
}

func TestConn(t *testing.T) {
	t.Parallel()
	conn := dial(t, client.Dialer{}, serve(t, echo))
	for _, text := range []string{"one", "", "zwei"} {
		if err := conn.Send(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		if got, want := receive(t, conn), "ECHO: "+text; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	// Our end is not the server's.
	if err := conn.Send(t.Context(), "last"); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ECHO: last"}, receiveAll(t, conn)); diff != "" {
		t.Errorf("after the end (-want +got):\n%s", diff)
	}
}

// What is sent on each wire is a message of that wire.
func TestConnWires(t *testing.T) {
	t.Parallel()
	for name, wire := range protocol.Wires {
		got := make(chan []byte, 1)
		conn := dial(t, client.Dialer{Wire: name, NoGreeting: true}, serve(t, func(nc *net.TCPConn) {
			all, _ := io.ReadAll(nc)
			got <- all
		}))
		if err := conn.Send(t.Context(), "hi"); err != nil {
			t.Fatal(err)
		}
		if err := conn.Register(t.Context(), "Ada Lovelace", "ada@example.org"); err != nil {
			t.Fatal(err)
		}
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		sent := <-got
		rest, ok := bytes.CutPrefix(sent, wire.AppendText(nil, "hi"))
		if !ok {
			t.Errorf("%s: sent %q", name, sent)
		}
		decoder := wire
		if name == protocol.RawName {
			decoder = protocol.Wires[protocol.TextName]
		}
		fields, ok := decoder.Fields(bytes.TrimSuffix(rest, []byte("\n")))
		want := map[string]string{"name": "Ada Lovelace", "email": "ada@example.org"}
		if name == protocol.TextName || name == protocol.RawName {
			want["name"] = "Ada_Lovelace"
		}
		values := make(map[string]string)
		for _, f := range fields {
			if f.Key != "" {
				values[f.Key] = f.Value
			}
		}
		if diff := cmp.Diff(want, values); !ok || diff != "" {
			t.Errorf("%s: registered with %q (-want +got):\n%s", name, rest, diff)
		}
	}
}

// An ERR is an error, and a message: who echoes may have said it for us.
func TestConnErrorMessage(t *testing.T) {
	t.Parallel()
	conn := dial(t, client.Dialer{}, serve(t, saysAndCloses(hello+"ERR idle_timeout really\nmore\n")))
	msg, err := conn.Receive(t.Context())
	if got := conn.Text(msg); got != "ERR idle_timeout really" {
		t.Errorf("message %q", got)
	}
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Kind != client.Told || !errors.Is(err, protocol.Error{Reason: "idle_timeout"}) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]string{"more"}, receiveAll(t, conn)); diff != "" {
		t.Errorf("behind it (-want +got):\n%s", diff)
	}
}

// What has come of a message when the context ends is there at the next call.
func TestConnReceiveAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = io.WriteString(theirs, hello+"ha")
			time.Sleep(10 * time.Second)
			_, _ = io.WriteString(theirs, "lf\n")
		}()
		conn, err := client.Dialer{}.Converse(t.Context(), ours)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = conn.Receive(ctx)
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Kind != client.Timeout || e.Phase != client.Answer {
			t.Errorf("got %v, want a timeout of the answer", err)
		}
		canceled, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = conn.Receive(canceled)
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Kind != client.Failed || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want it interrupted", err)
		}
		if got := receive(t, conn); got != "half" {
			t.Errorf("got %q, want %q", got, "half")
		}
	})
}

// A server can make us hold no more than the limit, and wait no longer than we said, whatever it sends.
func TestConnHostile(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	for name, tt := range map[string]struct {
		begins string
		piece  []byte
	}{
		"greeting without end": {"HELLO clientid=1 name=", bytes.Repeat([]byte("a"), 64<<10)},
		"line without end":     {hello, bytes.Repeat([]byte("a"), 64<<10)},
		"object without end":   {"{", bytes.Repeat([]byte(`"a":1,`), 10<<10)},
		"nesting without end":  {`{"a":`, bytes.Repeat([]byte(`[`), 64<<10)},
		"pickle without end":   {"\x80\x02}", bytes.Repeat([]byte("("), 64<<10)},
		"pickle of 2 GiB":      {"\x80\x02T\xff\xff\xff\x7f", bytes.Repeat([]byte("a"), 64<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := make(chan int, 1)
			address := serve(t, func(nc *net.TCPConn) {
				n, err := io.WriteString(nc, tt.begins)
				for n < 1<<30 && err == nil {
					var more int
					more, err = nc.Write(tt.piece)
					n += more
				}
				sent <- n
			})
			d := patiently(client.Dialer{MaxMessage: limit})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			conn, err := d.Dial(ctx, address)
			if err == nil {
				_, err = conn.Receive(ctx)
				conn.Close()
			}
			if e, ok := errors.AsType[*client.Error](err); !ok || e.Kind != client.Wrong {
				t.Errorf("got %v", err)
			}
			// The rest is what the system had in its buffers.
			if n := <-sent; n > limit+16<<20 {
				t.Errorf("%d bytes were taken, and the limit was %d", n, limit)
			}
		})
	}
}

// No trickle keeps us: the time for a greeting, and the time that a caller gives, are not renewed by a byte.
func TestConnTrickle(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		begins string
		phase  client.Phase
	}{{"HELLO ", client.Greeting}, {`{"a":"`, client.Greeting}, {hello, client.Answer}, {"", client.Answer}} {
		begins, phase := tt.begins, tt.phase
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			trickled := make(chan struct{})
			go func() {
				defer close(trickled)
				var err error
				if begins != "" {
					_, err = io.WriteString(theirs, begins)
				}
				for err == nil {
					time.Sleep(time.Second)
					_, err = io.WriteString(theirs, "a")
				}
			}()
			defer func() {
				theirs.Close()
				<-trickled
			}()
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			conn, err := client.Dialer{Wire: map[string]string{"": protocol.TextName}[begins]}.Converse(ctx, ours)
			if err == nil {
				defer conn.Close()
				_, err = conn.Receive(ctx)
			}
			e, ok := errors.AsType[*client.Error](err)
			if !ok || e.Kind != client.Timeout || e.Phase != phase {
				t.Errorf("%q: got %v, want a timeout of the %s", begins, err, phase)
			}
			want := map[client.Phase]time.Duration{client.Greeting: 10 * time.Second, client.Answer: time.Minute}[phase]
			if took := time.Since(began); took != want {
				t.Errorf("%q: it took %v, want %v", begins, took, want)
			}
		})
	}
}

// A server that does not read keeps us no longer, either.
func TestConnSendTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		conn, err := client.Dialer{NoGreeting: true}.Converse(t.Context(), ours)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = conn.Send(ctx, "hi")
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Kind != client.Timeout || e.Why() != "it does not take what it is sent" {
			t.Errorf("got %v", err)
		}
	})
}

// Closing it ends a Receive.
func TestConnClose(t *testing.T) {
	t.Parallel()
	conn := dial(t, client.Dialer{}, serve(t, says(hello)))
	received := make(chan error, 1)
	go func() {
		_, err := conn.Receive(context.Background())
		received <- err
	}()
	conn.Close()
	if err := <-received; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// A line of an error is printable ASCII and one line, whatever the server said.
func TestErrorIsPrintable(t *testing.T) {
	t.Parallel()
	seed := rand.New(rand.NewPCG(1, 2))
	said := []string{
		"\x1b]0;owned\x07\x1b[2J\n", "HELLO clientid=1 name=\x1b[31mred\n", "HELLO \x9b31m\n", "HELLO clientid=\u202e1\n",
		`{"error":"\u001b[2J\u009b"}` + "\n", `{"clientid":"\u001b[2J"}` + "\n", "ERR \x1b[2J\n", "\x80\x02X\x04\x00\x00\x00\x1b[2J.",
	}
	for range 200 {
		garbage := make([]byte, seed.IntN(200))
		for i := range garbage {
			garbage[i] = byte(seed.Uint32())
		}
		said = append(said, string(garbage), "HELLO "+string(garbage)+"\n", "{"+string(garbage)+"}\n", "\x80"+string(garbage)+".")
	}
	for _, text := range said {
		for wire := range protocol.Wires {
			conn, err := client.Dialer{Wire: wire}.Converse(t.Context(), &tape{pieces: [][]byte{[]byte(text)}})
			if err == nil {
				_, err = conn.Greeting()
			}
			for err == nil {
				_, err = conn.Receive(t.Context())
			}
			e, ok := errors.AsType[*client.Error](err)
			if !ok {
				continue
			}
			if line := e.Error(); strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%q: %q", text, line)
			}
		}
	}
}

// A greeting that comes when nobody waits for it any more is the first message, and Greeting has it then. Calling Receive off
// while it is half there loses nothing.
func TestReceive_lateGreeting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			asked  string
			pieces []string
			want   []string
			wire   string
			id     uint64
		}{
			{"", []string{"HEL", "LO clientid=7\nhi\n"}, []string{"HELLO clientid=7", "hi"}, protocol.TextName, 7},
			{"", []string{"HELLO you\n", "hi\n"}, []string{"HELLO you", "hi"}, protocol.TextName, 0},
			{"", []string{"hi\n", "HELLO clientid=7\n"}, []string{"hi\n", "HELLO clientid=7\n"}, protocol.RawName, 0},
			{"", []string{"HEL"}, []string{"HEL"}, protocol.RawName, 0},
			{"", []string{"HELLO clientid=7"}, []string{"HELLO clientid=7"}, protocol.TextName, 0}, // maybe half of 70
			{protocol.RawName, []string{"HELLO clientid=7"}, []string{"HELLO clientid=7"}, protocol.RawName, 0},
			{protocol.JSONName, []string{`{"client`, "id\":7}\n17\n"}, []string{`{"clientid":7}`, "17"}, protocol.JSONName, 7},
		} {
			server, nc := net.Pipe()
			conn, err := client.Dialer{Wire: tt.asked}.Converse(t.Context(), nc)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Greeting(); !errors.Is(err, client.ErrSilent) {
				t.Errorf("%q: Greeting = %v", tt.pieces, err)
			}
			go func() {
				for _, p := range tt.pieces {
					_, _ = io.WriteString(server, p)
					time.Sleep(time.Second)
				}
				server.Close()
			}()
			// receive waits for half a second, as the server speaks once a second.
			receive := func() ([]byte, error) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
				defer cancel()
				return conn.Receive(ctx)
			}
			var got []string
			for {
				msg, err := receive()
				if errors.Is(err, io.EOF) {
					break
				}
				if err == nil {
					got = append(got, conn.Text(msg))
				} else if e, ok := errors.AsType[*client.Error](err); !ok || e.Kind != client.Timeout {
					t.Errorf("%q: %v", tt.pieces, err)
					break
				}
			}
			greeting, err := conn.Greeting()
			if diff := cmp.Diff(tt.want, got); diff != "" || conn.Wire() != tt.wire || greeting.ClientID != tt.id || (err == nil) != (tt.id != 0) {
				t.Errorf("%q: wire %s, greeting %+v, %v (-want +got):\n%s", tt.pieces, conn.Wire(), greeting, err, diff)
			}
			conn.Close()
		}
	})
}
