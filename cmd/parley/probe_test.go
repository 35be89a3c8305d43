package main_test

import (
	"testing"

	parley "parley/cmd/parley"
	"parley/config"
)

// Where a listener on all addresses is reached from its own machine.
func TestNearest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		l    config.Listener
		want string
	}{
		{config.Listener{Network: "tcp", FirstPort: 12000, LastPort: 12000}, "127.0.0.1:12000"},
		{config.Listener{Network: "tcp", Host: "0.0.0.0", FirstPort: 12000, LastPort: 12000}, "127.0.0.1:12000"},
		{config.Listener{Network: "tcp", Host: "::", FirstPort: 12000, LastPort: 12000}, "[::1]:12000"},
		{config.Listener{Network: "tcp", Host: "localhost", FirstPort: 9000, LastPort: 9009}, "localhost:9000"},
		{config.Listener{Network: "tcp", Host: "10.0.0.5", FirstPort: 12000, LastPort: 12000}, "10.0.0.5:12000"},
		{config.Listener{Network: "tcp", Host: "fe80::1%eth0", FirstPort: 12000, LastPort: 12000}, "[fe80::1%eth0]:12000"},
		{config.Listener{Network: "unix", Path: "/run/parley.sock"}, "/run/parley.sock"},
		{config.Listener{Network: "unix", Path: "parley.sock"}, "unix:parley.sock"},
		{config.Listener{Network: "unix", Path: "@parley"}, "@parley"},
		{config.Listener{Handler: "echo", Network: "tcp"}, "echo://:0 is on whatever port was free: say which one"},
	} {
		got, err := parley.Nearest(tt.l)
		said := got.String()
		if err != nil {
			said = err.Error()
		}
		if said != tt.want {
			t.Errorf("%v: got %s, want %s", tt.l, said, tt.want)
		}
	}
}
