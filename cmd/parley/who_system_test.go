//go:build system

package main_test

import (
	"fmt"
	"strings"
	"testing"
)

// On a terminal the roll is drawn again in its place, cut to what there is room for, and nothing of a name reaches the terminal as it
// is.
func TestWhoScreen(t *testing.T) {
	t.Parallel()
	d := serve(t, "register://127.0.0.1:0")
	s := newScreen(t, "parley who --watch "+d.admin)
	s.await(`\A\S+: 0 here, 0 came, 0 left, up \S+\n`)
	for i := range 25 {
		c := dial(t, d.addresses[0])
		if err := c.send(fmt.Sprintf("name=\x1b[31mClient-%d email=%s@example.org\n", i+1, strings.Repeat("x", 60))); err != nil {
			t.Fatal(err)
		}
		// In order of arrival, as the server sees it.
		if err := c.matches(fmt.Sprintf(`^HELLO clientid=%d `, i+1)); err != nil {
			t.Fatal(err)
		}
	}
	s.await(`\A\S+: 25 here, 25 came, 0 left, up \S+\nID +NAME +ADDRESS +LISTEN.*\n +1 +\\x1b\[31mClient-1 <x+ +127\.0\.0\.1:\d+ +register:.*\n( *\d+ .*\n){14}\.\.\. and 10 more\n`)
	d.stop()
	s.await(`\nlost since \d+s, trying again: `)
	s.types("", "C-c")
	s.await(`status 0\n`)
}

// A roll that could not be had is asked for again, though nothing more changes.
func TestWhoScreenMoody(t *testing.T) {
	t.Parallel()
	events := make(chan string, 1)
	server := moody(t, events, rollOf(t, "Ada"), "", rollOf(t, "Ada", "Bob"))
	s := newScreen(t, "parley who --watch "+server.URL)
	s.await(`\n +1 +Ada +192\.0\.2\.1:40000 +echo:`)
	events <- "event: roster\ndata: {}\n\n"
	s.await(`\n +2 +Bob +192\.0\.2\.1:40000 +echo:`)
	s.types("", "C-c")
	s.await(`status 0\n`)
}
