//go:build system && linux

package main_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// probes is how often each verdict is asked for. It is to be the same each time.
const probes = 20

// A cause is something real that a probe is to tell from everything else.
type cause struct {
	name   string
	args   []string // of parley probe
	status int
	want   string // what is printed, a pattern
}

// check probes that often at once. The words in front are those of command.
func (c cause) check(t *testing.T, words ...string) {
	t.Helper()
	var all []*process
	for range probes {
		all = append(all, launch(t, command(slices.Concat(words, []string{"parley", "probe"}, c.args)...)))
	}
	want := regexp.MustCompile(`\A` + c.want + `\n\z`)
	right := 0
	for _, p := range all {
		if status := p.status(); status != c.status || !want.MatchString(p.stdout.String()) {
			t.Errorf("status %d, want %d\n got %swant %s\n%s", status, c.status, p.stdout, want, p.stderr)
			continue
		}
		right++
	}
	t.Logf("%s: %d of %d", c.name, right, probes)
}

// greetingOrAnswer is where a server fails that a busy machine may keep from doing so within the time it has for a greeting.
const greetingOrAnswer = `\((greeting|answer), \S+\)`

// What a probe says of real servers, none of them behind anything.
func TestProbeServers(t *testing.T) {
	t.Parallel()
	full := serve(t, "echo://127.0.0.1:0?max_conns=1")
	only := dial(t, full.addresses[0])
	must(t, only.matches("^HELLO "))
	echo := serve(t, "echo://127.0.0.1:0", "happy://127.0.0.1:0?wire=json", "counting://127.0.0.1:0?wire=pickle", "echo://127.0.0.1:0?wire=raw")

	for _, c := range []cause{
		{"echo", []string{echo.addresses[0]}, 0, `ok \S+ clientid=\d+ .* echo=\S+ path=direct`},
		{"JSON", []string{echo.addresses[1]}, 0, `ok \S+ clientid=\d+ .* answer=\S+ path=direct`},
		{"pickle", []string{echo.addresses[2]}, 0, `ok \S+ clientid=\d+ .* echo=\S+ path=direct`},
		{"raw", []string{echo.addresses[3]}, 0, `ok \S+ dns=0\.0ms .* greeting=none echo=\S+ path=unknown`},
		{"nothing listens", []string{"127.0.0.1:1"}, 4, `refused \S+: nothing listens there, or a firewall rejects \(connect, \S+\)`},
		{"full", []string{full.addresses[0]}, 9, `err \S+: ERR server_full.*: as many clients as it takes are there already ` + greetingOrAnswer},
		{"says nothing", []string{"--timeout=3s", foreign(t, silent)}, 5, `timeout \S+: it took the connection and did not answer in time \(answer, \S+\)`},
		{"half a greeting", []string{"--timeout=3s", foreign(t, halfGreeting)}, 5, `timeout \S+: it began a greeting and did not end it \(greeting, \S+\)`},
		{"resets at once", []string{foreign(t, resets)}, 7, `reset \S+: (it took the connection and (cut it off at once|then cut it off)|the connection was cut off) \((connect|greeting|answer), \S+\)`},
		{"closes at once", []string{foreign(t, closes)}, 9, `closed \S+: (it took the connection and closed it without a word|it closed the connection without an answer) ` + greetingOrAnswer},
		{"SSH", []string{foreign(t, ssh)}, 9, `wrong \S+: it (said|answered) "SSH-2\.0-OpenSSH_9\.2p1 Debian-2\+deb12u3".* \(is it an SSH server\?\) ` + greetingOrAnswer},
		{"web", []string{web(t)}, 9, `wrong \S+: it answered "HTTP/1\.1 400 Bad Request\S* .*"\.\.\., which does not contain what was sent \(is it a web server\?\) \(answer, \S+\)`},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t) })
	}
}

// foreign runs a server that is none of ours.
func foreign(t *testing.T, f func(*net.TCPConn)) (address string) {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { socket.Close() })
	go func() {
		for {
			nc, err := socket.Accept()
			if err != nil {
				return
			}
			go f(nc.(*net.TCPConn)) // ends with its client
		}
	}()
	return socket.Addr().String()
}

func silent(nc *net.TCPConn) {
	_, _ = io.Copy(io.Discard, nc)
	_ = nc.Close()
}

func halfGreeting(nc *net.TCPConn) {
	_, _ = io.WriteString(nc, "HELLO clientid=1")
	silent(nc)
}

func resets(nc *net.TCPConn) {
	_ = nc.SetLinger(0)
	_ = nc.Close()
}

func closes(nc *net.TCPConn) {
	_ = nc.CloseWrite()
	silent(nc)
}

