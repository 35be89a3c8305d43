package roster_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/roster"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	then   = roster.Time{Time: time.Date(2026, 11, 20, 13, 48, 5, 120_900_000, time.FixedZone("CET", 3600))}
	later  = roster.Time{Time: time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)}
	lasted = 1.234

	open = roster.Record{
		ClientID: 17, You: "203.0.113.9:51544", Via: "10.0.0.2:4444", Me: "10.2.1.4:12000", Listener: "register+tls://:12000", Handler: "register",
		Wire: "text", Since: then, LastActive: later, MessagesReceived: 4, MessagesSent: 5, ReceivedBytes: 100, SentBytes: 200,
		Name: `<img src=x onerror=alert(1)>`, Email: "ada@example.org", TLS: "1.3", SNI: "lab.test", ClientCN: "ada", Fault: "delay=200ms",
		Message: `\x1b[31mred`,
	}
	closed = roster.Record{
		ClientID: 3, You: "unix", Listener: "echo+unix:///run/parley.sock", Handler: "echo", Wire: "raw", Since: then, LastActive: then,
		End: later, Duration: &lasted, Reason: "client_closed",
	}
	totals = roster.Totals{
		Accepted: 12, Active: 3, Closed: 9, ClosedByReason: map[string]uint64{"reset": 1, "client_closed": 8},
		MessagesReceived: 40, MessagesSent: 41, ReceivedBytes: 1000, SentBytes: 2000,
	}
)

// What /clients and /events say in JSON. Others read it: a key that goes, or comes to mean something else, breaks them.
func TestJSON(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{
		"page": &roster.Page{
			Time: later, Name: "pod-x", Version: "v1.2.3", Started: then, Epoch: "6a1f00c0ffee0001", Totals: totals,
			Listeners: []roster.Listener{
				{Label: "register+tls://:12000", Handler: "register", Wire: "text", Addresses: []string{"[::]:12000"}, TLS: true, Try: "nc host 12000", Active: 3, Accepted: 12},
				{Label: "echo+unix:///run/parley.sock", Handler: "echo", Wire: "raw", Addresses: []string{"/run/parley.sock"}},
			},
			Matched: roster.Matched{Open: 3, Closed: 9}, Limit: 100, Clients: []roster.Record{open, closed},
		},
		"empty": &roster.Page{Totals: roster.Totals{ClosedByReason: map[string]uint64{}}, Listeners: []roster.Listener{}, Clients: []roster.Record{}},
		"hello": &roster.Hello{Epoch: "6a1f00c0ffee0001", Name: "pod-x", Version: "v1.2.3", Started: then, Time: later, IntervalMS: 250, Seq: 7},
		"reset": &roster.Reset{Epoch: "6a1f00c0ffee0001", Seq: 7},
		"roster": &roster.Change{
			Time: later, Seq: 8, Draining: true, Totals: totals, Listeners: []roster.Counts{{Label: "echo://:12000", Active: 3, Accepted: 12}},
			Joined: []roster.Record{open}, Left: []roster.Record{closed}, Changed: []roster.Record{}, More: roster.More{Joined: 1, Left: 2, Changed: 3},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := json.MarshalIndent(value, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(bytes.TrimSpace(want)), string(got)); diff != "" {
				t.Errorf("(-golden +got; -update writes them):\n%s", diff)
			}

			// Who reads it gets what was written.
			read := reflect.New(reflect.TypeOf(value).Elem()).Interface()
			if err := json.Unmarshal(got, read); err != nil {
				t.Fatal(err)
			}
			again, err := json.MarshalIndent(read, "", "  ")
			if err != nil || string(again) != string(got) {
				t.Errorf("read and written again: %v\n%s", err, cmp.Diff(string(got), string(again)))
			}
		})
	}
}
