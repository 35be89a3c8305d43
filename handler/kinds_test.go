package handler_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"parley/handler"
	"parley/protocol"
)

// newHandler returns the handler of a Kind.
func newHandler(t testing.TB, name string, o handler.Options) handler.Handler {
	t.Helper()
	h, err := handler.Kinds[name].New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// speaks reports whether a Kind speaks the wire of that name.
func speaks(kind handler.Kind, wire string) bool {
	return len(kind.Wires) == 0 || slices.Contains(kind.Wires, wire)
}

func TestKinds(t *testing.T) {
	t.Parallel()
	scheme := regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	for name, kind := range handler.Kinds {
		if !scheme.MatchString(name) {
			t.Errorf("%q can't be the scheme of a URL", name)
		}
		if kind.Summary == "" || strings.ContainsAny(kind.Summary, "\t\n|") {
			t.Errorf("%s: summary %q does not fit into a table", name, kind.Summary)
		}
		for i, wire := range kind.Wires {
			if _, ok := protocol.Wires[wire]; !ok || slices.Contains(kind.Wires[:i], wire) {
				t.Errorf("%s: wire %q does not exist, or is listed twice", name, wire)
			}
		}
		for _, o := range []handler.Options{nil, {}} {
			if h, err := kind.New(o); h == nil || err != nil {
				t.Errorf("%s: New(%#v) = %v, %v", name, o, h, err)
			}
		}
	}
}

// TestKinds_options compares the options that a Kind lists with those that it reads. One that is not listed could never be set, and one
// that is not read would be taken and do nothing.
//
// Which options New reads shows in what it returns for an odd value: an error, or another handler than without. The keys to try are all
// strings in the source of this package that could be one, so that an option can't be forgotten here.
func TestKinds_options(t *testing.T) {
	t.Parallel()
	keys := possibleKeys(t)
	for name, kind := range handler.Kinds {
		plain := newHandler(t, name, nil)
		for _, key := range kind.Options {
			if !slices.Contains(keys, key) {
				t.Errorf("%s: no option has a name like %q", name, key)
			}
		}
		for _, key := range keys {
			h, err := kind.New(handler.Options{key: {"an odd value"}})
			read := err != nil || !reflect.DeepEqual(h, plain)
			if listed := slices.Contains(kind.Options, key); listed != read {
				t.Errorf("%s: option %s: listed %v, read %v", name, key, listed, read)
			}
			if want := key + `="an odd value": want `; err != nil && !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s: error %q, want %s...", name, err, want)
			}
		}
	}
}

// possibleKeys returns every string in the package's source that could be the key of an option.
func possibleKeys(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	var keys []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil && key.MatchString(s) {
					keys = append(keys, s)
				}
			}
			return true
		})
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func TestKinds_badValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind    string
		options handler.Options
		want    string
	}{
		{"echo", handler.Options{"once": {"maybe"}}, `once="maybe": want true or false`},
		{"echo", handler.Options{"once": {""}}, `once="": want true or false`},
		{"happy", handler.Options{"once": {"not"}}, `once="not": want true or false`},
		{"happy", handler.Options{"message": {"a\nb"}}, `message="a\nb": want a text without control characters`},
		{"counting", handler.Options{"once": {"2"}}, `once="2": want true or false`},
		{"counting", handler.Options{"limit": {"five"}}, `limit="five": want a whole number from 0 to 100000`},
		{"counting", handler.Options{"limit": {""}}, `limit="": want a whole number from 0 to 100000`},
		{"counting", handler.Options{"limit": {"-1"}}, `limit="-1": want a whole number from 0 to 100000`},
		{"counting", handler.Options{"limit": {"1.5"}}, `limit="1.5": want a whole number from 0 to 100000`},
		{"counting", handler.Options{"limit": {"100001"}}, `limit="100001": want a whole number from 0 to 100000`},
		{"counting", handler.Options{"limit": {"99999999999999999999"}}, `limit="99999999999999999999": want a whole number from 0 to 100000`},
		{"chat", handler.Options{"queue": {"many"}}, `queue="many": want a whole number from 0 to 65536`},
		{"chat", handler.Options{"queue": {"65537"}}, `queue="65537": want a whole number from 0 to 65536`},
		{"chat", handler.Options{"queue": {"-1"}}, `queue="-1": want a whole number from 0 to 65536`},
		{
			"counting",
			handler.Options{"once": {"x"}, "limit": {"y"}},
			`limit="y": want a whole number from 0 to 100000` + "\n" + `once="x": want true or false`,
		},
	}
	for _, tt := range tests {
		h, err := handler.Kinds[tt.kind].New(tt.options)
		if h != nil || err == nil || err.Error() != tt.want {
			t.Errorf("%s %v: got %v, %v; want %s", tt.kind, tt.options, h, err, tt.want)
		}
	}
}
