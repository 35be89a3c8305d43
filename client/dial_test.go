package client_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/client"
	"parley/protocol"
)

// The greeting of every wire is recognised by its first bytes.
func TestDialGreetings(t *testing.T) {
	t.Parallel()
	for name, wire := range protocol.Wires {
		want := name
		if name == protocol.RawName {
			want = protocol.TextName // A raw listener that greets does so with the line.
		}
		for _, d := range []client.Dialer{{}, {Wire: name}} {
			conn := dial(t, d, serve(t, says(string(wire.AppendGreeting(nil, greeting)))))
			got, err := conn.Greeting()
			if err != nil || got != greeting {
				t.Errorf("%s, asked for %q: greeting %+v, %v", name, d.Wire, got, err)
			}
			if d.Wire != "" {
				want = d.Wire
			}
			if conn.Wire() != want {
				t.Errorf("%s, asked for %q: wire %s, want %s", name, d.Wire, conn.Wire(), want)
			}
		}
	}
}

// A lab's server of Python greets with whatever protocol its pickle has.
func TestDialPickledGreetings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ wire, said string }{
		{"", "(dp0\nVclientid\np1\nI17\ns."},
		{"", "(dp1\nS'clientid'\np2\nI17\ns."},
		{protocol.PickleName, "(dp1\nS'clientid'\np2\nI17\ns."},
		{protocol.PickleName, "}q\x00X\x08\x00\x00\x00clientidq\x01K\x11s."},
		{"", "\x80\x02}q\x00X\x08\x00\x00\x00clientidq\x01K\x11s."},
		{"", "\x80\x04\x95\x11\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x08clientid\x94K\x11s."},
		{protocol.JSONName, " \n{\"clientid\": 17}"},
	} {
		conn := dial(t, client.Dialer{Wire: tt.wire}, serve(t, says(tt.said)))
		if g, err := conn.Greeting(); err != nil || g.ClientID != 17 {
			t.Errorf("%q, asked for %q: %+v, %v", tt.said, tt.wire, g, err)
		}
	}
}

// However the bytes are cut, the greeting is the same and so is what comes behind it.
func TestDialGreetingInPieces(t *testing.T) {
	t.Parallel()
	for name, wire := range protocol.Wires {
		text := wire.AppendText(wire.AppendGreeting(nil, greeting), "one")
		for cut := range len(text) {
			for _, d := range []client.Dialer{{}, {Wire: name}} {
				conn, err := d.Converse(t.Context(), &tape{pieces: [][]byte{text[:cut], text[cut:]}})
				if err != nil {
					t.Fatalf("%s, cut at %d: %v", name, cut, err)
				}
				if got, err := conn.Greeting(); err != nil || got != greeting {
					t.Errorf("%s, cut at %d: greeting %+v, %v", name, cut, got, err)
				}
				if got := strings.Join(receiveAll(t, conn), ""); strings.TrimSuffix(got, "\n") != "one" {
					t.Errorf("%s, cut at %d: received %q", name, cut, got)
				}
			}
		}
	}
}

// Who says nothing does not greet.
func TestDialSilence(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]string{"": protocol.RawName, protocol.TextName: protocol.TextName, protocol.RawName: protocol.RawName} {
		conn := dial(t, client.Dialer{Wire: asked, Silence: time.Millisecond}, serve(t, says("")))
		if _, err := conn.Greeting(); !errors.Is(err, client.ErrSilent) {
			t.Errorf("asked for %q: greeting: %v", asked, err)
		}
		if conn.Wire() != want {
			t.Errorf("asked for %q: wire %s, want %s", asked, conn.Wire(), want)
		}
		if took := conn.Timings().Greeting; took != 0 {
			t.Errorf("asked for %q: a greeting took %v", asked, took)
		}
	}
}

// It has 300 ms for it.
func TestDialSilenceLasts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for late, want := range map[time.Duration]error{299 * time.Millisecond: nil, 301 * time.Millisecond: client.ErrSilent} {
			ours, theirs := net.Pipe()
			time.AfterFunc(late, func() {
				_, _ = io.WriteString(theirs, hello)
			})
			conn, err := client.Dialer{}.Converse(t.Context(), ours)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Greeting(); !errors.Is(err, want) {
				t.Errorf("after %v: %v, want %v", late, err, want)
			}
			conn.Close()
		}
	})
}

