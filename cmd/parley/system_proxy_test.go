//go:build system && linux

package main_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"parley/faults/daemontest"
)

// The files that we ship for proxies that say who the client is.
const (
	haproxyProtocolConfig = "../../deploy/haproxy/proxy-protocol.cfg"
	nginxConfig           = "../../deploy/nginx/nginx.conf"
)

// proxied is how a listener is started behind a proxy of the network.
const proxied = "?proxy_protocol=on&proxy_trusted=192.0.2.0/24"

// A proxyNetwork is a network of its own in which real proxies run.
type proxyNetwork struct {
	t      *testing.T
	within []string // the command that enters it
	binary string
}

func newProxyNetwork(t *testing.T) *proxyNetwork {
	t.Helper()
	binary, err := build()
	must(t, err)
	n := &proxyNetwork{t: t, within: readmeNetwork(t), binary: binary}
	for _, address := range []string{"192.0.2.11", "192.0.2.12", "192.0.2.13", "198.51.100.1"} {
		launch(t, n.in("ip", "address", "add", address, "dev", "lo")).exits(0)
	}
	return n
}

// in returns a program that runs there.
func (n *proxyNetwork) in(words ...string) *exec.Cmd {
	variables, words := daemontest.SplitVariables(words)
	return command(slices.Concat(variables, n.within, words)...)
}

// serve starts a daemon on an address there.
func (n *proxyNetwork) serve(listener string) *daemon {
	n.t.Helper()
	return awaitDaemon(launch(n.t, n.in(n.binary, "serve", "--log-level=debug", listener)))
}

// says runs a shell's command there until its output matches. It is tried again as long as the proxy has not started.
func (n *proxyNetwork) says(pattern, command string) {
	n.t.Helper()
	expr := regexp.MustCompile(pattern)
	var said string
	eventually(n.t, command+" says "+pattern, func() bool {
		p := launch(n.t, n.in("sh", "-c", command))
		p.status()
		said = p.stdout.String()
		return said != ""
	})
	if !expr.MatchString(said) {
		n.t.Errorf("%s: got %q, want %s", command, said, pattern)
	}
}

// A real HAProxy tells who the client is, in both versions, also in front of TLS, and its checks keep a server UP.
func TestHAProxy_proxyProtocol(t *testing.T) {
	t.Parallel()
	n := newProxyNetwork(t)
	one := n.serve("echo://192.0.2.11:12000" + proxied)
	two := n.serve("echo://192.0.2.12:12000" + proxied)
	three := n.serve("echo+tls://192.0.2.13:12000" + proxied)
	launch(t, n.in("haproxy", "-c", "-f", haproxyProtocolConfig)).exits(0)
	launch(t, n.in("haproxy", "-f", haproxyProtocolConfig))
	awaitServers(t, n.in, map[string]string{"one": "UP L7OK .*", "two": "UP L7OK .*", "three": "UP L7OK .*"})

	for port, via := range map[string]string{"8001": "192.0.2.11", "8002": "192.0.2.12"} {
		n.says(`^HELLO clientid=\d+ you=198\.51\.100\.1:\d+ me=127\.0\.0\.1:`+port+` name=lab handler=echo via=`+regexp.QuoteMeta(via)+`:\d+\nECHO: hi\n$`,
			"echo hi | nc.openbsd -N -s 198.51.100.1 127.0.0.1 "+port)
	}
	n.says(`^HELLO clientid=\d+ you=198\.51\.100\.1:\d+ me=127\.0\.0\.1:8003 name=lab handler=echo via=192\.0\.2\.13:\d+ tls=1\.3 sni=lab\nECHO: hi\n$`,
		"(echo hi; sleep 0.5) | openssl s_client -quiet -no_ign_eof -verify_quiet -servername lab -bind 198.51.100.1 -connect 127.0.0.1:8003 2>/dev/null")

	// A check is HAProxy's own connection.
	one.stdout.await(t, `"msg":"connection open".*"peer":"192\.0\.2\.11:`)
	for _, d := range []*daemon{one, two, three} {
		d.stop()
		for _, bad := range []string{"bad_proxy_header", "untrusted_proxy", "handshake_timeout", `"reason":"reset"`} {
			if regexp.MustCompile(bad).MatchString(d.stdout.String()) {
				t.Errorf("the log has %s:\n%s", bad, tail(d.stdout.String()))
			}
		}
	}
}

// A real nginx tells who the client is.
func TestNginx(t *testing.T) {
	t.Parallel()
	n := newProxyNetwork(t)
	d := n.serve("echo://192.0.2.11:12000" + proxied)
	config, err := filepath.Abs(nginxConfig)
	must(t, err)
	folder := t.TempDir()
	nginx := func(more ...string) *exec.Cmd {
		return n.in(append([]string{"nginx", "-e", "stderr", "-p", folder, "-c", config, "-g", "daemon off; master_process off; pid nginx.pid;"}, more...)...)
	}
	launch(t, nginx("-t")).exits(0)
	launch(t, nginx())
	n.says(`^HELLO clientid=1 you=198\.51\.100\.1:\d+ me=127\.0\.0\.1:8001 name=lab handler=echo via=192\.0\.2\.11:\d+\nECHO: hi\n`,
		"echo hi | nc.openbsd -N -s 198.51.100.1 127.0.0.1 8001")
	d.stdout.await(t, `"msg":"connection closed".*"peer":"198\.51\.100\.1:.*"reason":"client_closed","via":"192\.0\.2\.11:`)
	d.stop()
}
