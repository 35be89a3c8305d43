package config_test

import (
	"fmt"
	"net/netip"
	"os"

	"parley/config"
)

func ExampleLoad() {
	environ := []string{"PARLEY_IDLE_TIMEOUT=1m", "PARLEY_LISTEN=echo://:12000, happy://localhost:8080-8081?idle_timeout=5s"}
	_, listeners, _, err := config.Load(environ, nil, catalog)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range listeners {
		fmt.Println(l.Handler, l.Network, l.Addresses(), l.IdleTimeout)
	}
	// Output:
	// echo tcp [:12000] 1m0s
	// happy tcp [localhost:8080 localhost:8081] 5s
}

// All faults are reported at once, a line each, together with the warnings.
func ExampleLoad_faults() {
	environ := []string{"PARLEY_IDLE_TIMEOUT=5", "PARLEY_LISTEN=ehco://:1", "PARLEY_MAXCONNS=7"}
	_, _, warnings, err := config.Load(environ, nil, catalog)
	fmt.Println(warnings)
	fmt.Println(err)
	// Output:
	// [PARLEY_MAXCONNS is not a variable of parley; did you mean PARLEY_MAX_CONNS?]
	// PARLEY_IDLE_TIMEOUT="5": a duration needs a unit, as in 5s or 5m
	// PARLEY_LISTEN: ehco://:1: unknown handler "ehco" (did you mean "echo"?); valid: chargen, counting, echo, happy, register
}

func ExampleListener_String() {
	_, listeners, _, _ := config.Load(nil, []string{"echo+unix:///run/parley.sock?wire=raw&prefix=a%2Cb"}, catalog)
	fmt.Println(listeners[0])
	fmt.Println(listeners[0].Label)
	// Output:
	// echo+unix:///run/parley.sock?prefix=a%2Cb&wire=raw
	// echo+unix:///run/parley.sock
}

func ExampleListener_Addresses() {
	_, listeners, _, _ := config.Load(nil, []string{"echo://[::1]:9000-9002"}, catalog)
	fmt.Println(listeners[0].Addresses())
	// Output: [[::1]:9000 [::1]:9001 [::1]:9002]
}

// Own tells a listener's own cap, which stands beside that of the process, from
// the one that it shares with all others.
func ExampleListener() {
	_, listeners, _, _ := config.Load(nil, []string{"echo://:1?max_conns=5", "echo://:2"}, catalog)
	for _, l := range listeners {
		_, own := l.Own["max_conns"]
		fmt.Println(l.Label, l.MaxConns, own)
	}
	// Output:
	// echo://:1 5 true
	// echo://:2 10000 false
}

func ExampleBytes() {
	var b config.Bytes
	for _, text := range []string{"8192", "8KB", "8K"} {
		err := b.UnmarshalText([]byte(text))
		fmt.Println(b, int64(b), err)
	}
	// Output:
	// 8KiB 8192 <nil>
	// 8KB 8000 <nil>
	// 8KB 8000 a size is a whole number and a unit (B, KiB, MiB, GiB, or KB, MB, GB for powers of 1000), as in 8KiB
}

func ExamplePrefixes() {
	var p config.Prefixes
	fmt.Println(p.UnmarshalText([]byte("10.1.2.3/8")))
	fmt.Println(p.UnmarshalText([]byte("10.0.0.0/8 2001:db8::1")), p)
	fmt.Println(p.Contains(netip.MustParseAddr("::ffff:10.1.2.3")))
	// Output:
	// "10.1.2.3/8" has bits beyond its mask: write 10.0.0.0/8 for the network, or 10.1.2.3 for the one address
	// <nil> 10.0.0.0/8,2001:db8::1/128
	// true
}

func ExampleVariables() {
	for _, v := range config.Variables()[:3] {
		fmt.Printf("%s=%s (%s)\n", v.Name, v.Default, v.Type)
	}
	// Output:
	// PARLEY_LISTEN=echo://:12000 (listeners)
	// PARLEY_NAME= (name)
	// PARLEY_ADMIN=127.0.0.1:12001 (host:port)
}

