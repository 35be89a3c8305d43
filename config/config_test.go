package config_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/zap/zapcore"

	"parley/config"
)

// catalog is like the one that cmd makes, with a handler of each kind: any wire,
// some wires, one wire, and one that checks its options.
var catalog = config.Catalog{
	Handlers: map[string]config.Handler{
		"echo":     {Options: []string{"prefix", "once"}},
		"happy":    {Options: []string{"message", "once"}},
		"register": {Wires: []string{"json", "text"}},
		"chargen":  {Wires: []string{"raw"}},
		"counting": {Options: []string{"limit"}, Check: checkLimit},
	},
	Wires: map[string]config.Wire{
		"text": {GreetingDefault: true},
		"json": {GreetingDefault: true},
		"raw":  {},
	},
}

func checkLimit(options map[string][]string) (err error) {
	for _, limit := range options["limit"] {
		if _, atoiErr := strconv.Atoi(limit); atoiErr != nil {
			err = errors.Join(err, fmt.Errorf("limit=%q: a whole number is needed", limit))
		}
	}
	return err
}

// comparePrefixes lets cmp compare what has unexported fields by its own means.
var comparePrefixes = cmpopts.EquateComparable(netip.Prefix{})

// defaultLimits is what the table of design.md says.
var defaultLimits = config.Limits{
	MaxConns:         10000,
	MaxMessage:       8 << 10,
	HandshakeTimeout: 10 * time.Second,
	MessageTimeout:   30 * time.Second,
	IdleTimeout:      5 * time.Minute,
	WriteTimeout:     20 * time.Second,
	SendBuffer:       64 << 10,
}

func TestLoadDefaults(t *testing.T) {
	t.Parallel()
	// All but PATH are set to nothing, which is as good as not set.
	environ := []string{"PATH=/bin", "PARLEY_LISTEN=", "PARLEY_ALLOW=", "PARLEY_LOG_LEVEL=  ", "PARLEY_IDLE_TIMEOUT="}
	cfg, listeners, warnings, err := config.Load(environ, nil, catalog)
	if err != nil || warnings != nil {
		t.Fatalf("Load: warnings %q, error %v; want neither", warnings, err)
	}
	if host, _ := os.Hostname(); cfg.Name != host && host != "" {
		t.Errorf("Name = %q, want the host's name, %q", cfg.Name, host)
	}
	want := config.Config{
		Listen:       "echo://:12000",
		Name:         cfg.Name,
		Admin:        "127.0.0.1:12001",
		RosterClosed: 256,
		LogFormat:    config.LogAuto,
		Transport:    config.TransportAuto,
		LogLevel:     zapcore.InfoLevel,
		LogRate:      10,
		Limits:       defaultLimits,
		DrainTimeout: 8 * time.Second,
	}
	if diff := cmp.Diff(want, cfg, comparePrefixes); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	wantListeners := []config.Listener{{
		Label:     "echo://:12000",
		Handler:   "echo",
		Network:   "tcp",
		FirstPort: 12000,
		LastPort:  12000,
		Wire:      "text",
		Greeting:  true,
		Flush:     200 * time.Millisecond,
		Faults:    config.Faults{FaultP: 1},
		Limits:    defaultLimits,
	}}
	if diff := cmp.Diff(wantListeners, listeners, comparePrefixes); diff != "" {
		t.Errorf("listeners (-want +got):\n%s", diff)
	}
}

