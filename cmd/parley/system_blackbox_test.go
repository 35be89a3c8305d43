//go:build system && linux

package main_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// blackboxConfig is what we ship for it.
const blackboxConfig = "../../deploy/prometheus/blackbox.yml"

// A real blackbox_exporter finds a daemon well by its greeting, and takes the client ID out of that; it finds everything
// else unwell.
func TestBlackbox(t *testing.T) {
	t.Parallel()
	check := launch(t, command("prometheus-blackbox-exporter", "--config.check", "--config.file="+blackboxConfig))
	if check.status() != 0 {
		t.Fatalf("--config.check:\n%s", check.stderr)
	}
	exporter := launch(t, command("prometheus-blackbox-exporter", "--config.file="+blackboxConfig, "--web.listen-address=127.0.0.1:0"))
	api := "http://" + exporter.stderr.find(t, `msg="?Listening on"? address=(\S+)`)[1] + "/probe?debug=true&module="

	d := serveBuilt(t, "--log-messages", "echo://127.0.0.1:0", "register://127.0.0.1:0", "echo://127.0.0.1:0?wire=json",
		"echo://127.0.0.1:0?greeting=off", "echo://127.0.0.1:0?max_conns=1")
	echo, register, json, silent, full := d.addresses[0], d.addresses[1], d.addresses[2], d.addresses[3], d.addresses[4]
	only := dial(t, full)
	_, err := only.greeting()
	must(t, err)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, nobody.Close())

	for name, tt := range map[string]struct {
		module, target, success string
	}{
		"greeting":             {"parley", echo, "1"},
		"of another handler":   {"parley", register, "1"},
		"echo":                 {"parley_echo", echo, "1"},
		"no echo":              {"parley_echo", register, "0"},
		"another wire":         {"parley", json, "0"},
		"no greeting":          {"parley", silent, "0"},
		"no room":              {"parley", full, "0"},
		"another server":       {"parley", says(t, "SSH-2.0-OpenSSH_9.2\r\n"), "0"},
		"a greeting without":   {"parley", says(t, "HELLO you=127.0.0.1:4711\n"), "0"},
		"one that is no line":  {"parley", says(t, "WELL, HELLO clientid=1\n"), "0"},
		"nobody listens there": {"parley", nobody.Addr().String(), "0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, err := adminClient.Get(api + tt.module + "&target=" + url.QueryEscape(tt.target))
			must(t, err)
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			must(t, err)
			if resp.StatusCode != http.StatusOK || !strings.Contains(string(text), "\nprobe_success "+tt.success+"\n") {
				t.Fatalf("%s, want probe_success %s:\n%s", resp.Status, tt.success, text)
			}
			if tt.module != "parley_echo" {
				return
			}
			// The ID that it took from the greeting is the one that the daemon gave it.
			sent := regexp.MustCompile(`blackbox clientid=(\d+)`).FindSubmatch(text)
			if sent == nil {
				t.Fatalf("no client ID was sent:\n%s", text)
			}
			d.stdout.await(t, `"msg":"message","clientid":`+string(sent[1])+`,.*"message":"blackbox clientid=`+string(sent[1])+`"`)
		})
	}
	t.Cleanup(func() {
		// The module that sends nothing leaves no line in the log.
		if line := regexp.MustCompile(`(?m)^.*"messages_in":0.*$`).FindString(d.stdout.String()); line != "" {
			t.Errorf("a check was logged: %s", line)
		}
	})
}

// says starts a server that says this to whoever comes, and returns where it listens.
func says(t *testing.T, greeting string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, greeting)
			c.Close()
		}
	}()
	return l.Addr().String()
}