func ExampleWriteTable() {
	_ = config.WriteTable(os.Stdout)
	// Output:
	// VARIABLE                  TYPE                   DEFAULT          MEANING
	// PARLEY_LISTEN             listeners              echo://:12000    what to serve: HANDLER[+tls|+unix]://ADDRESS[?key=value&...], several separated by commas or spaces
	// PARLEY_NAME               name                   -                this server's name in the greeting, printable ASCII without spaces; empty: the host name (in Kubernetes the pod's)
	// PARLEY_ADMIN              host:port              127.0.0.1:12001  where the admin side (metrics, health, who is connected) is served; off or empty: nowhere
	// PARLEY_ADMIN_PPROF        boolean                false            whether the admin side serves /debug/pprof too
	// PARLEY_ADMIN_HOSTS        host list              -                names under which the admin side is asked for, beside this machine's, addresses and names that nobody else can have; *: whatever name
	// PARLEY_ADMIN_WEB_CONFIG   file                   -                a web config file of Prometheus's exporters, for TLS and basic auth on the admin side; empty: neither
	// PARLEY_ROSTER_CLOSED      integer                256              how many of the last connections that closed the admin side shows, up to 10000; 0: none
	// PARLEY_LOG_FORMAT         auto|console|json      auto             how log lines look; auto: console on a terminal, else json
	// PARLEY_LOG_LEVEL          debug|info|warn|error  info             the least severe log lines to write
	// PARLEY_LOG_MESSAGES       boolean                false            whether what clients send is logged, and the last message of each shown on the admin side
	// PARLEY_LOG_RATE           integer                10               log lines a second about connections that ended for the same fault, ten times as many at once, and one that counts the others; 0: no limit
	// PARLEY_TRANSPORT          auto|portable          auto             how TCP connections are carried; auto: the fastest way this system has, portable: the way of every system
	// PARLEY_MAX_CONNS          integer                10000            connections at a time; 0: as many as the process may open files
	// PARLEY_MAX_CONNS_PER_IP   integer                0                connections at a time from one IPv4 address or IPv6 /64; 0: no limit
	// PARLEY_ACCEPT_RATE        number                 0                connections accepted per second, the others wait in the kernel; 0: no limit
	// PARLEY_ALLOW              CIDR list              -                who may connect; empty: everyone
	// PARLEY_DENY               CIDR list              -                who may not connect, even if allowed; empty: nobody
	// PARLEY_MAX_MESSAGE        bytes                  8KiB             the longest message, 1B to 1GiB (the raw wire has none)
	// PARLEY_HANDSHAKE_TIMEOUT  duration               10s              how long PROXY header and TLS handshake may take together; 0: no limit
	// PARLEY_MESSAGE_TIMEOUT    duration               30s              how long a message may take from its first byte to its end; 0: no limit
	// PARLEY_IDLE_TIMEOUT       duration               5m               how long a client may be silent between messages; 0: no limit
	// PARLEY_WRITE_TIMEOUT      duration               20s              how long a write may make no progress; 0: no limit
	// PARLEY_MAX_LIFETIME       duration               0s               how long a connection may last, which ends after the message it is in; 0: no limit
	// PARLEY_SEND_BUFFER        bytes                  64KiB            what the kernel holds for a client that does not read, up to 1GiB; 0: as the kernel sees fit, on Linux some 4 MiB
	// PARLEY_RECEIVE_BUFFER     bytes                  0                what the kernel takes from a client before it is read, up to 1GiB; 0: as the kernel sees fit, on Linux up to some 6 MiB
	// PARLEY_PROXY_PROTOCOL     on|off                 off              whether a connection begins with a PROXY header, version 1 or 2, that names the client
	// PARLEY_PROXY_TRUSTED      CIDR list              -                the proxies whose header is believed, all others are shut out; empty: nobody but who connects to a unix socket
	// PARLEY_TLS_CERT           file                   -                PEM certificate and those it was signed by, for +tls, read again when it changes; empty: one made at the start, self-signed
	// PARLEY_TLS_KEY            file                   -                PEM private key of PARLEY_TLS_CERT
	// PARLEY_TLS_CLIENT_CA      file                   -                PEM certificates, one of which must have signed the client's, for +tls; empty: no client certificate is asked for
	// PARLEY_DRAIN_DELAY        duration               0s               how long after SIGTERM the listeners stay open while /readyz says 503; 0: they close at once
	// PARLEY_DRAIN_TIMEOUT      duration               8s               how long sessions may take to finish once the listeners are closed; 0: they are cut at once
	//
	// LISTENER KEY      TYPE      DEFAULT  MEANING
	// wire              name      -        the wire format; empty: the handler's own, most often text
	// greeting          on|off    -        whether a client is greeted; empty: as is usual on that wire
	// flush             duration  200ms    how long a client that never sent a newline stays quiet before what it sent is a message; 0: for ever
	// fd                name      -        the name of the sockets that a service manager hands over for it; empty: those that have its address
	// delay             duration  0s       what is sent arrives that much later, up to 64 KiB at a time
	// jitter            duration  0s       the delay differs by up to that much either way, from write to write; the order stays
	// rate              bytes     0        what is sent a second, at most
	// chop              bytes     0        what is sent at a time, in a segment of its own, a millisecond after the one before
	// stall             duration  0s       nothing is said or read for that long at first, then all is as usual
	// corrupt           percent   0%       the share of the bytes sent that get another value
	// half_close_after  bytes     0        our side ends when so much was sent, and what the client sends is still read
	// reset_after       bytes     0        the connection is reset when the client has got so much
	// close_after       duration  0s       the connection is closed when it has lasted so long
	// fault_p           percent   100%     the share of the connections that get these faults
	// seed              integer   0        the same number gives the n-th connection of a listener the same faults and the same wrong bytes; 0: a new one at each start, which the log tells
	//
	// A listener also has as keys the variables from PARLEY_MAX_CONNS to PARLEY_TLS_CLIENT_CA in lower case, and those of its handler.
}

