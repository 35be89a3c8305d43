package protocol_test

import (
	"bytes"
	"errors"
	"testing"

	"parley/protocol"
)

func TestParseGreeting(t *testing.T) {
	t.Parallel()
	full := protocol.Greeting{
		ClientID: 17, You: "203.0.113.9:51544", Me: "10.2.1.4:12000", Name: "pod-x", Handler: "echo",
	}
	secure := protocol.Greeting{
		ClientID: 17, You: "203.0.113.9:51544", Handler: "echo",
		Via: "10.2.1.1:40000", TLS: "1.3", SNI: "lab.example.org", ALPN: "parley", ClientCN: "ada", Fault: "delay:200ms+corrupt:1%",
	}
	tests := []struct {
		line string
		want protocol.Greeting
		err  string
	}{
		{line: "HELLO clientid=17 you=203.0.113.9:51544 me=10.2.1.4:12000 name=pod-x handler=echo", want: full},
		{line: "HELLO handler=echo name=pod-x me=10.2.1.4:12000 you=203.0.113.9:51544 clientid=17", want: full},
		{line: "HELLO clientid=0", want: protocol.Greeting{}},
		{line: "HELLO clientid=18446744073709551615", want: protocol.Greeting{ClientID: 1<<64 - 1}},
		{line: "HELLO  clientid=1   name=x ", want: protocol.Greeting{ClientID: 1, Name: "x"}},
		{
			line: "HELLO clientid=17 you=203.0.113.9:51544 handler=echo via=10.2.1.1:40000 tls=1.3 sni=lab.example.org alpn=parley client_cn=ada fault=delay:200ms+corrupt:1%",
			want: secure,
		},
		{
			line: "HELLO fault=delay:200ms+corrupt:1% client_cn=ada alpn=parley sni=lab.example.org tls=1.3 via=10.2.1.1:40000 handler=echo you=203.0.113.9:51544 clientid=17",
			want: secure,
		},
		{line: "HELLO via=[2001:db8::1]:9 clientid=1 tls sni=a=b", want: protocol.Greeting{ClientID: 1, Via: "[2001:db8::1]:9", SNI: "a=b"}},
		{line: "HELLO since=now clientid=1 compressed VIA=x tls2=1.3 =", want: protocol.Greeting{ClientID: 1}},
		{line: "HELLO clientid=1 name=a=b handler=", want: protocol.Greeting{ClientID: 1, Name: "a=b"}},

		{line: "", err: `no greeting: it does not begin with "HELLO "`},
		{line: "HELLO", err: `no greeting: it does not begin with "HELLO "`},
		{line: "hello clientid=1", err: `no greeting: it does not begin with "HELLO "`},
		{line: "HELLO. I am the Happy Server :-)", err: `no greeting: it does not begin with "HELLO "`},
		{line: "HELLO world", err: `no greeting: it names no clientid`},
		{line: "HELLO clientid", err: `no greeting: clientid="" is no number`},
		{line: "HELLO clientid=-1", err: `no greeting: clientid="-1" is no number`},
		{line: "HELLO clientid=18446744073709551616", err: `no greeting: clientid="18446744073709551616" is no number`},
		{
			line: "HELLO clientid=0123456789012345678901234567890123456789",
			err:  `no greeting: clientid="012345678901234567890123456789" is no number`,
		},
		// What is read is shown, so it has to be harmless; and what Unicode calls a space must not end a word.
		{line: "HELLO clientid=1 name=\x1b[31mred", err: `no greeting: it is not printable ASCII`},
		{line: "HELLO clientid=1\tname=x", err: `no greeting: it is not printable ASCII`},
		{line: "HELLO clientid=1 name=a\u00a0handler=b", err: `no greeting: it is not printable ASCII`},
		{line: "HELLO clientid=1 name=a\x7f", err: `no greeting: it is not printable ASCII`},
		{line: "HELLO clientid=1\n", err: `no greeting: it is not printable ASCII`},
	}
	for _, tt := range tests {
		got, err := protocol.ParseGreeting([]byte(tt.line))
		if got != tt.want {
			t.Errorf("%q: got %+v, want %+v", tt.line, got, tt.want)
		}
		switch {
		case tt.err == "" && err != nil:
			t.Errorf("%q: %v", tt.line, err)
		case tt.err != "" && (err == nil || err.Error() != tt.err || !errors.Is(err, protocol.ErrNoGreeting)):
			t.Errorf("%q: error %v, want %s", tt.line, err, tt.err)
		}
	}
}

