package config_test

import (
	"math"
	"testing"

	"parley/config"
)

func TestBytes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want config.Bytes
		back string
	}{
		{"0", 0, "0B"},
		{"0GiB", 0, "0B"},
		{"512", 512, "512B"},
		{"512B", 512, "512B"},
		{"8192", 8192, "8KiB"},
		{"8KiB", 8192, "8KiB"},
		{"8 kib", 8192, "8KiB"},
		{"8KB", 8000, "8KB"},
		{"1MiB", 1 << 20, "1MiB"},
		{"1mb", 1e6, "1MB"},
		{"1024KB", 1024000, "1000KiB"},
		{"3GiB", 3 << 30, "3GiB"},
		{"4GB", 4e9, "4GB"},
		{"9223372036854775807", math.MaxInt64, "9223372036854775807B"},
		{"8589934591GiB", 8589934591 << 30, "8589934591GiB"},
	}
	for _, test := range tests {
		var got config.Bytes
		if err := got.UnmarshalText([]byte(test.text)); err != nil || got != test.want {
			t.Errorf("%q = %d, %v; want %d", test.text, got, err, test.want)
		}
		if got := got.String(); got != test.back {
			t.Errorf("%q is written %q, want %q", test.text, got, test.back)
		}
	}
}

func TestBytesFaults(t *testing.T) {
	t.Parallel()
	const (
		malformed = "a size is a whole number and a unit (B, KiB, MiB, GiB, or KB, MB, GB for powers of 1000), as in 8KiB"
		negative  = "a size cannot be negative"
		overflow  = "a size is at most 9223372036854775807 bytes"
	)
	tests := []struct{ text, want string }{
		{"", malformed},
		{"KiB", malformed},
		{"8K", malformed},
		{"8KiBB", malformed},
		{"8TiB", malformed},
		{"1.5KiB", malformed},
		{"1e3", malformed},
		{"0x10", malformed},
		{"8KiB/s", malformed},
		{"-1", negative},
		{"-1KiB", negative},
		{"-99999999999999999999", negative},
		{"9223372036854775808", overflow},
		{"8589934592GiB", overflow},
	}
	for _, test := range tests {
		got := config.Bytes(42)
		err := got.UnmarshalText([]byte(test.text))
		if err == nil || err.Error() != test.want {
			t.Errorf("%q: error %v, want %s", test.text, err, test.want)
		}
		if got != 42 {
			t.Errorf("%q: an error, and the value was changed to %d", test.text, got)
		}
	}
}

// FuzzBytes checks that what is accepted is written so that it reads the same.
func FuzzBytes(f *testing.F) {
	for _, seed := range []string{"0", "8192", "8KiB", "8 kb", "-1", "1.5MiB", "8589934592GiB", "9223372036854775807"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var first, second config.Bytes
		if first.UnmarshalText([]byte(text)) != nil {
			return
		}
		if first < 0 {
			t.Fatalf("%q = %d, a negative size", text, first)
		}
		if err := second.UnmarshalText([]byte(first.String())); err != nil || second != first {
			t.Fatalf("%q = %d, written %q, read back as %d, %v", text, first, first, second, err)
		}
	})
}