func ExampleWriteMarkdown() {
	_ = config.WriteMarkdown(os.Stdout)
	// Output:
	// | variable | type | default | meaning |
	// | --- | --- | --- | --- |
	// | `PARLEY_LISTEN` | listeners | `echo://:12000` | what to serve: HANDLER[+tls\|+unix]://ADDRESS[?key=value&...], several separated by commas or spaces |
	// | `PARLEY_NAME` | name |  | this server's name in the greeting, printable ASCII without spaces; empty: the host name (in Kubernetes the pod's) |
	// | `PARLEY_ADMIN` | host:port | `127.0.0.1:12001` | where the admin side (metrics, health, who is connected) is served; off or empty: nowhere |
	// | `PARLEY_ADMIN_PPROF` | boolean | `false` | whether the admin side serves /debug/pprof too |
	// | `PARLEY_ADMIN_HOSTS` | host list |  | names under which the admin side is asked for, beside this machine's, addresses and names that nobody else can have; *: whatever name |
	// | `PARLEY_ADMIN_WEB_CONFIG` | file |  | a web config file of Prometheus's exporters, for TLS and basic auth on the admin side; empty: neither |
	// | `PARLEY_ROSTER_CLOSED` | integer | `256` | how many of the last connections that closed the admin side shows, up to 10000; 0: none |
	// | `PARLEY_LOG_FORMAT` | auto\|console\|json | `auto` | how log lines look; auto: console on a terminal, else json |
	// | `PARLEY_LOG_LEVEL` | debug\|info\|warn\|error | `info` | the least severe log lines to write |
	// | `PARLEY_LOG_MESSAGES` | boolean | `false` | whether what clients send is logged, and the last message of each shown on the admin side |
	// | `PARLEY_LOG_RATE` | integer | `10` | log lines a second about connections that ended for the same fault, ten times as many at once, and one that counts the others; 0: no limit |
	// | `PARLEY_TRANSPORT` | auto\|portable | `auto` | how TCP connections are carried; auto: the fastest way this system has, portable: the way of every system |
	// | `PARLEY_MAX_CONNS` | integer | `10000` | connections at a time; 0: as many as the process may open files |
	// | `PARLEY_MAX_CONNS_PER_IP` | integer | `0` | connections at a time from one IPv4 address or IPv6 /64; 0: no limit |
	// | `PARLEY_ACCEPT_RATE` | number | `0` | connections accepted per second, the others wait in the kernel; 0: no limit |
	// | `PARLEY_ALLOW` | CIDR list |  | who may connect; empty: everyone |
	// | `PARLEY_DENY` | CIDR list |  | who may not connect, even if allowed; empty: nobody |
	// | `PARLEY_MAX_MESSAGE` | bytes | `8KiB` | the longest message, 1B to 1GiB (the raw wire has none) |
	// | `PARLEY_HANDSHAKE_TIMEOUT` | duration | `10s` | how long PROXY header and TLS handshake may take together; 0: no limit |
	// | `PARLEY_MESSAGE_TIMEOUT` | duration | `30s` | how long a message may take from its first byte to its end; 0: no limit |
	// | `PARLEY_IDLE_TIMEOUT` | duration | `5m` | how long a client may be silent between messages; 0: no limit |
	// | `PARLEY_WRITE_TIMEOUT` | duration | `20s` | how long a write may make no progress; 0: no limit |
	// | `PARLEY_MAX_LIFETIME` | duration | `0s` | how long a connection may last, which ends after the message it is in; 0: no limit |
	// | `PARLEY_SEND_BUFFER` | bytes | `64KiB` | what the kernel holds for a client that does not read, up to 1GiB; 0: as the kernel sees fit, on Linux some 4 MiB |
	// | `PARLEY_RECEIVE_BUFFER` | bytes | `0` | what the kernel takes from a client before it is read, up to 1GiB; 0: as the kernel sees fit, on Linux up to some 6 MiB |
	// | `PARLEY_PROXY_PROTOCOL` | on\|off | `off` | whether a connection begins with a PROXY header, version 1 or 2, that names the client |
	// | `PARLEY_PROXY_TRUSTED` | CIDR list |  | the proxies whose header is believed, all others are shut out; empty: nobody but who connects to a unix socket |
	// | `PARLEY_TLS_CERT` | file |  | PEM certificate and those it was signed by, for +tls, read again when it changes; empty: one made at the start, self-signed |
	// | `PARLEY_TLS_KEY` | file |  | PEM private key of PARLEY_TLS_CERT |
	// | `PARLEY_TLS_CLIENT_CA` | file |  | PEM certificates, one of which must have signed the client's, for +tls; empty: no client certificate is asked for |
	// | `PARLEY_DRAIN_DELAY` | duration | `0s` | how long after SIGTERM the listeners stay open while /readyz says 503; 0: they close at once |
	// | `PARLEY_DRAIN_TIMEOUT` | duration | `8s` | how long sessions may take to finish once the listeners are closed; 0: they are cut at once |
}