// TestAppendGreeting_oddValues: whatever a host or a socket's path is called, the greeting stays one line, and its words stay apart.
func TestAppendGreeting_oddValues(t *testing.T) {
	t.Parallel()
	g := protocol.Greeting{ClientID: 1, You: "unix", Me: "/run/my socket\n", Name: "büro", Handler: "a=b\x7f\xff"}
	const want = "HELLO clientid=1 you=unix me=/run/my_socket_ name=b__ro handler=a=b__\n"
	if got := (protocol.Text{}).AppendGreeting(nil, g); string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestGreeting_keysThatApply: what says more of a connection comes behind the handler, in one order, on every wire, and is
// read again on each; and where it does not apply, nothing of it is written.
func TestGreeting_keysThatApply(t *testing.T) {
	t.Parallel()
	g := protocol.Greeting{
		ClientID: 17, You: "203.0.113.9:51544", Me: "10.2.1.4:12000", Name: "pod-x", Handler: "echo",
		Via: "10.2.1.1:40000", TLS: "1.3", SNI: "lab.example.org", ALPN: "parley", ClientCN: "Ada Lovelace", Fault: "delay:200ms+corrupt:1%",
	}
	const (
		line = "HELLO clientid=17 you=203.0.113.9:51544 me=10.2.1.4:12000 name=pod-x handler=echo" +
			" via=10.2.1.1:40000 tls=1.3 sni=lab.example.org alpn=parley client_cn=Ada_Lovelace fault=delay:200ms+corrupt:1%\n"
		object = `{"clientid":17,"you":"203.0.113.9:51544","me":"10.2.1.4:12000","name":"pod-x","handler":"echo",` +
			`"via":"10.2.1.1:40000","tls":"1.3","sni":"lab.example.org","alpn":"parley","client_cn":"Ada_Lovelace","fault":"delay:200ms+corrupt:1%"}` + "\n"
		// As Text shows it, which sorts the keys.
		dict = `{'alpn': 'parley', 'client_cn': 'Ada_Lovelace', 'clientid': 17, 'fault': 'delay:200ms+corrupt:1%', 'handler': 'echo', 'me': '10.2.1.4:12000', ` +
			`'name': 'pod-x', 'sni': 'lab.example.org', 'tls': '1.3', 'via': '10.2.1.1:40000', 'you': '203.0.113.9:51544'}`
	)
	keys := []string{"via", "tls", "sni", "alpn", "client_cn", "fault"}
	for name, want := range map[string]string{
		protocol.TextName: line, protocol.RawName: line, protocol.JSONName: object, protocol.PickleName: dict,
	} {
		w := protocol.Wires[name]
		written := w.AppendGreeting(nil, g)
		shown := string(written)
		if name == protocol.PickleName {
			shown = w.Text(written)
		}
		if shown != want {
			t.Errorf("%s: got  %s\nwant %s", name, shown, want)
		}
		readAs := g
		readAs.ClientCN = "Ada_Lovelace"
		if got, err := w.ParseGreeting(trimNewline(written)); got != readAs || err != nil {
			t.Errorf("%s: read %+v, %v", name, got, err)
		}
		plain := w.AppendGreeting(nil, protocol.Greeting{ClientID: 17, Handler: "echo"})
		for _, key := range keys {
			if bytes.Contains(plain, []byte(key)) {
				t.Errorf("%s: %s in %q", name, key, plain)
			}
		}
	}
}

func trimNewline(line []byte) []byte { return bytes.TrimSuffix(line, []byte("\n")) }
