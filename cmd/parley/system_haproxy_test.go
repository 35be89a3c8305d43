//go:build system && linux

package main_test

import (
	"encoding/csv"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"parley/faults/daemontest"
)

// haproxyConfig is what we ship for it.
const haproxyConfig = "../../deploy/haproxy/haproxy.cfg"

// A real HAProxy has the daemons UP that greet it, tells the client ID that it was given, and has anything else DOWN. It
// runs the file as it is, in a network where its addresses are.
func TestHAProxy(t *testing.T) {
	t.Parallel()
	binary, err := build()
	must(t, err)
	within := readmeNetwork(t)
	in := func(words ...string) *exec.Cmd {
		variables, words := daemontest.SplitVariables(words)
		return command(slices.Concat(variables, within, words)...)
	}
	for _, address := range []string{"192.0.2.11", "192.0.2.12", "192.0.2.13"} {
		launch(t, in("ip", "address", "add", address, "dev", "lo")).exits(0)
	}

	one := awaitDaemon(launch(t, in(binary, "serve", "--log-level=debug", "echo://192.0.2.11:12000")))
	two := awaitDaemon(launch(t, in(binary, "serve", "happy://192.0.2.12:12000")))
	launch(t, in("socat", "TCP-LISTEN:12000,bind=192.0.2.13,fork", "SYSTEM:echo 220 mail; cat"))

	launch(t, in("haproxy", "-c", "-f", haproxyConfig)).exits(0)
	proxy := launch(t, in("haproxy", "-f", haproxyConfig))
	proxy.stdout.await(t, `Health check for server parleys/one succeeded, .* info: "client ID 1"`)

	const id = `client ID \d+`
	awaitServers(t, in, map[string]string{"one": "UP L7OK " + id, "two": "UP L7OK " + id, "three": `DOWN L7TOUT .*`})
	one.stdout.await(t, `"msg":"connection closed".*"reason":"client_closed"`)
	if strings.Contains(one.stdout.String(), `"reason":"reset"`) {
		t.Error("a check was a reset")
	}

	// Clients are served by those that are UP.
	answer := func() string {
		nc := launch(t, in("sh", "-c", "echo hi | nc.openbsd -N 127.0.0.1 8000"))
		nc.exits(0)
		return nc.stdout.String()
	}
	for range 4 {
		if got := answer(); !regexp.MustCompile(`^HELLO .*\n(ECHO: hi|HELLO\. I am the Happy Server :-\))\n$`).MatchString(got) {
			t.Errorf("through the proxy: %q", got)
		}
	}

	one.stop()
	awaitServers(t, in, map[string]string{"one": "DOWN L4CON .*", "two": "UP L7OK " + id})
	if got := answer(); !strings.HasSuffix(got, "\nHELLO. I am the Happy Server :-)\n") {
		t.Errorf("after one has stopped: %q", got)
	}
	two.stop()
}

// awaitServers waits until HAProxy says this of its servers: status, status of the last check, and what that had to say.
func awaitServers(t *testing.T, in func(...string) *exec.Cmd, want map[string]string) {
	t.Helper()
	eventually(t, fmt.Sprintf("HAProxy's servers are %v", want), func() bool {
		curl := launch(t, in("curl", "-sS", "http://127.0.0.1:8404/;csv"))
		if curl.status() != 0 {
			return false // It has just started.
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(curl.stdout.String(), "# "))).ReadAll()
		must(t, err)
		column := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
		matching := 0
		for _, row := range rows[1:] {
			pattern, ok := want[column(row, "svname")]
			said := strings.Join([]string{column(row, "status"), column(row, "check_status"), column(row, "last_chk")}, " ")
			if ok && regexp.MustCompile("^"+pattern+"$").MatchString(said) {
				matching++
			}
		}
		return matching == len(want)
	})
}
