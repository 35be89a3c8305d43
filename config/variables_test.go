package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/caarlos0/env/v10"
	"github.com/google/go-cmp/cmp"

	"parley/config"
)

// TestVariables compares our walk over the tags with that of the library that
// reads the values: a field that only one of them sees would be undocumented, or
// documented and ignored.
func TestVariables(t *testing.T) {
	t.Parallel()
	fields, err := env.GetFieldParams(&config.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, field := range fields {
		want = append(want, field.Key+"="+field.DefaultValue)
	}
	for _, v := range config.Variables() {
		got = append(got, v.Name+"="+v.Default)
		if !strings.HasPrefix(v.Name, "PARLEY_") || v.Type == "" || v.Doc == "" {
			t.Errorf("incomplete: %+v", v)
		}
		if strings.ContainsAny(v.Type+v.Default+v.Doc, "\t\n`") {
			t.Errorf("%s would break a table: %+v", v.Name, v)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names and defaults (-env +ours):\n%s", diff)
	}
}

// TestVariablesAvoidKubernetes: a service named parley sets PARLEY_PORT and
// PARLEY_SERVICE_*, one named parley-x sets PARLEY_X_PORT, and so on.
func TestVariablesAvoidKubernetes(t *testing.T) {
	t.Parallel()
	for _, v := range config.Variables() {
		for _, taken := range []string{"_PORT", "_SERVICE_HOST", "_SERVICE_PORT"} {
			if strings.HasSuffix(v.Name, taken) || strings.Contains(v.Name, taken+"_") {
				t.Errorf("Kubernetes may set %s", v.Name)
			}
		}
	}
}

// TestDefaultsAreValues shows that each default can be written out: an environment
// file made from the table starts the same daemon.
func TestDefaultsAreValues(t *testing.T) {
	t.Parallel()
	var environ []string
	for _, v := range config.Variables() {
		environ = append(environ, v.Name+"="+v.Default)
	}
	environ = append(environ, "PARLEY_ADMIN=127.0.0.1:12001")
	explicit, _, warnings, err := config.Load(environ, nil, catalog)
	if err != nil || warnings != nil {
		t.Fatalf("Load: warnings %q, error %v; want neither", warnings, err)
	}
	implicit, _, _, err := config.Load(nil, nil, catalog)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(implicit, explicit, comparePrefixes); diff != "" {
		t.Errorf("configuration (-implicit +explicit):\n%s", diff)
	}
}

func TestWriteMarkdownEscapes(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := config.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); n != 5 {
			t.Errorf("%d bars instead of 5 in %s", n, line)
		}
	}
}

// fullDisk is a writer that has no room.
type fullDisk struct{}

var errFull = errors.New("no space left on device")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestWriteError(t *testing.T) {
	t.Parallel()
	if err := config.WriteTable(fullDisk{}); !errors.Is(err, errFull) {
		t.Errorf("WriteTable: %v, want %v", err, errFull)
	}
	if err := config.WriteMarkdown(fullDisk{}); !errors.Is(err, errFull) {
		t.Errorf("WriteMarkdown: %v, want %v", err, errFull)
	}
}
