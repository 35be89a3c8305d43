package admin_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"parley/admin"
	"parley/roster"
)

// /clients says what is configured, what is counted, and who is asked for.
func TestClients(t *testing.T) {
	t.Parallel()
	r := newRoll()
	r.joins(3)
	s := serveTCP(t, showing(r))
	answer := s.request("GET", "/clients?offset=1&limit=1&sort=-name&q=x&state=open&listener=echo%2Btls://:7443&handler=echo")
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "application/json" || answer.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("got %v %q", answer.Status, answer.Header)
	}
	var got roster.Page
	if err := json.Unmarshal([]byte(answer.body), &got); err != nil {
		t.Fatal(err)
	}
	want := roster.Page{
		Name: "lab", Version: "v1.2.3", Epoch: got.Epoch,
		Totals: roster.Totals{Accepted: 3, Active: 3, ClosedByReason: map[string]uint64{}},
		Listeners: []roster.Listener{
			{Label: "echo://:12000", Try: "nc 127.0.0.1 12000", Handler: "echo", Wire: "text", Addresses: []string{"[::]:12000"}, Active: 3, Accepted: 3},
			{Label: "echo+tls://:7443", Handler: "echo", Wire: "raw", Addresses: []string{"[::]:7443"}, TLS: true},
		},
		Matched: roster.Matched{Open: 3}, Offset: 1, Limit: 1, Clients: []roster.Record{{ClientID: 2, Listener: "echo://:12000"}},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(roster.Time{})); diff != "" || len(got.Epoch) != 16 {
		t.Errorf("epoch %q, (-want +got)\n%s", got.Epoch, diff)
	}
	if got.Time.Before(got.Started.Time) || got.Started.UnixMilli() != r.began.UnixMilli() {
		t.Errorf("at %v, begun at %v, and not %v", got.Time, got.Started, r.began)
	}
	asked := roster.Query{
		State: roster.Open, Sort: "name", Descending: true, Text: "x", Offset: 1, Limit: 1,
		Listeners: []string{"echo+tls://:7443"}, Handlers: []string{"echo"},
	}
	if diff := cmp.Diff([]roster.Query{asked}, r.queries()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestClients_bad(t *testing.T) {
	t.Parallel()
	s := serveTCP(t, showing(newRoll()))
	for target, want := range map[string]string{
		"/clients?limit=5000":       "limit=\"5000\": want a number from 0 to 1000\n",
		"/clients?reason=boredom":   "reason=\"boredom\": want one of done, reset\n",
		"/clients?listener=x":       "listener=\"x\": want one of echo://:12000, echo+tls://:7443\n",
		"/clients?handler=happy":    "handler=\"happy\": want one of echo\n",
		"/clients?%3Cscript%3E=%0A": "\"<script>\": want state, listener, handler, reason, q, sort, offset or limit\n",
	} {
		got := s.request("GET", target)
		if got.StatusCode != 400 || got.body != want || got.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: got %d %q %q", target, got.StatusCode, got.Header, got.body)
		}
	}
	without := serveTCP(t, admin.Options{})
	for _, target := range []string{"/clients", "/events"} {
		if got := without.request("GET", target); got.StatusCode != 404 {
			t.Errorf("%s without a roster: %d", target, got.StatusCode)
		}
	}
}

// Who has the page already is told so, and nothing is made for it.
func TestClients_etag(t *testing.T) {
	t.Parallel()
	r := newRoll()
	var ready atomic.Bool
	ready.Store(true)
	opts := showing(r)
	opts.Ready = ready.Load
	s := serveTCP(t, opts)
	ask := func(target, have string) answer {
		conn := s.connect(get(target, "If-None-Match: "+have))
		defer conn.Close()
		return readAnswer(t, bufio.NewReader(conn), "GET")
	}
	tag := func(target string) string {
		got := ask(target, `"none"`)
		if got.StatusCode != 200 {
			t.Fatalf("got %v", got.Status)
		}
		return got.Header.Get("ETag")
	}
	first := tag("/clients")
	if !strings.HasPrefix(first, `W/"`) {
		t.Errorf("the tag is %s", first)
	}
	asked := len(r.queries())
	for _, have := range []string{first, `"x", ` + first + `, "y"`} {
		if got := ask("/clients", have); got.StatusCode != 304 || got.body != "" || got.Header.Get("ETag") != first {
			t.Errorf("with %s: %v %q %q", have, got.Status, got.Header, got.body)
		}
	}
	if len(r.queries()) != asked {
		t.Errorf("a page was made for a 304")
	}
	seen := map[string]string{first: "the first"}
	fresh := func(what, target string) {
		t.Helper()
		now := tag(target)
		if other, known := seen[now]; known {
			t.Errorf("%s has the tag of %s", what, other)
		}
		seen[now] = what
	}
	fresh("another query", "/clients?limit=99")
	r.joins(1)
	fresh("another client", "/clients")
	ready.Store(false)
	fresh("a drain", "/clients")
	if again := serveTCP(t, showing(newRoll())); again.request("GET", "/clients").Header.Get("ETag") == first {
		t.Error("another process has the same tag")
	}
}

// Pages that are not read are cut off when there are too many, the oldest first, and the newest is answered.
func TestClients_unread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const answers = 32
		r := newRoll()
		r.joins(1000)
		s := servePipes(t, showing(r))
		var conns []net.Conn
		for range answers + 3 {
			conns = append(conns, s.connect(get("/clients?limit=1000")))
			synctest.Wait()
		}
		last := readAnswer(t, bufio.NewReader(conns[len(conns)-1]), "GET")
		if got := strings.Count(last.body, `"clientid"`); got != 1000 {
			t.Errorf("the newest got %d records", got)
		}
		for i, conn := range conns[:len(conns)-1] {
			body, _ := io.ReadAll(io.LimitReader(conn, 100_000))
			if cut := len(body) < 100_000; cut != (i < 3) {
				t.Errorf("answer %d: cut off is %t, after %d bytes", i, cut, len(body))
			}
			conn.Close()
		}
	})
}
