package client_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"parley/client"
)

func TestParsePin(t *testing.T) {
	t.Parallel()
	want := client.Pin(bytes.Repeat([]byte{0xfb, 0xff}, 16))
	hex := strings.Repeat("fbff", 16)
	colons := strings.TrimSuffix(strings.Repeat("FB:FF:", 16), ":")
	for _, s := range []string{
		hex, strings.ToUpper(hex), colons, "sha256:" + hex, "SHA256:" + colons,
		base64.StdEncoding.EncodeToString(want[:]), base64.RawStdEncoding.EncodeToString(want[:]),
		base64.URLEncoding.EncodeToString(want[:]), "sha256:" + base64.RawURLEncoding.EncodeToString(want[:]),
		want.String(),
	} {
		if got, err := client.ParsePin(s); got != want || err != nil {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{
		"", "sha256:", hex[:63], hex[:62], hex + "00", "g" + hex[1:], "sha1:" + hex, base64.StdEncoding.EncodeToString(want[:31]),
		base64.StdEncoding.EncodeToString(append(want[:], 0)), base64.RawStdEncoding.EncodeToString(want[:])[:42] + "9", hex + " ",
	} {
		got, err := client.ParsePin(s)
		if err == nil || got != (client.Pin{}) || !strings.HasSuffix(err.Error(), "is no SHA-256, 64 hexadecimal digits or 44 characters of base64") {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}

// FuzzParsePin: what is taken for a pin is the one that it is printed as.
func FuzzParsePin(f *testing.F) {
	f.Add(strings.Repeat("fbff", 16))
	f.Add("sha256:" + strings.Repeat("AA:", 31) + "AA")
	f.Add("+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=")
	f.Fuzz(func(t *testing.T, s string) {
		pin, err := client.ParsePin(s)
		if err != nil {
			return
		}
		if again, err := client.ParsePin(pin.String()); again != pin || err != nil {
			t.Fatalf("%q: %v, read again %v, %v", s, pin, again, err)
		}
	})
}