func TestLoadValues(t *testing.T) {
	t.Parallel()
	got, _, warnings, err := config.Load([]string{
		"PARLEY_LISTEN=happy://:1",
		"PARLEY_NAME=pod-x",
		"PARLEY_ADMIN=[::1]:9000",
		"PARLEY_ADMIN_PPROF=on",
		"PARLEY_ADMIN_HOSTS=parley.example.org, *",
		"PARLEY_ADMIN_WEB_CONFIG=/etc/parley/web.yml",
		"PARLEY_ROSTER_CLOSED=0",
		"PARLEY_LOG_FORMAT=JSON",
		"PARLEY_LOG_LEVEL=WARN",
		"PARLEY_LOG_MESSAGES=1",
		"PARLEY_LOG_RATE=7",
		"PARLEY_TRANSPORT=Portable",
		"PARLEY_MAX_CONNS=3000000",
		"PARLEY_MAX_CONNS_PER_IP=7",
		"PARLEY_ACCEPT_RATE=0.5",
		"PARLEY_ALLOW=10.0.0.0/8, 2001:db8::1",
		"PARLEY_DENY=10.1.0.0/16 ",
		"PARLEY_MAX_MESSAGE=1GiB",
		"PARLEY_HANDSHAKE_TIMEOUT=5s",
		"PARLEY_MESSAGE_TIMEOUT=1m30s",
		"PARLEY_IDLE_TIMEOUT=0",
		"PARLEY_WRITE_TIMEOUT=250ms",
		"PARLEY_SEND_BUFFER=96KiB",
		"PARLEY_RECEIVE_BUFFER=64KiB",
		"PARLEY_PROXY_PROTOCOL=on",
		"PARLEY_PROXY_TRUSTED=10.0.0.0/8",
		"PARLEY_TLS_CERT=/etc/parley/tls.crt",
		"PARLEY_TLS_KEY=/etc/parley/tls.key",
		"PARLEY_TLS_CLIENT_CA=/etc/parley/ca.crt",
		"PARLEY_DRAIN_DELAY=3s\r",
		"PARLEY_DRAIN_TIMEOUT=0s",
	}, nil, catalog)
	if err != nil || warnings != nil {
		t.Fatalf("Load: warnings %q, error %v; want neither", warnings, err)
	}
	want := config.Config{
		Listen:     "happy://:1",
		Name:       "pod-x",
		Admin:      "[::1]:9000",
		AdminPprof: true,

		AdminHosts:     config.Hosts{"parley.example.org", "*"},
		AdminWebConfig: "/etc/parley/web.yml",
		LogFormat:      config.LogJSON,
		LogLevel:       zapcore.WarnLevel,
		LogMessages:    true,
		LogRate:        7,
		Transport:      config.TransportPortable,
		Limits: config.Limits{
			MaxConns:         3000000,
			MaxConnsPerIP:    7,
			AcceptRate:       0.5,
			Allow:            config.Prefixes{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")},
			Deny:             config.Prefixes{netip.MustParsePrefix("10.1.0.0/16")},
			MaxMessage:       1 << 30,
			HandshakeTimeout: 5 * time.Second,
			MessageTimeout:   90 * time.Second,
			WriteTimeout:     250 * time.Millisecond,
			SendBuffer:       96 << 10,
			ReceiveBuffer:    64 << 10,
		},
		Handshake: config.Handshake{
			ProxyProtocol: true,
			ProxyTrusted:  config.Prefixes{netip.MustParsePrefix("10.0.0.0/8")},
			TLSCert:       "/etc/parley/tls.crt",
			TLSKey:        "/etc/parley/tls.key",
			TLSClientCA:   "/etc/parley/ca.crt",
		},
		DrainDelay: 3 * time.Second,
	}
	if diff := cmp.Diff(want, got, comparePrefixes); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestLoadAdminOff(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", " ", "off", "OFF"} {
		cfg, _, _, err := config.Load([]string{"PARLEY_ADMIN=" + value}, nil, catalog)
		if err != nil || cfg.Admin != "" {
			t.Errorf("PARLEY_ADMIN=%q: Admin = %q, %v; want none", value, cfg.Admin, err)
		}
	}
}

// TestLoadVariableFaults has a line for each way in which a value can be wrong.
func TestLoadVariableFaults(t *testing.T) {
	t.Parallel()
	tests := []struct{ set, want string }{
		{"PARLEY_NAME=two words", `PARLEY_NAME="two words": a name is up to 253 printable ASCII characters without spaces`},
		{"PARLEY_NAME=a\nb", `PARLEY_NAME="a\nb": a name is up to 253 printable ASCII characters without spaces`},
		{"PARLEY_NAME=größe", `PARLEY_NAME="größe": a name is up to 253 printable ASCII characters without spaces`},

		{"PARLEY_ADMIN=12001", `PARLEY_ADMIN="12001": "12001" has no port, as in :12000, localhost:12000 or [::1]:12000`},
		{"PARLEY_ADMIN=:http", `PARLEY_ADMIN=":http": "http" is not a port: a number from 1 to 65535, 0 for any free one, or a range as in 9000-9009`},
		{"PARLEY_ADMIN=:9000-9009", `PARLEY_ADMIN=":9000-9009": the admin side has one port, not a range`},

		{"PARLEY_ADMIN_PPROF=si", `PARLEY_ADMIN_PPROF="si": a boolean is true or false (or on, off, yes, no, 1, 0)`},
		{"PARLEY_ADMIN_HOSTS=https://x", `PARLEY_ADMIN_HOSTS="https://x": "https://x" is no host name: without scheme and port, as in parley.example.org`},
		{"PARLEY_ADMIN_HOSTS=x:80", `PARLEY_ADMIN_HOSTS="x:80": "x:80" is no host name: without scheme and port, as in parley.example.org`},
		{"PARLEY_ADMIN_HOSTS=, ,", `PARLEY_ADMIN_HOSTS=", ,": the list names no host: leave it empty, or name some as in parley.example.org,lab.example.org`},
		{"PARLEY_ROSTER_CLOSED=10001", `PARLEY_ROSTER_CLOSED="10001": at most 10000 are kept`},
		{"PARLEY_PROXY_PROTOCOL=v2", `PARLEY_PROXY_PROTOCOL="v2": a boolean is true or false (or on, off, yes, no, 1, 0)`},
		{"PARLEY_PROXY_TRUSTED=lb", `PARLEY_PROXY_TRUSTED="lb": "lb" is neither an address nor a prefix, as in 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32`},
		{"PARLEY_LOG_FORMAT=jsn", `PARLEY_LOG_FORMAT="jsn": unknown format "jsn" (did you mean "json"?); valid: auto, console, json`},
		{"PARLEY_LOG_LEVEL=loud", `PARLEY_LOG_LEVEL="loud": a level is debug, info, warn or error`},

		{"PARLEY_MAX_CONNS=-1", `PARLEY_MAX_CONNS="-1": a whole number from 0 to 1073741824 is needed`},
		{"PARLEY_MAX_CONNS=10k", `PARLEY_MAX_CONNS="10k": a whole number from 0 to 1073741824 is needed`},
		{"PARLEY_MAX_CONNS=1.5", `PARLEY_MAX_CONNS="1.5": a whole number from 0 to 1073741824 is needed`},
		{"PARLEY_MAX_CONNS_PER_IP=9999999999", `PARLEY_MAX_CONNS_PER_IP="9999999999": a whole number from 0 to 1073741824 is needed`},

		{"PARLEY_ACCEPT_RATE=-0.1", `PARLEY_ACCEPT_RATE="-0.1": a rate is a number per second: 0, or from 0.001 to 1000000`},
		{"PARLEY_ACCEPT_RATE=1e-9", `PARLEY_ACCEPT_RATE="1e-9": a rate is a number per second: 0, or from 0.001 to 1000000`},
		{"PARLEY_ACCEPT_RATE=NaN", `PARLEY_ACCEPT_RATE="NaN": a rate is a number per second: 0, or from 0.001 to 1000000`},
		{"PARLEY_ACCEPT_RATE=Inf", `PARLEY_ACCEPT_RATE="Inf": a rate is a number per second: 0, or from 0.001 to 1000000`},
		{"PARLEY_ACCEPT_RATE=5/s", `PARLEY_ACCEPT_RATE="5/s": a rate is a number per second: 0, or from 0.001 to 1000000`},

		{"PARLEY_ALLOW=,", `PARLEY_ALLOW=",": the list names no network: leave it empty, or name some as in 10.0.0.0/8,2001:db8::/32`},
		{"PARLEY_DENY=10.0.0.0/33", `PARLEY_DENY="10.0.0.0/33": "10.0.0.0/33" is neither an address nor a prefix, as in 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32`},

		{"PARLEY_MAX_MESSAGE=8k", `PARLEY_MAX_MESSAGE="8k": a size is a whole number and a unit (B, KiB, MiB, GiB, or KB, MB, GB for powers of 1000), as in 8KiB`},
		{"PARLEY_MAX_MESSAGE=0", `PARLEY_MAX_MESSAGE="0": a message is held in memory whole: from 1B to 1GiB`},
		{"PARLEY_MAX_MESSAGE=2GiB", `PARLEY_MAX_MESSAGE="2GiB": a message is held in memory whole: from 1B to 1GiB`},

		{"PARLEY_IDLE_TIMEOUT=5", `PARLEY_IDLE_TIMEOUT="5": a duration needs a unit, as in 5s or 5m`},
		{"PARLEY_IDLE_TIMEOUT=1.5", `PARLEY_IDLE_TIMEOUT="1.5": a duration needs a unit, as in 5s or 5m`},
		{"PARLEY_IDLE_TIMEOUT=1d", `PARLEY_IDLE_TIMEOUT="1d": a duration is a number and a unit (ms, s, m, h), as in 200ms, 5s or 1m30s`},
		{"PARLEY_IDLE_TIMEOUT=5 s", `PARLEY_IDLE_TIMEOUT="5 s": a duration is a number and a unit (ms, s, m, h), as in 200ms, 5s or 1m30s`},
		{"PARLEY_SEND_BUFFER=2GiB", `PARLEY_SEND_BUFFER="2GiB": a buffer is at most 1GiB, and the kernel may allow less`},
		{"PARLEY_RECEIVE_BUFFER=2GiB", `PARLEY_RECEIVE_BUFFER="2GiB": a buffer is at most 1GiB, and the kernel may allow less`},
		{"PARLEY_LOG_RATE=-1", `PARLEY_LOG_RATE="-1": a whole number from 0 to 1073741824 is needed`},
		{"PARLEY_WRITE_TIMEOUT=-5s", `PARLEY_WRITE_TIMEOUT="-5s": a duration cannot be negative`},
		{"PARLEY_DRAIN_DELAY=10000h", `PARLEY_DRAIN_DELAY="10000h": a duration is at most 8760h, a year`},
		{"PARLEY_DRAIN_DELAY=99999999999h", `PARLEY_DRAIN_DELAY="99999999999h": a duration is a number and a unit (ms, s, m, h), as in 200ms, 5s or 1m30s`},
	}
	for _, test := range tests {
		_, _, _, err := config.Load([]string{test.set}, nil, catalog)
		if err == nil || err.Error() != test.want {
			t.Errorf("%q:\n got %v\nwant %s", test.set, err, test.want)
		}
	}
}

// TestLoadReportsAllFaults shows that who has several things wrong learns of them
// in one start, and that a listener does not repeat the faults of variables.
func TestLoadReportsAllFaults(t *testing.T) {
	t.Parallel()
	environ := []string{
		"PARLEY_DRAIN_TIMEOUT=soon",
		"PARLEY_IDLE_TIMEOUT=5",
		"PARLEY_LISTEN=ehco://:1, echo://:2?idle_timeout=6&perfix=x, happy://localhost",
		"PARLEY_MAX_MESSAGE=0",
	}
	cfg, listeners, _, err := config.Load(environ, nil, catalog)
	want := strings.TrimSpace(`
PARLEY_MAX_MESSAGE="0": a message is held in memory whole: from 1B to 1GiB
PARLEY_IDLE_TIMEOUT="5": a duration needs a unit, as in 5s or 5m
PARLEY_DRAIN_TIMEOUT="soon": a duration is a number and a unit (ms, s, m, h), as in 200ms, 5s or 1m30s
PARLEY_LISTEN: ehco://:1: unknown handler "ehco" (did you mean "echo"?); valid: chargen, counting, echo, happy, register
PARLEY_LISTEN: echo://:2?idle_timeout=6&perfix=x: unknown key "perfix" for echo (did you mean "prefix"?); valid: prefix, once, wire, greeting, flush, fd, delay, jitter, rate, chop, stall, corrupt, half_close_after, reset_after, close_after, fault_p, seed, max_conns, max_conns_per_ip, accept_rate, allow, deny, max_message, handshake_timeout, message_timeout, idle_timeout, write_timeout, max_lifetime, send_buffer, receive_buffer, proxy_protocol, proxy_trusted, tls_cert, tls_key, tls_client_ca
PARLEY_LISTEN: echo://:2?idle_timeout=6&perfix=x: idle_timeout="6": a duration needs a unit, as in 5s or 5m
PARLEY_LISTEN: happy://localhost: "localhost" has no port, as in :12000, localhost:12000 or [::1]:12000
`)
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	var faults config.Errors
	if !errors.As(err, &faults) || len(faults.Unwrap()) != 7 {
		t.Errorf("error of type %T with %d faults, want Errors with 7", err, len(faults))
	}
	if diff := cmp.Diff(config.Config{}, cfg); diff != "" || listeners != nil {
		t.Errorf("with an error, configuration and listeners %v are not zero:\n%s", listeners, diff)
	}
}
