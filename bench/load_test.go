//go:build linux

package main

import (
	"errors"
	"strings"
	"testing"
)

func TestFollow(t *testing.T) {
	var said strings.Builder
	var calls []string
	call := func(name string) func() error {
		return func() error {
			calls = append(calls, name)
			return nil
		}
	}
	from := strings.NewReader("ready\nready\n" +
		`{"mode":"closed","operations":5,"bytes":320,"seconds":0.5,"latency_us":{"p50":1.5,"p90":2,"p99":3.25,"p99.9":4,"max":4}}` + "\n")
	got, err := follow(from, &said, call("ready"), call("result"))
	if err != nil {
		t.Fatal(err)
	}
	want := loadResult{Operations: 5, Bytes: 320, Seconds: 0.5}
	want.Latency.P50, want.Latency.P99 = 1.5, 3.25
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := strings.Join(calls, " "), "ready ready result"; got != want {
		t.Errorf("called %s, want %s", got, want)
	}
	if got, want := said.String(), "go\ngo\ngo\n"; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
}

func TestFollow_errors(t *testing.T) {
	nothing := func() error { return nil }
	refused := errors.New("refused")
	refuse := func() error { return refused }
	tests := []struct {
		name            string
		from            string
		ready, result   func() error
		want            error
		wantInItsString string
	}{
		{"no result", "ready\n", nothing, nothing, nil, "ended without a result"},
		{"no JSON", "what?\n", nothing, nothing, nil, `load printed "what?"`},
		{"not ready", "ready\n", refuse, nothing, refused, ""},
		{"not done", "{}\n", nothing, refuse, refused, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := follow(strings.NewReader(test.from), new(strings.Builder), test.ready, test.result)
			if err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.wantInItsString) {
				t.Errorf("got %v, want %v %s", err, test.want, test.wantInItsString)
			}
		})
	}
}
