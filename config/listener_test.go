package config_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"parley/config"
)

// environ switches the admin side off, so that a test may use its port.
var environ = []string{"PARLEY_NAME=test", "PARLEY_ADMIN=off"}

func TestListenerAddresses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		url       string
		addresses string
		text      string // if it differs from the URL
	}{
		{"echo://:12000", "tcp :12000", ""},
		{"echo://:0", "tcp :0", ""},
		{"echo://:0080", "tcp :80", "echo://:80"},
		{"echo://0.0.0.0:80", "tcp 0.0.0.0:80", ""},
		{"echo://127.0.0.1:65535", "tcp 127.0.0.1:65535", ""},
		{"echo://localhost:12000", "tcp localhost:12000", ""},
		{"echo://my_host-1.example.:1", "tcp my_host-1.example.:1", ""},
		{"echo://[::]:80", "tcp [::]:80", ""},
		{"echo://[fe80::1%eth0.5]:80", "tcp [fe80::1%eth0.5]:80", ""},
		{"echo://:9000-9002", "tcp :9000 :9001 :9002", ""},
		{"echo://[::1]:9000-9001", "tcp [::1]:9000 [::1]:9001", ""},
		{"echo://:9000-9000", "tcp :9000", "echo://:9000"},
		{"echo+tls://[::1]:7443", "tcp [::1]:7443", ""},
		{"echo+tls://:9000-9001", "tcp :9000 :9001", ""},
		{"echo+unix:///run/parley.sock", "unix /run/parley.sock", ""},
		{"echo+unix://run/parley.sock", "unix run/parley.sock", ""},
		{"echo+unix://@parley", "unix @parley", ""},
		{"echo+unix://@a:1", "unix @a:1", ""},
		{"echo+unix://./:1", "unix ./:1", ""},
		{"echo+unix:///a%20b%2Cc%3Fd%25e%C3%A9", "unix /a b,c?d%eé", ""},
		{"echo+unix:///a:1#b", "unix /a:1#b", "echo+unix:///a:1%23b"},
	}
	for _, test := range tests {
		_, listeners, _, err := config.Load(environ, []string{test.url}, catalog)
		if err != nil {
			t.Errorf("%s: %v", test.url, err)
			continue
		}
		l := listeners[0]
		if got := l.Network + " " + strings.Join(l.Addresses(), " "); got != test.addresses {
			t.Errorf("%s listens on %s, want %s", test.url, got, test.addresses)
		}
		if test.text == "" {
			test.text = test.url
		}
		if l.String() != test.text || l.Label != test.text {
			t.Errorf("%s: String %s, Label %s; want %s", test.url, l, l.Label, test.text)
		}
	}
	// The longest range is as long as the text of its error says.
	_, listeners, _, err := config.Load(environ, []string{"echo://:64536-65535"}, catalog)
	if err != nil || len(listeners[0].Addresses()) != 1000 {
		t.Errorf("a range of 1000 ports up to the last: %v", err)
	}
}

