package roster_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/roster"
)

var words = roster.Words{
	Listeners: []string{"echo://:12000", "chat://:7000"},
	Handlers:  []string{"echo", "chat"},
	Reasons:   []string{"client_closed", "done"},
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		query string
		want  roster.Query
	}{
		{"", roster.Query{State: roster.All, Limit: 100}},
		{"state=open&limit=1000&offset=20", roster.Query{State: roster.Open, Limit: 1000, Offset: 20}},
		{"limit=0", roster.Query{State: roster.All}},
		{"sort=-bytes&q=Ada+L", roster.Query{State: roster.All, Limit: 100, Sort: "bytes", Descending: true, Text: "Ada L"}},
		{"listener=echo%3A%2F%2F%3A12000&listener=chat%3A%2F%2F%3A7000&handler=echo&reason=done&state=closed", roster.Query{
			State: roster.Closed, Limit: 100, Listeners: words.Listeners, Handlers: []string{"echo"}, Reasons: []string{"done"},
		}},
	} {
		got, err := roster.Parse(parsed(t, test.query), words)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%q: %v, (-want +got)\n%s", test.query, err, diff)
		}
	}
}

// What is wrong is said in one line, with what would be right.
func TestParse_bad(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"stat=open":                     `"stat": want state, listener, handler, reason, q, sort, offset or limit`,
		"state=":                        `state="": want one of open, closed, all`,
		"state=open&state=open":         `state: only once, please`,
		"listener=echo":                 `listener="echo": want one of echo://:12000, chat://:7000`,
		"handler=echo&handler=":         `handler="": want one of echo, chat`,
		"reason=bored":                  `reason="bored": want one of client_closed, done`,
		"limit=1001":                    `limit="1001": want a number from 0 to 1000`,
		"limit=-1":                      `limit="-1": want a number from 0 to 1000`,
		"offset=1e3":                    `offset="1e3": want a number from 0 to 2147483647`,
		"offset=99999999999":            `offset="99999999999": want a number from 0 to 2147483647`,
		"sort=--name":                   `sort="--name": want one of clientid, you, listener, handler, name, since, last_active, messages, bytes, duration, reason, or one of them behind a hyphen`,
		"q=" + strings.Repeat("x", 257): `q: at most 256 bytes`,
		"x=%0Ay&%0A=":                   `"\n": want state, listener, handler, reason, q, sort, offset or limit`,
	} {
		got, err := roster.Parse(parsed(t, query), words)
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %+v, %v; want %s", query, got, err, want)
		}
	}
}

func parsed(t *testing.T, query string) url.Values {
	t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// Whatever the query, it is refused in one line or within its bounds.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "state=open&sort=-name&limit=5", "listener=echo://:12000&q=%ff", "reason=done&reason=done", "offset=-1", "=&=", "limit=0x10"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		q, err := roster.Parse(values, words)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("more than a line: %q", err)
			}
			return
		}
		if q.Limit < 0 || q.Limit > roster.MaxLimit || q.Offset < 0 || len(q.Text) > 256 ||
			!slices.Contains([]roster.State{roster.Open, roster.Closed, roster.All}, q.State) ||
			q.Sort != "" && !slices.Contains(roster.SortKeys, q.Sort) {
			t.Errorf("%q is out of bounds: %+v", query, q)
		}
		for _, listener := range q.Listeners {
			if !slices.Contains(words.Listeners, listener) {
				t.Errorf("%q is none of the listeners", listener)
			}
		}
	})
}

func ExampleParse() {
	values, _ := url.ParseQuery("state=open&sort=age")
	_, err := roster.Parse(values, roster.Words{})
	fmt.Println(err)
	// Output: sort="age": want one of clientid, you, listener, handler, name, since, last_active, messages, bytes, duration, reason, or one of them behind a hyphen
}
