package config_test

import (
	"testing"

	"parley/config"
)

func TestLogFormat(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"auto", "console", "json"} {
		var got config.LogFormat
		if err := got.UnmarshalText([]byte(text)); err != nil || got.String() != text {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
	got := config.LogConsole
	const want = `unknown format "plain"; valid: auto, console, json`
	if err := got.UnmarshalText([]byte("plain")); err == nil || err.Error() != want || got != config.LogConsole {
		t.Errorf("%q, %v; want no change and %s", got, err, want)
	}
}