func TestListenerKeys(t *testing.T) {
	t.Parallel()
	vars := append([]string{"PARLEY_IDLE_TIMEOUT=1h", "PARLEY_WRITE_TIMEOUT=1s", "PARLEY_DENY=10.9.0.0/16", "PARLEY_ALLOW=10.0.0.0/8"}, environ...)
	const written = "echo://:1?prefix=a&prefix=&once=false&wire=raw&flush=0&max_conns=5&idle_timeout=0" +
		"&deny=&allow=192.0.2.0%2F24&allow=192.0.2.7&max_message=1KiB"
	_, listeners, _, err := config.Load(vars, []string{written}, catalog)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Listener{
		Label:     "echo://:1",
		Handler:   "echo",
		Network:   "tcp",
		FirstPort: 1,
		LastPort:  1,
		Wire:      "raw",
		Faults:    config.Faults{FaultP: 1},
		Options:   map[string][]string{"prefix": {"a", ""}, "once": {"false"}},
		Limits: config.Limits{
			MaxConns:         5,
			Allow:            config.Prefixes{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.0.2.7/32")},
			MaxMessage:       1024,
			HandshakeTimeout: 10 * time.Second,
			MessageTimeout:   30 * time.Second,
			WriteTimeout:     time.Second,
			SendBuffer:       64 << 10,
		},
		Own: map[string]string{
			"wire": "raw", "flush": "0", "max_conns": "5", "idle_timeout": "0", "deny": "",
			"allow": "192.0.2.0/24,192.0.2.7", "max_message": "1KiB",
		},
	}
	if diff := cmp.Diff(want, listeners[0], comparePrefixes); diff != "" {
		t.Errorf("%s (-want +got):\n%s", written, diff)
	}
}

// TestListenerWire: the wire and the greeting depend on handler, wire and key.
func TestListenerWire(t *testing.T) {
	t.Parallel()
	tests := []struct{ url, want string }{
		{"echo://:1", "text greeting=true"},
		{"echo://:1?greeting=off", "text greeting=false"},
		{"echo://:1?wire=json", "json greeting=true"},
		{"echo://:1?wire=raw", "raw greeting=false"},
		{"echo://:1?wire=raw&greeting=on", "raw greeting=true"},
		{"register://:1", "json greeting=true"},
		{"register://:1?wire=text&greeting=true", "text greeting=true"},
		{"chargen://:1", "raw greeting=false"},
	}
	for _, test := range tests {
		_, listeners, _, err := config.Load(environ, []string{test.url}, catalog)
		if err != nil {
			t.Errorf("%s: %v", test.url, err)
			continue
		}
		l := listeners[0]
		if got := fmt.Sprintf("%s greeting=%v", l.Wire, l.Greeting); got != test.want {
			t.Errorf("%s: %s, want %s", test.url, got, test.want)
		}
	}
}

func TestListenersSeparated(t *testing.T) {
	t.Parallel()
	const want = "echo://:0 happy://:2?once=false echo://:0 echo+unix://a"
	const labels = "echo://:0 happy://:2 echo://:0#2 echo+unix://a"
	for _, args := range [][]string{
		{"echo://:0,happy://:2?once=false,echo://:0,echo+unix://a"},
		{" echo://:0\thappy://:2?once=false,\n , ", "echo://:0,echo+unix://a", ""},
	} {
		_, listeners, _, err := config.Load(append(environ, "PARLEY_LISTEN=nonsense"), args, catalog)
		if err != nil {
			t.Errorf("%q: %v", args, err)
		}
		var got, gotLabels []string
		for _, l := range listeners {
			got = append(got, l.String())
			gotLabels = append(gotLabels, l.Label)
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%q: %s, want %s", args, got, want)
		}
		if got := strings.Join(gotLabels, " "); got != labels {
			t.Errorf("%q: labels %s, want %s", args, got, labels)
		}
	}
}

func TestListenerFaults(t *testing.T) {
	t.Parallel()
	const (
		form = ": a listener is HANDLER[+tls|+unix]://ADDRESS[?key=value&...], as in echo://:12000 (a comma in a value is written %2C)"
		keys = "wire, greeting, flush, fd, delay, jitter, rate, chop, stall, corrupt, half_close_after, reset_after, close_after, fault_p, seed, max_conns, max_conns_per_ip, accept_rate, allow, deny, max_message, handshake_timeout, message_timeout, idle_timeout, write_timeout, send_buffer, receive_buffer, proxy_protocol, proxy_trusted, tls_cert, tls_key, tls_client_ca"
		port = " is not a port: a number from 1 to 65535, 0 for any free one, or a range as in 9000-9009"
		host = " is not a host: a name or an address, or nothing for all addresses"
		ipv6 = " is not an IPv6 address in brackets, as in [::1] or [fe80::1%eth0]"
		sep  = " (keys are separated by &, and a sign such as ; or % is written %3B or %25)"
	)
	tests := []struct{ url, want string }{
		// The form, the handler and the suffix.
		{"", `"" names no listener, as in echo://:12000`},
		{" , ", `" , " names no listener, as in echo://:12000`},
		{":12000", `:12000` + form + `; did you mean echo://:12000?`},
		{"12000", `12000` + form + `; did you mean echo://:12000?`},
		{"localhost:12000", `localhost:12000` + form + `; did you mean echo://localhost:12000?`},
		{"echo://:1?prefix=a,b", "b" + form},
		{"ehco://:1", `ehco://:1: unknown handler "ehco" (did you mean "echo"?); valid: chargen, counting, echo, happy, register`},
		{"ECHO://:1", `ECHO://:1: unknown handler "ECHO" (did you mean "echo"?); valid: chargen, counting, echo, happy, register`},
		{"smtp://:1", `smtp://:1: unknown handler "smtp"; valid: chargen, counting, echo, happy, register`},
		{"://:1", `://:1: unknown handler ""; valid: chargen, counting, echo, happy, register`},
		{"echo+tsl://:1", `echo+tsl://:1: unknown suffix "+tsl" (did you mean "+tls"?); valid: +tls, +unix`},
		{"echo+unx:///a", `echo+unx:///a: unknown suffix "+unx" (did you mean "+unix"?); valid: +tls, +unix`},
		{"echo+tls+unix:///a", `echo+tls+unix:///a: unknown suffix "+tls+unix"; valid: +tls, +unix`},

		// What does not go together.
		{"echo://:1?proxy_protocol=on", `echo://:1?proxy_protocol=on: with proxy_protocol on, proxy_trusted names the proxies, as in 10.0.0.0/8: anybody else is shut out`},
		{"echo://:1?tls_cert=a&tls_key=b", "echo://:1?tls_cert=a&tls_key=b: tls_cert is for TLS, as in echo+tls://:12000\n" +
			"echo://:1?tls_cert=a&tls_key=b: tls_key is for TLS, as in echo+tls://:12000"},
		{"echo+tls://:1?tls_cert=a", `echo+tls://:1?tls_cert=a: tls_cert and tls_key (PARLEY_TLS_CERT, PARLEY_TLS_KEY) go together: name both, or neither for a self-signed certificate`},
		{"echo\x1b[2J\u202e\xff://:1", `echo\x1b[2J\u202e\ufffd://:1: unknown handler "echo\x1b[2J\u202e\xff"; valid: chargen, counting, echo, happy, register`},

		// The address.
		{"echo://", `echo://: "" has no port, as in :12000, localhost:12000 or [::1]:12000`},
		{"echo://12000", `echo://12000: "12000" has no port, as in :12000, localhost:12000 or [::1]:12000`},
		{"echo://[::1]", `echo://[::1]: "[::1]" has no port, as in :12000, localhost:12000 or [::1]:12000`},
		{"echo://:", `echo://:: ""` + port},
		{"echo://:http", `echo://:http: "http"` + port},
		{"echo://:65536", `echo://:65536: "65536"` + port},
		{"echo://:+1", `echo://:+1: "+1"` + port},
		{"echo://:-1", `echo://:-1: "-1"` + port},
		{"echo://:1-", `echo://:1-: "1-"` + port},
		{"echo://:1-2-3", `echo://:1-2-3: "1-2-3"` + port},
		{"echo://:1/", `echo://:1/: "1/"` + port},
		{"echo://:9-8", `echo://:9-8: the range 9-8 runs backwards: write 8-9`},
		{"echo://:0-9", `echo://:0-9: the range 0-9 begins at 0, which means any free port: begin at 1`},
		{"echo://:1-1001", `echo://:1-1001: the range 1-1001 has 1001 ports, and the most is 1000: each takes a descriptor and an accept loop`},
		{"echo://::1:80", `echo://::1:80: "::1": an IPv6 address stands in brackets, as in [::1]:12000`},
		{"echo://[::g]:80", `echo://[::g]:80: "[::g]"` + ipv6},
		{"echo://[127.0.0.1]:80", `echo://[127.0.0.1]:80: "[127.0.0.1]"` + ipv6},
		{"echo://[::1:80", `echo://[::1:80: "[::1"` + ipv6},
		{"echo://[fe80::1%a/b]:80", `echo://[fe80::1%a/b]:80: "[fe80::1%a/b]"` + ipv6},
		{"echo://256.0.0.1:80", `echo://256.0.0.1:80: "256.0.0.1" is not an IPv4 address, as in 127.0.0.1`},
		{"echo://127.1:80", `echo://127.1:80: "127.1" is not an IPv4 address, as in 127.0.0.1`},
		{"echo://*:80", `echo://*:80: "*"` + host},
		{"echo://me@home:80", `echo://me@home:80: "me@home"` + host},
		{"echo://größe:80", `echo://größe:80: "größe"` + host},
		{"echo+unix://", `echo+unix://: "" is not a path, as in /run/parley.sock, or @name for an abstract one`},
		{
			"echo+unix://:12000",
			`echo+unix://:12000: ":12000" is a host and a port, and a unix socket has a path, as in /run/parley.sock (./:12000 is one, too); did you mean echo://:12000?`,
		},
		{
			"echo+unix://localhost:9000-9009",
			`echo+unix://localhost:9000-9009: "localhost:9000-9009" is a host and a port, and a unix socket has a path, as in /run/parley.sock (./localhost:9000-9009 is one, too); did you mean echo://localhost:9000-9009?`,
		},
		{"echo+unix://@", `echo+unix://@: "@" is not a path, as in /run/parley.sock, or @name for an abstract one`},
		{"echo+unix:///%zz", `echo+unix:///%zz: invalid URL escape "%zz"`},
		{"echo+unix:///a%00b", `echo+unix:///a%00b: "/a\x00b" is not a path: it holds a zero byte`},
		{
			"echo+unix://" + strings.Repeat("x", 108),
			"echo+unix://" + strings.Repeat("x", 108) + ": the path has 108 bytes, and the kernel takes at most 107",
		},

		// The query.
		{"echo://:1?perfix=x", `echo://:1?perfix=x: unknown key "perfix" for echo (did you mean "prefix"?); valid: prefix, once, ` + keys},
		{"echo://:1?=x", `echo://:1?=x: unknown key "" for echo; valid: prefix, once, ` + keys},
		{"chargen://:1?prefix=x", `chargen://:1?prefix=x: unknown key "prefix" for chargen; valid: ` + keys},
		{"echo://:1?drain_timeout=1s", `echo://:1?drain_timeout=1s: drain_timeout is process-wide: set PARLEY_DRAIN_TIMEOUT`},
		{"echo://:1?admin=off", `echo://:1?admin=off: admin is process-wide: set PARLEY_ADMIN`},
		{"echo://:1?a=1;b=2", `echo://:1?a=1;b=2: the query "a=1;b=2": invalid semicolon separator in query` + sep},
		{"echo://:1?prefix=100%x", `echo://:1?prefix=100%x: the query "prefix=100%x": invalid URL escape "%x"` + sep},
		{"echo://:1?wire=raw&wire=raw", `echo://:1?wire=raw&wire=raw: wire is given 2 times: once is enough`},
		{"echo://:1?greeting", `echo://:1?greeting: greeting has no value`},
		{"echo://:1?greeting=maybe", `echo://:1?greeting=maybe: greeting="maybe": a boolean is true or false (or on, off, yes, no, 1, 0)`},
		{"echo://:1?fd=a:b", `echo://:1?fd=a:b: fd="a:b": the name of a socket is up to 255 printable ASCII characters without colons`},
		{"echo://:1?fd=a echo://:2?fd=a", `echo://:2?fd=a: its socket fd=a is also that of echo://:1`},
		{"echo://:1?flush=200", `echo://:1?flush=200: flush="200": a duration needs a unit, as in 5s or 5m`},
		{"echo://:1?max_conns=many", `echo://:1?max_conns=many: max_conns="many": a whole number from 0 to 1073741824 is needed`},
		{"echo://:1?max_message=0", `echo://:1?max_message=0: max_message="0": a message is held in memory whole: from 1B to 1GiB`},
		{"echo://:1?allow=10.0.0.1/8", `echo://:1?allow=10.0.0.1/8: allow="10.0.0.1/8": "10.0.0.1/8" has bits beyond its mask: write 10.0.0.0/8 for the network, or 10.0.0.1 for the one address`},
		{"echo://:1?wire=jsn", `echo://:1?wire=jsn: unknown wire "jsn" for echo (did you mean "json"?); valid: json, raw, text`},
		{"register://:1?wire=raw", `register://:1?wire=raw: register does not speak wire "raw"; valid: json, text`},
		{"counting://:1?limit=x", `counting://:1?limit=x: limit="x": a whole number is needed`},
		{
			"counting://:x?limit=%0A&limit=y&wires=raw",
			`counting://:x?limit=%0A&limit=y&wires=raw: "x"` + port + "\n" +
				`counting://:x?limit=%0A&limit=y&wires=raw: unknown key "wires" for counting (did you mean "wire"?); valid: limit, ` + keys + "\n" +
				`counting://:x?limit=%0A&limit=y&wires=raw: limit="\n": a whole number is needed` + "\n" +
				`counting://:x?limit=%0A&limit=y&wires=raw: limit="y": a whole number is needed`,
		},
	}
	for _, test := range tests {
		_, _, _, err := config.Load(environ, []string{test.url}, catalog)
		if err == nil || err.Error() != test.want {
			t.Errorf("%q:\n got %v\nwant %s", test.url, err, test.want)
		}
	}
}

// TestListenersClash: the kernel would say that the address is in use, and one
// would look for another program.
func TestListenersClash(t *testing.T) {
	t.Parallel()
	tests := []struct{ admin, listen, want string }{
		{"127.0.0.1:12001", "echo://:12000-12009", `PARLEY_LISTEN: echo://:12000-12009: its port 12001 is also that of PARLEY_ADMIN="127.0.0.1:12001"`},
		{"off", "echo://a:1 happy://A:1", `PARLEY_LISTEN: happy://A:1: its port 1 is also that of echo://a:1`},
		{"off", "echo://:5-9 happy://127.0.0.1:1-5", `PARLEY_LISTEN: happy://127.0.0.1:1-5: its port 5 is also that of echo://:5-9`},
		{"off", "echo+unix://a happy+unix://%61", `PARLEY_LISTEN: happy+unix://%61: its path is also that of echo+unix://a`},
		{":0", "echo://:0 echo://a:1 echo://:0 echo://b:1 echo://:2-3 echo://:4 echo+unix://a echo+unix://b", "<nil>"},
	}
	for _, test := range tests {
		_, _, _, err := config.Load([]string{"PARLEY_ADMIN=" + test.admin, "PARLEY_LISTEN=" + test.listen}, nil, catalog)
		if got := fmt.Sprint(err); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.listen, got, test.want)
		}
	}
}

