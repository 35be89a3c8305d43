//go:build unix

package main_test

import (
	"os"
	"testing"

	parley "parley/cmd/parley"
)

// A child must not take over what was meant for its parent, nor speak for it.
func TestHandover_environment(t *testing.T) {
	variables := []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"}
	for _, name := range variables {
		t.Setenv(name, "1")
	}
	must(t, parley.TakeOver())
	for _, name := range variables {
		if value, ok := os.LookupEnv(name); ok {
			t.Errorf("%s=%s is left", name, value)
		}
	}
}