// Without a greeting to wait for, all that comes is messages.
func TestDialNoGreeting(t *testing.T) {
	t.Parallel()
	conn := dial(t, client.Dialer{NoGreeting: true, Wire: protocol.TextName}, serve(t, says(hello)))
	if got, want := receive(t, conn), strings.TrimSpace(hello); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What is said in place of a greeting is not lost.
func TestDialOtherWords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ wire, said, speaks, message string }{
		{"", "220 mail ready\r\nmore", protocol.RawName, "220 mail ready\r\nmore"},
		{"", "HELLO", protocol.RawName, "HELLO"},
		{"", "HELLO. I am the Happy Server :-)\n", protocol.RawName, "HELLO. I am the Happy Server :-)\n"},
		{"", "HELLO world\n", protocol.TextName, "HELLO world"},
		{"", `{"a":1}` + "\n", protocol.JSONName, `{"a":1}`},
		{protocol.TextName, "220 mail ready\r\n", protocol.TextName, "220 mail ready"},
		{protocol.RawName, "HELLO world\nmore", protocol.RawName, "HELLO world\nmore"},
		{protocol.RawName, "HELLO", protocol.RawName, "HELLO"},
		{protocol.RawName, "{}", protocol.RawName, "{}"},
		{protocol.JSONName, `"a"` + "\n", protocol.JSONName, "a"},
	} {
		conn, err := client.Dialer{Wire: tt.wire}.Converse(t.Context(), &tape{pieces: [][]byte{[]byte(tt.said)}})
		if err != nil {
			t.Errorf("%q, asked for %q: %v", tt.said, tt.wire, err)
			continue
		}
		if _, err := conn.Greeting(); !errors.Is(err, protocol.ErrNoGreeting) {
			t.Errorf("%q, asked for %q: greeting: %v", tt.said, tt.wire, err)
		}
		if got := receive(t, conn); got != tt.message || conn.Wire() != tt.speaks {
			t.Errorf("%q, asked for %q: got %q on the %s wire, want %q on %s", tt.said, tt.wire, got, conn.Wire(), tt.message, tt.speaks)
		}
	}
}