// FuzzListeners checks that what is accepted is written so that it reads the
// same, and that what is not accepted is answered in lines that can be printed.
func FuzzListeners(f *testing.F) {
	for _, seed := range []string{
		"echo://:12000",
		"happy://localhost:8080?greeting=off&message=a+b%2C",
		"echo://[fe80::1%eth0]:9000-9009?wire=raw&max_conns=5&allow=10.0.0.0/8&allow=::1",
		"counting+unix:///run/parley.sock?limit=5, echo+unix://@abstract%20name echo://:0,echo://:0",
		"register://:1?idle_timeout=5&a;b", "echo+tls://x", "ehco://%:-1?\x00", "echo+unix://*,echo+unix://a%2Cb?once",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, first, _, err := config.Load(environ, []string{text}, catalog)
		if err != nil {
			checkLines(t, err)
			return
		}
		var written []string
		for _, l := range first {
			if len(l.Addresses()) == 0 || l.Wire == "" {
				t.Fatalf("%q: an incomplete listener: %+v", text, l)
			}
			written = append(written, l.String())
		}
		_, second, _, err := config.Load(environ, []string{strings.Join(written, " ")}, catalog)
		if err != nil {
			t.Fatalf("%q is written %q, read back with error %v", text, written, err)
		}
		if diff := cmp.Diff(first, second, comparePrefixes); diff != "" {
			t.Fatalf("%q is written %q, read back differently:\n%s", text, written, diff)
		}
	})
}

func checkLines(t *testing.T, err error) {
	var faults config.Errors
	if !errors.As(err, &faults) || len(faults) == 0 {
		t.Fatalf("an error of type %T: %v", err, err)
	}
	for _, fault := range faults {
		if line := fault.Error(); line == "" || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("not a line to print: %q", line)
		}
	}
}