func ssh(nc *net.TCPConn) {
	_, _ = io.WriteString(nc, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")
	silent(nc)
}

// web runs a web server, a real one.
func web(t *testing.T) (address string) {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	srv := &http.Server{Handler: http.NotFoundHandler()}
	t.Cleanup(func() { _ = srv.Close() })
	go func() { _ = srv.Serve(socket) }() // until it is closed
	return socket.Addr().String()
}

// What a probe says of servers behind firewalls, of routes that lead nowhere and of names, in a network that has nothing else.
func TestProbeNetwork(t *testing.T) {
	t.Parallel()
	within := newLabNetwork(t)
	for _, c := range []cause{
		{"ok", []string{"127.0.0.1:1000"}, 0, `ok 127\.0\.0\.1:1000 .* path=direct`},
		{"ok by name", []string{"lab.test:1000"}, 0, `ok lab\.test:1000 clientid=\d+ dns=\S+ connect=.* path=direct`},
		{"ok by NAT", []string{"127.0.0.1:1007"}, 0, `ok 127\.0\.0\.1:1007 .* path=nat`},
		{"drop", []string{"--timeout=1s", "127.0.0.1:1001"}, 5, `timeout 127\.0\.0\.1:1001: no answer at all: a firewall drops what is sent there, or the host is down \(connect, \S+\)`},
		{"reject", []string{"127.0.0.1:1002"}, 4, `refused 127\.0\.0\.1:1002: nothing listens there, or a firewall rejects \(connect, \S+\)`},
		{"reject, IPv6", []string{"[::1]:1002"}, 4, `refused \[::1\]:1002: nothing listens there, or a firewall rejects \(connect, \S+\)`},
		{"reject with a reset", []string{"127.0.0.1:1003"}, 4, `refused 127\.0\.0\.1:1003: nothing listens there, or a firewall rejects \(connect, \S+\)`},
		{"reject as unreachable", []string{"127.0.0.1:1004"}, 6, `unreachable 127\.0\.0\.1:1004: the host does not answer on its network, or a router or firewall forbids it \(connect, \S+\)`},
		{"reject as prohibited", []string{"127.0.0.1:1005"}, 6, `unreachable 127\.0\.0\.1:1005: the host does not answer on its network, or a router or firewall forbids it \(connect, \S+\)`},
		{"reject as without a route", []string{"127.0.0.1:1006"}, 6, `unreachable 127\.0\.0\.1:1006: there is no route to that network, or a router or firewall says so \(connect, \S+\)`},
		{"nothing listens", []string{"127.0.0.1:999"}, 4, `refused .*`},
		{"no route", []string{"192.0.2.1:1000"}, 6, `unreachable 192\.0\.2\.1:1000: there is no route to that network, or a router or firewall says so \(connect, \S+\)`},
		{"no route, IPv6", []string{"[2001:db8::1]:1000"}, 6, `unreachable .*: there is no route to that network, .*`},
		{"route prohibited", []string{"198.51.100.1:1000"}, 6, `unreachable 198\.51\.100\.1:1000: this machine's own routes or firewall forbid it \(connect, \S+\)`},
		{"route to nowhere", []string{"203.0.113.1:1000"}, 6, `unreachable 203\.0\.113\.1:1000: this machine's own routes or firewall forbid it \(connect, \S+\)`},
		{"unknown name", []string{"nobody.test:1000"}, 3, `dns nobody\.test:1000: there is no such name, or it has no address \(dns, \S+\)`},
		{"name server down", []string{"--timeout=1s", "silence.test:1000"}, 3, `dns silence\.test:1000: the name server does not answer \(dns, \S+\)`},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, within...) })
	}
}

// labFirewall is what stands before the server's ports. The redirection makes the server see another address than the client has.
const labFirewall = `
table inet firewall {
	chain input {
		type filter hook input priority filter
		tcp dport 1001 drop
		tcp dport 1002 reject
		tcp dport 1003 reject with tcp reset
		tcp dport 1004 reject with icmpx host-unreachable
		tcp dport 1005 reject with icmpx admin-prohibited
		tcp dport 1006 reject with icmpx no-route
	}
	chain postrouting {
		type nat hook postrouting priority srcnat
		tcp dport 1007 snat ip to 127.0.0.9
	}
}
`

// labNameServer knows lab.test, says of others that there is no such name, and of silence.test nothing.
const labNameServer = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
print("answering", flush=True)
while True:
    q, peer = s.recvfrom(4096)
    end = q.index(0, 12) + 5
    question, kind = q[12:end], q[end - 4 : end - 2]
    known = b"\x03lab\x04test\x00" in question.lower()
    if b"silence" in question:
        continue
    answer = b"\xc0\x0c" + kind + b"\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01" if known and kind == b"\x00\x01" else b""
    flags = b"\x81\x80" if known else b"\x81\x83"
    s.sendto(q[:2] + flags + b"\x00\x01" + (b"\x00\x01" if answer else b"\x00\x00") + b"\x00\x00\x00\x00" + question + answer, peer)
`

// newLabNetwork makes a network in which a daemon listens on ports 1000 to 1007, and returns the words in front of a command that
// runs there. It needs root, nft, ip, unshare, nsenter and python3.
func newLabNetwork(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"firewall":    labFirewall,
		"names.py":    labNameServer,
		"resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
		"nsswitch":    "hosts: files dns\n",
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	script := fmt.Sprintf(`set -e
		cd %q
		ip link set lo up
		ip route add prohibit 198.51.100.0/24
		ip route add blackhole 203.0.113.0/24
		nft -f firewall
		mount --bind resolv.conf /etc/resolv.conf
		mount --bind nsswitch /etc/nsswitch.conf
		exec python3 names.py`, dir)
	lab := launch(t, command("unshare", "--net", "--mount", "sh", "-c", script))
	eventually(t, "the network is there", func() bool {
		if !lab.running() {
			t.Fatalf("%v\n%s", lab.cmd.ProcessState, lab.stderr)
		}
		return lab.stdout.String() != ""
	})
	within := []string{"nsenter", "--target", strconv.Itoa(lab.cmd.Process.Pid), "--net", "--mount", "--"}
	d := launch(t, command(append(append([]string{}, within...), "parley", "serve", "echo://:1000-1007")...))
	d.stdout.await(t, `admin listening`)
	return within
}