// Each kind of error, by the phase and the line that is printed of it.
func TestDialErrors(t *testing.T) {
	t.Parallel()
	long := patiently(client.Dialer{})
	short := client.Dialer{Silence: patience, Timeouts: client.Timings{DNS: 50 * time.Millisecond, Connect: patience, Greeting: time.Second}}
	file := filepath.Join(t.TempDir(), "file")
	notListening, err := net.ListenUnix("unix", &net.UnixAddr{Name: file, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	notListening.SetUnlinkOnClose(false)
	notListening.Close()

	nobody, silent := client.Dialer{Resolver: resolver(t, nil)}, short
	silent.Resolver = resolver(t, func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) })
	for _, tt := range []struct {
		name    string
		dialer  client.Dialer
		address client.Address
		phase   client.Phase
		kind    client.Kind
		why     string
	}{
		{"no such name", nobody, parse(t, "nobody.test:1"), client.DNS, client.NoName, "there is no such name, or it has no address"},
		{"no name server", silent, parse(t, "nobody.test:1"), client.DNS, client.NoName, "the name server does not answer"},
		{"nothing listens", long, closedPort(t), client.Connect, client.Refused, "nothing listens there, or a firewall rejects"},
		{"no socket", long, parse(t, file+"2"), client.Connect, client.Refused, "there is no such socket"},
		{"stale socket", long, parse(t, file), client.Connect, client.Refused, "nothing listens there"},
		{"closes", long, serve(t, saysAndCloses("")), client.Greeting, client.Closed, "it took the connection and closed it without a word"},
		{"half a greeting", short, serve(t, says("HELLO clientid=1")), client.Greeting, client.Timeout, "it began a greeting and did not end it"},
		{"half a word", short, serve(t, says("HEL")), client.Greeting, client.Timeout, "it began a greeting and did not end it"},
		{"half an object", short, serve(t, says(`{"clientid":`)), client.Greeting, client.Timeout, "it began a greeting and did not end it"},
		{"half a greeting, closes", long, serve(t, saysAndCloses("HELLO clientid=1")), client.Greeting, client.Closed, "it closed the connection in the middle of its greeting"},
		{"half an object, closes", long, serve(t, saysAndCloses(`{"clientid":1`)), client.Greeting, client.Closed, "it closed the connection in the middle of its greeting"},
		{"error", long, serve(t, saysAndCloses("ERR server_full limit=5\n")), client.Greeting, client.Told, "ERR server_full limit=5: as many clients as it takes are there already"},
		{"error as an object", long, serve(t, saysAndCloses(`{"error":"server_full"}`+"\n")), client.Greeting, client.Told, "ERR server_full: as many clients as it takes are there already"},
		{"unknown error", long, serve(t, saysAndCloses("ERR out_of_coffee\n")), client.Greeting, client.Told, "ERR out_of_coffee"},
		{"another wire", patiently(client.Dialer{Wire: protocol.JSONName}), serve(t, says(hello)), client.Greeting, client.Wrong, "it speaks the text wire, not json"},
		{"no such wire", client.Dialer{Wire: "morse"}, serve(t, says(hello)), client.Greeting, client.Failed, `there is no wire "morse"`},
		{"no JSON", long, serve(t, says("{]")), client.Greeting, client.Wrong, ""},
		{"no pickle", long, serve(t, says("\x80\xff....")), client.Greeting, client.Wrong, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conn, err := tt.dialer.Dial(t.Context(), tt.address)
			if err == nil {
				conn.Close()
				t.Fatal("no error")
			}
			e, ok := errors.AsType[*client.Error](err)
			if !ok {
				t.Fatalf("%v is no *client.Error", err)
			}
			if e.Phase != tt.phase || e.Kind != tt.kind || tt.why != "" && e.Why() != tt.why {
				t.Errorf("got %s in %s: %s\nwant %s in %s: %s", e.Kind, e.Phase, e.Why(), tt.kind, tt.phase, tt.why)
			}
			if want := string(tt.kind) + " " + tt.address.String() + ": "; !strings.HasPrefix(e.Error(), want) {
				t.Errorf("%q does not begin with %q", e, want)
			}
		})
	}
}

// A server that cuts the connection off may do so before the client has noticed that it stood.
func TestDialReset(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(*net.TCPConn){
		"at once": reset,
		"after half a greeting": func(nc *net.TCPConn) {
			_, _ = io.WriteString(nc, "HELLO clientid=1")
			reset(nc)
		},
	} {
		_, err := patiently(client.Dialer{}).Dial(t.Context(), serve(t, f))
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Kind != client.Reset {
			t.Errorf("%s: %v, want a reset", name, err)
		}
	}
}

func TestDialCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	address := serve(t, func(nc *net.TCPConn) {
		cancel()
		says("")(nc)
	})
	_, err := patiently(client.Dialer{}).Dial(ctx, address)
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Kind != client.Failed || e.Why() != "interrupted" {
		t.Errorf("got %v", err)
	}
	_, err = client.Dialer{}.Dial(ctx, address)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("then %v", err)
	}
}

// A name's addresses are all tried, and the one whose error says most is the one that is told.
func TestDialAllAddresses(t *testing.T) {
	t.Parallel()
	address := serve(t, says(hello))
	_, port, _ := net.SplitHostPort(address.String())
	both := client.Dialer{Resolver: resolver(t, func(nc net.Conn) { answerDNS(nc, "::1", "127.0.0.1") })}

	conn := dial(t, both, parse(t, "lab.test:"+port))
	if got := conn.RemoteAddr().String(); got != address.String() {
		t.Errorf("reached %s, want %s", got, address)
	}
	_, closed, _ := net.SplitHostPort(closedPort(t).String())
	_, err := both.Dial(t.Context(), parse(t, "lab.test:"+closed))
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Kind != client.Refused {
		t.Fatalf("got %v, want refused", err)
	}
	if !strings.Contains(e.Error(), "(connect to ") {
		t.Errorf("%q does not say where to", e)
	}
}

