//go:build system && linux

package main_test

import (
	"encoding/json"
	"testing"
)

// On a terminal a line says once a second how it goes, and is gone when the summary comes.
func TestBenchTerminal(t *testing.T) {
	t.Parallel()
	d := serve(t, "echo://127.0.0.1:0")
	screen := newScreen(t, "parley bench -c 2 -d 4s -s 64 --bulk "+d.addresses[0])
	screen.await(`\A[1-3]s of 4s  2 connections  \d+ messages/s  \d+\.\d MB/s  0 errors\n`)
	screen.await(`\A--- 127\.0\.0\.1:\d+, text wire\n2 connections, messages of 64 bytes without a pause\n.*; 0 errors\n(connect|greeting) (.*\n)+status 0\n`)
}

// Ten thousand connections are within what one core can drive, and what the daemon takes.
func TestBenchCrowd(t *testing.T) {
	const connections = 10_000
	d := serveBuilt(t, "echo://127.0.0.1:0")
	cmd := built(t, "GOMAXPROCS=1", "bench", "-c", "10000", "-d", "5s", "--rate", "10000", "--json", d.addresses[0])
	p := launch(t, cmd)
	p.exits(0)
	var result struct {
		Opened, Survived int
		Messages         int
		PerSecond        float64            `json:"messages_per_s"`
		Echo             map[string]float64 `json:"echo_ms"`
		Lag              map[string]float64 `json:"lag_ms"`
	}
	if err := json.Unmarshal([]byte(p.stdout.String()), &result); err != nil {
		t.Fatalf("%v: %s", err, p.stdout)
	}
	if result.Opened != connections || result.Survived != connections || result.Messages < connections {
		t.Errorf("%d opened, %d survived and %d messages: %s", result.Opened, result.Survived, result.Messages, p.stdout)
	}
	t.Logf("%.0f messages a second on %d connections: echo %v, lag %v", result.PerSecond, connections, result.Echo, result.Lag)
}
