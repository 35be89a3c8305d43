//go:build unix

package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"parley/roster"
)

// watch starts parley who --watch, with standard output that is no terminal.
func watch(t *testing.T, d *daemon, flags ...string) *process {
	t.Helper()
	return launch(t, command(append([]string{"parley", "who", "--watch", d.admin}, flags...)...))
}

// Who comes and leaves has a line each. A server that was lost is found again, also if it is another one.
func TestWhoWatch(t *testing.T) {
	t.Parallel()
	d := serve(t, "register://127.0.0.1:0", "echo://127.0.0.1:0")
	ada := dial(t, d.addresses[0])
	if err := ada.send("name=Ada email=ada@example.org\n"); err != nil {
		t.Fatal(err)
	}
	if err := ada.matches(`^HELLO `); err != nil {
		t.Fatal(err)
	}
	if err := ada.matches(`^ACK `); err != nil {
		t.Fatal(err)
	}
	w := watch(t, d)
	w.stdout.await(t, `^\d\d:\d\d:\d\d  here  1  Ada <ada@example\.org>  127\.0\.0\.1:\d+  register://127\.0\.0\.1:0$`)
	echoes := watch(t, d, "--handler=echo")
	all := watch(t, d, "--json")
	all.stdout.await(t, `"event":"hello"`)

	bob := dial(t, d.addresses[1])
	if err := bob.matches(`^HELLO `); err != nil {
		t.Fatal(err)
	}
	w.stdout.await(t, `^\S+  came  2  127\.0\.0\.1:\d+  echo://127\.0\.0\.1:0$`)
	echoes.stdout.await(t, `^\S+  (came|here)  2  `)
	ada.Close()
	w.stdout.await(t, `^\S+  left  1  Ada <ada@example\.org>  127\.0\.0\.1:\d+  register://127\.0\.0\.1:0  client_closed$`)
	bob.Close()
	w.stdout.await(t, `^\S+  left  2  127\.0\.0\.1:\d+  echo://127\.0\.0\.1:0  client_closed$`)
	echoes.stdout.await(t, `^\S+  left  2  `)
	if strings.Contains(echoes.stdout.String(), "Ada") {
		t.Errorf("--handler=echo printed\n%s", echoes.stdout)
	}
	all.stdout.await(t, `"event":"roster".*"reason":"client_closed"`)
	for line := range strings.Lines(all.stdout.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("--watch --json printed %s", line)
		}
	}

	d.stop()
	w.stderr.await(t, `^parley: lost, trying again: `)
	again := serve(t, "PARLEY_ADMIN="+strings.TrimPrefix(d.admin, "http://"), "register://127.0.0.1:0")
	w.stderr.await(t, `^parley: the server is back$`)
	dial(t, again.addresses[0])
	w.stdout.await(t, `^\S+  (came|here)  1  127\.0\.0\.1:\d+  register://127\.0\.0\.1:0$`)
	for _, p := range []*process{w, echoes, all} {
		p.signal(syscall.SIGINT)
		p.exits(0)
	}
}

// moody is an admin side whose /events stays up, with what comes from events in it, while its first answers to /clients are these, of
// which an empty one is a 500. The last one stays.
func moody(t *testing.T, events <-chan string, answers ...string) *httptest.Server {
	t.Helper()
	var asked atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/clients", func(w http.ResponseWriter, _ *http.Request) {
		i := min(int(asked.Add(1)), len(answers)) - 1
		if answers[i] == "" {
			http.Error(w, "not now", http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, answers[i])
	})
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		event := "event: hello\ndata: {\"epoch\":\"one\"}\n\n"
		for {
			fmt.Fprint(w, event)
			_ = http.NewResponseController(w).Flush()
			select {
			case event = <-events:
			case <-r.Context().Done():
				return
			}
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections() // A stream would never end.
		server.Close()
	})
	return server
}

// rollOf is an answer of /clients.
func rollOf(t *testing.T, names ...string) string {
	t.Helper()
	page := roster.Page{Epoch: "one"}
	for i, name := range names {
		page.Clients = append(page.Clients, roster.Record{ClientID: uint64(i + 1), You: "192.0.2.1:40000", Listener: "echo://:12000", Name: name})
	}
	page.Matched.Open = len(names)
	text, err := json.Marshal(page)
	must(t, err)
	return string(text)
}

// A list that could not be had is asked for again, though the events go on.
func TestWhoWatchMoody(t *testing.T) {
	t.Parallel()
	s := moody(t, nil, "", rollOf(t, "Ada"))
	p := launch(t, command("parley", "who", "--watch", s.URL))
	p.stderr.await(t, `^parley: lost, trying again: wrong \S+: it answers 500 Internal Server Error: not now \(answer\)$`)
	p.stdout.await(t, `^\S+( \S+)?  here  1  Ada  192\.0\.2\.1:40000  echo://:12000$`)
	p.stderr.await(t, `^parley: the server is back$`)
	p.signal(syscall.SIGINT)
	p.exits(0)
}

// A server that is not there at the beginning is not waited for.
func TestWhoWatchNobody(t *testing.T) {
	t.Parallel()
	p := launch(t, command("parley", "who", "--watch", "127.0.0.1:1"))
	p.exits(4)
	if got, want := p.stderr.String(), "parley: refused 127.0.0.1:1: nothing listens there, or a firewall rejects (connect)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// More clients than an answer of /clients has are asked for page by page.
func TestWhoPages(t *testing.T) {
	t.Parallel()
	const clients = roster.MaxLimit + 5
	d := serve(t, "echo://127.0.0.1:0")
	for i := range clients {
		c := dial(t, d.addresses[0])
		if i == clients-1 {
			if err := c.matches(fmt.Sprintf(`^HELLO clientid=%d `, clients)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		flags []string
		want  int
	}{{nil, clients}, {[]string{"--limit=1002"}, 1002}, {[]string{"--limit=3", "--sort=-since"}, 3}} {
		p := launch(t, command(append([]string{"parley", "who", "--json", d.admin}, test.flags...)...))
		p.exits(0)
		var page roster.Page
		if err := json.Unmarshal([]byte(p.stdout.String()), &page); err != nil {
			t.Fatal(err)
		}
		if len(page.Clients) != test.want || page.Matched.Open != clients || page.Limit != test.want {
			t.Errorf("%v: %d clients of %d, limit %d; want %d of %d", test.flags, len(page.Clients), page.Matched.Open, page.Limit, test.want, clients)
		}
	}
}