// The next address is tried when the one before has had its head start, and nobody is left behind.
func TestRace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		tried := make(map[string]time.Duration)
		hanging := "[2001:db8::1]:1"
		refused := errors.New("refused")
		dial := func(ctx context.Context, _, address string) (net.Conn, error) {
			mu.Lock()
			tried[address] = time.Since(began)
			mu.Unlock()
			switch address {
			case hanging:
				<-ctx.Done()
				return nil, ctx.Err()
			case "10.0.0.1:1":
				return nil, refused
			}
			return &tape{}, nil
		}
		peers := []netip.AddrPort{netip.MustParseAddrPort(hanging), netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:1")}
		nc, peer, err := client.Race(t.Context(), dial, peers)
		if err != nil || nc == nil || peer != peers[2] {
			t.Errorf("got %v, %v", peer, err)
		}
		want := map[string]time.Duration{hanging: 0, "10.0.0.1:1": 250 * time.Millisecond, "10.0.0.2:1": 250 * time.Millisecond}
		if diff := cmp.Diff(want, tried); diff != "" {
			t.Errorf("tried (-want +got):\n%s", diff)
		}
		// Where all fail, it is as late as the latest.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err = client.Race(ctx, dial, peers[:2])
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != 1250*time.Millisecond {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestAlternate(t *testing.T) {
	t.Parallel()
	addrs := func(s string) (ips []netip.Addr) {
		for word := range strings.FieldsSeq(s) {
			ips = append(ips, netip.MustParseAddr(word))
		}
		return ips
	}
	for _, tt := range []struct{ ips, want string }{
		{"::1 ::2 ::3 10.0.0.1 10.0.0.2", "::1 10.0.0.1 ::2 10.0.0.2 ::3"},
		{"10.0.0.1 ::1 ::2", "10.0.0.1 ::1 ::2"},
		{"::ffff:10.0.0.1", "10.0.0.1"},
	} {
		if diff := cmp.Diff(addrs(tt.want), client.Alternate(addrs(tt.ips)), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.ips, diff)
		}
	}
}

// resolver asks a name server that f is, which is there until the test ends; nil: one that knows no name.
func resolver(t testing.TB, f func(net.Conn)) *net.Resolver {
	t.Helper()
	if f == nil {
		f = func(nc net.Conn) { answerDNS(nc) }
	}
	var (
		mu    sync.Mutex
		over  bool
		conns []net.Conn
	)
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
		for _, nc := range conns {
			nc.Close()
		}
	})
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return nil, net.ErrClosed
		}
		ours, theirs := net.Pipe()
		conns = append(conns, theirs)
		go f(theirs) // ends with the connection
		return ours, nil
	}}
}

// answerDNS answers one question for A or AAAA; without addresses, that there is no such name. As there is a stream between the two,
// each message has its length in front (RFC 1035, 4.2.2).
func answerDNS(nc net.Conn, addrs ...string) {
	var length [2]byte
	if _, err := io.ReadFull(nc, length[:]); err != nil {
		return
	}
	question := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(nc, question); err != nil {
		return
	}
	const header = 12
	end := header
	for question[end] != 0 {
		end += 1 + int(question[end])
	}
	end += 5
	answer := append([]byte(nil), question[:end]...)
	kind := binary.BigEndian.Uint16(question[end-4:])
	count := 0
	for _, addr := range addrs {
		ip := netip.MustParseAddr(addr)
		if ip.Is4() != (kind == 1) {
			continue
		}
		count++
		answer = append(answer, 0xc0, header, byte(kind>>8), byte(kind), 0, 1, 0, 0, 0, 60, 0, byte(ip.BitLen()/8))
		answer = append(answer, ip.AsSlice()...)
	}
	answer[2], answer[3] = 0x81, 0x80 // a recursive answer
	if len(addrs) == 0 {
		answer[3] |= 3 // NXDOMAIN
	}
	binary.BigEndian.PutUint16(answer[6:], uint16(count))
	binary.BigEndian.PutUint32(answer[8:], 0) // no further sections
	_, _ = nc.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
}
