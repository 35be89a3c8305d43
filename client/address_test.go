package client_test

import (
	"testing"

	"parley/client"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ address, want, fault string }{
		{address: "10.0.0.5:12000", want: "10.0.0.5:12000"},
		{address: "localhost:12000", want: "localhost:12000"},
		{address: ":12000", want: "localhost:12000"},
		{address: "[::1]:12000", want: "[::1]:12000"},
		{address: "[fe80::1%eth0]:12000", want: "[fe80::1%eth0]:12000"},
		{address: "Grüße.example:1", want: "Grüße.example:1"},
		{address: "/run/parley.sock", want: "/run/parley.sock"},
		{address: "./parley.sock", want: "./parley.sock"},
		{address: "unix:parley.sock", want: "unix:parley.sock"},
		{address: "unix:/run/parley.sock", want: "/run/parley.sock"},
		{address: "@parley", want: "@parley"},

		{address: "", fault: `"" has no port, as in localhost:12000 or [::1]:12000`},
		{address: "localhost", fault: `"localhost" has no port, as in localhost:12000 or [::1]:12000`},
		{address: "::1:12000", fault: `"::1:12000": an IPv6 address stands in brackets, as in [::1]:12000`},
		{address: "[::1:12000", fault: `"[::1:12000" has no port, as in localhost:12000 or [::1]:12000`},
		{address: "[::x]:12000", fault: `"::x" is no IPv6 address`},
		{address: "localhost:ssh", fault: `"ssh" is no port, a number from 1 to 65535`},
		{address: "localhost:0", fault: `"0" is no port, a number from 1 to 65535`},
		{address: "localhost:65536", fault: `"65536" is no port, a number from 1 to 65535`},
		{address: "local host:1", fault: `"local host" is no host, a name or an address`},
		{address: "\x1bc:1", fault: `"\x1bc" is no host, a name or an address`},
		{address: "echo://:12000", fault: `"echo://:12000" is a URL: write localhost:12000`},
		{address: "http://[::1]:13000/x?y", fault: `"http://[::1]:13000/x?y" is a URL: write [::1]:13000`},
		{address: "echo://", fault: `"echo://" is a URL, and where a server is to be found is HOST:PORT or the path of a socket`},
		{address: "unix:", fault: `"unix:" is no path of a socket`},
		{address: "@", fault: `"@" is no path of a socket`},
	} {
		a, err := client.ParseAddress(tt.address)
		switch {
		case err != nil && err.Error() != tt.fault:
			t.Errorf("%q: error %q, want %q", tt.address, err, tt.fault)
		case err == nil && (tt.fault != "" || a.String() != tt.want):
			t.Errorf("%q: got %q, want %q%s", tt.address, a, tt.want, tt.fault)
		case err == nil:
			if again, err := client.ParseAddress(a.String()); err != nil || again != a {
				t.Errorf("%q: written as %q, which is read as %q, %v", tt.address, a, again, err)
			}
		}
	}
}

func TestTCPAddress(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{"::1": "[::1]:80", "[::1]": "[::1]:80", "localhost": "localhost:80", "": "localhost:80"} {
		a, err := client.TCPAddress(host, "80")
		if err != nil || a.String() != want {
			t.Errorf("%q: got %q, %v, want %q", host, a, err, want)
		}
	}
}
