package config_test

import (
	"net/netip"
	"testing"

	"parley/config"
)

func TestPrefixes(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"", ""},
		{"10.0.0.0/8", "10.0.0.0/8"},
		{"192.0.2.7", "192.0.2.7/32"},
		{"2001:DB8::1", "2001:db8::1/128"},
		{" 10.0.0.0/8,\t192.0.2.0/24 ::/0,", "10.0.0.0/8,192.0.2.0/24,::/0"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"::ffff:10.0.0.0/104", "10.0.0.0/8"},
		{"::ffff:192.0.2.7", "192.0.2.7/32"},
	}
	for _, test := range tests {
		got := config.Prefixes{netip.MustParsePrefix("198.51.100.0/24")}
		if err := got.UnmarshalText([]byte(test.text)); err != nil || got.String() != test.want {
			t.Errorf("%q = %v, %v; want %s", test.text, got, err, test.want)
		}
	}
}

func TestPrefixesFaults(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"10.0.0.0/8,example.com", `"example.com" is neither an address nor a prefix, as in 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32`},
		{"10.0.0.0/33", `"10.0.0.0/33" is neither an address nor a prefix, as in 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32`},
		{"10.0.0/8", `"10.0.0/8" is neither an address nor a prefix, as in 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32`},
		{"10.1.2.3/8", `"10.1.2.3/8" has bits beyond its mask: write 10.0.0.0/8 for the network, or 10.1.2.3 for the one address`},
		{"::ffff:10.1.2.3/104", `"::ffff:10.1.2.3/104" has bits beyond its mask: write 10.0.0.0/8 for the network, or 10.1.2.3 for the one address`},
		{"::ffff:0.0.0.0/64", `"::ffff:0.0.0.0/64" covers more than IPv4: write 0.0.0.0/0 or ::/0`},
		{"fe80::1%eth0", `"fe80::1%eth0": a list has no zones: write fe80::1`},
		{" , ", `the list names no network: leave it empty, or name some as in 10.0.0.0/8,2001:db8::/32`},
	}
	for _, test := range tests {
		var got config.Prefixes
		err := got.UnmarshalText([]byte(test.text))
		if err == nil || err.Error() != test.want {
			t.Errorf("%q: error %v, want %s", test.text, err, test.want)
		}
		if got != nil {
			t.Errorf("%q: an error, and the list is %v", test.text, got)
		}
	}
}

func TestPrefixesContains(t *testing.T) {
	t.Parallel()
	var list config.Prefixes
	if err := list.UnmarshalText([]byte("10.0.0.0/8 fe80::/10")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		addr string
		want bool
	}{
		{"10.1.2.3", true},
		{"::ffff:10.1.2.3", true}, // how a dual-stack socket reports it
		{"11.0.0.1", false},
		{"fe80::1%eth0", true},
		{"2001:db8::1", false},
	}
	for _, test := range tests {
		if got := list.Contains(netip.MustParseAddr(test.addr)); got != test.want {
			t.Errorf("Contains(%s) = %v, want %v", test.addr, got, test.want)
		}
	}
	if list.Contains(netip.Addr{}) || config.Prefixes(nil).Contains(netip.MustParseAddr("10.0.0.1")) {
		t.Error("no address is in a list, or an address in an empty one")
	}
}

// FuzzPrefixes checks that what is accepted is written so that it reads the same,
// and that no network is IPv4 in disguise, which no client's address would match.
func FuzzPrefixes(f *testing.F) {
	for _, seed := range []string{"", "10.0.0.0/8", "192.0.2.7 2001:db8::/32", "::ffff:10.0.0.0/104", "10.1.2.3/8", "fe80::1%eth0", ","} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var first, second config.Prefixes
		if first.UnmarshalText([]byte(text)) != nil {
			return
		}
		for _, prefix := range first {
			if !prefix.IsValid() || prefix.Addr().Is4In6() || !first.Contains(prefix.Addr()) {
				t.Fatalf("%q has the network %v", text, prefix)
			}
		}
		if err := second.UnmarshalText([]byte(first.String())); err != nil || second.String() != first.String() {
			t.Fatalf("%q is written %q, read back as %v, %v", text, first, second, err)
		}
	})
}
