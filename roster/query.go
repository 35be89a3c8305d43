package roster

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a Query.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
	maxText      = 256 // bytes
)

// A Query says which connections are asked for. Its zero value asks for none, because of its limit.
type Query struct {
	State      State
	Listeners  []string // labels, any of which; empty: all
	Handlers   []string // names, any of which; empty: all
	Reasons    []string // any of which, so that no open connection fits; empty: all
	Text       string   // what a connection has somewhere, in whatever case; empty: all. See Parse.
	Sort       string   // one of SortKeys; empty: clientid, and the closed by their end, the latest first
	Descending bool
	Offset     int // how many of those that fit are left out
	Limit      int // how many are wanted, MaxLimit at most
}

// A State is which connections a query is about.
type State string

// The states.
const (
	Open   State = "open"
	Closed State = "closed"
	All    State = "all"
)

// SortKeys are what connections can be sorted by. Ties are in the order of their IDs.
var SortKeys = []string{
	"clientid", "you", "listener", "handler", "name", "since", "last_active", "messages", "bytes", "duration", "reason",
}

// Words are those that a query may use of a server. An empty list allows any.
type Words struct {
	Listeners, Handlers, Reasons []string
}

// Parse reads the query of a URL. The error is one line that says what would be valid.
//
//	state=open|closed|all (default all), listener=LABEL, handler=NAME, reason=WORD, sort=KEY or -KEY,
//	offset=N, limit=N (default 100, at most 1000)
//	q=TEXT    the whole of a clientid, or part of you, via, name, email, listener, reason, sni or client_cn
//
// A listener, handler or reason that stands more than once means any of them.
func Parse(values url.Values, words Words) (Query, error) {
	q := Query{State: All, Limit: DefaultLimit}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if err := q.set(key, values[key], words); err != nil {
			return Query{}, err
		}
	}
	return q, nil
}

func (q *Query) set(key string, values []string, words Words) (err error) {
	switch key {
	case "listener":
		q.Listeners = values
		return known(key, values, words.Listeners)
	case "handler":
		q.Handlers = values
		return known(key, values, words.Handlers)
	case "reason":
		q.Reasons = values
		return known(key, values, words.Reasons)
	}
	if len(values) > 1 {
		if slices.Contains([]string{"state", "q", "sort", "offset", "limit"}, key) {
			return fmt.Errorf("%s: only once, please", key)
		}
	}
	value := values[0]
	switch key {
	case "state":
		q.State = State(value)
		err = known(key, values, []string{string(Open), string(Closed), string(All)})
	case "q":
		q.Text = value
		if len(value) > maxText {
			err = fmt.Errorf("q: at most %d bytes", maxText)
		}
	case "sort":
		q.Sort, q.Descending = strings.CutPrefix(value, "-")
		if !slices.Contains(SortKeys, q.Sort) {
			err = fmt.Errorf("sort=%q: want one of %s, or one of them behind a hyphen", value, strings.Join(SortKeys, ", "))
		}
	case "offset":
		q.Offset, err = number(key, value, 1<<31-1)
	case "limit":
		q.Limit, err = number(key, value, MaxLimit)
	default:
		err = fmt.Errorf("%q: want state, listener, handler, reason, q, sort, offset or limit", key)
	}
	return err
}

func known(key string, values, words []string) error {
	for _, value := range values {
		if len(words) > 0 && !slices.Contains(words, value) {
			return fmt.Errorf("%s=%q: want one of %s", key, value, strings.Join(words, ", "))
		}
	}
	return nil
}

func number(key, value string, most int) (int, error) {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil || n > uint64(most) {
		return 0, fmt.Errorf("%s=%q: want a number from 0 to %d", key, value, most)
	}
	return int(n), nil
}
