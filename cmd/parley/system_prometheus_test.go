//go:build system && linux

package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"parley/server"
)

// promtool has nothing to say about the metrics, of a daemon that is new and of one that has seen clients.
func TestPromtool(t *testing.T) {
	t.Parallel()
	d := serveBuilt(t, "echo://127.0.0.1:0", "happy://127.0.0.1:0", "counting+unix://"+filepath.Join(t.TempDir(), "s"))
	for _, when := range []string{"new", "after a client"} {
		_, metrics := d.get("/metrics")
		cmd := command("promtool", "check", "metrics")
		cmd.Stdin = strings.NewReader(metrics)
		p := launch(t, cmd)
		if status := p.status(); status != 0 || p.stdout.String()+p.stderr.String() != "" {
			t.Errorf("%s: status %d\n%s%s", when, status, p.stdout, p.stderr)
		}
		c := dial(t, d.addresses[0])
		if _, err := c.greeting(); err != nil {
			t.Fatal(err)
		}
		must(t, c.echo("hi"))
		c.Close()
		d.awaitQuiet()
	}
}

// A real Prometheus scrapes the daemon.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	d := serveBuilt(t, "echo://127.0.0.1:0")
	c := dial(t, d.addresses[0])
	if _, err := c.greeting(); err != nil {
		t.Fatal(err)
	}
	must(t, c.echo("hi"))

	dir := t.TempDir()
	config := fmt.Sprintf("scrape_configs: [{job_name: parley, scrape_interval: 200ms, scrape_timeout: 200ms, static_configs: [{targets: [%q]}]}]\n",
		strings.TrimPrefix(d.admin, "http://"))
	must(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o644))
	p := launch(t, command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0"))
	api := "http://" + p.stderr.find(t, `msg="?Listening on"? address=(\S+)`)[1] + "/api/v1/query?query="

	for query, want := range map[string]string{
		`up{job="parley"}`:                       "1",
		"sum(parley_connections_accepted_total)": "1",
		"sum(parley_connections_active)":         "1",
		"sum(parley_messages_total)":             "1",
		"sum(parley_connections_closed_total)":   "0",
		"count(parley_connections_closed_total)": strconv.Itoa(len(server.Reasons())),
		"sum(parley_build_info)":                 "1",
	} {
		var got string
		eventually(t, query+" is "+want, func() bool {
			got = ask(t, api+url.QueryEscape(query))
			return got == want
		})
	}
}

// ask returns the value of Prometheus's answer, if there is one.
func ask(t *testing.T, url string) string {
	t.Helper()
	resp, err := adminClient.Get(url)
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusServiceUnavailable { // It has just started.
		return ""
	}
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	must(t, json.NewDecoder(resp.Body).Decode(&answer))
	if len(answer.Data.Result) != 1 {
		return ""
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1])
}