// Settings tells what is in force, and where it came from.
func ExampleListener_Settings() {
	environ := []string{"PARLEY_IDLE_TIMEOUT=1m"}
	_, listeners, _, _ := config.Load(environ, []string{"echo://:1?delay=200ms&fault_p=5%"}, catalog)
	for _, s := range listeners[0].Settings(config.Origin{Environ: environ}) {
		switch s.Name {
		case "wire", "delay", "fault_p", "idle_timeout":
			fmt.Println(s.Name, s.Value, s.From)
		}
	}
	// Output:
	// wire text default
	// delay 200ms listener
	// fault_p 5% listener
	// idle_timeout 1m environment
}

func ExampleConfig_Settings() {
	origin := config.Origin{Environ: []string{"PARLEY_NAME=lab", "PARLEY_LOG_LEVEL=warn"}, Flags: []string{"PARLEY_LOG_LEVEL"}}
	cfg, _, _, _ := config.Load(origin.Environ, nil, catalog)
	for _, s := range cfg.Settings(origin) {
		switch s.Name {
		case "PARLEY_NAME", "PARLEY_ADMIN", "PARLEY_LOG_LEVEL":
			fmt.Println(s.Name, s.Value, s.From)
		}
	}
	// Output:
	// PARLEY_NAME lab environment
	// PARLEY_ADMIN 127.0.0.1:12001 default
	// PARLEY_LOG_LEVEL warn flag
}

func ExamplePercent() {
	var p config.Percent
	for _, text := range []string{"5%", "0.1%", "5"} {
		err := p.UnmarshalText([]byte(text))
		fmt.Println(p, float64(p), err)
	}
	// Output:
	// 5% 0.05 <nil>
	// 0.1% 0.001 <nil>
	// 0.1% 0.001 a share is a number from 0% to 100%, as in 5% or 0.1%
}
