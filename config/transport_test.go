package config_test

import (
	"testing"

	"parley/config"
)

func TestTransport(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"auto", "portable"} {
		var got config.Transport
		if err := got.UnmarshalText([]byte(text)); err != nil || got.String() != text {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
	got := config.TransportPortable
	const want = `unknown transport "fast"; valid: auto, portable`
	if err := got.UnmarshalText([]byte("fast")); err == nil || err.Error() != want || got != config.TransportPortable {
		t.Errorf("%q, %v; want no change and %s", got, err, want)
	}
}
