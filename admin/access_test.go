package admin_test

import (
	"bufio"
	"fmt"
	"testing"
)

// A request must name a host that nobody else can have, or one that is said to be ours; one for /metrics, which tells nothing of
// people, may also name one that only those on the same network could claim.
func TestAccess_host(t *testing.T) {
	t.Parallel()
	opts := showing(newRoll())
	opts.Hosts = []string{"Parley.example.org", "lab.example.org."}
	anyHost := opts
	anyHost.Hosts = []string{"*"}
	s, open := serveTCP(t, opts), serveTCP(t, anyHost)
	status := func(s *site, target, host string) answer {
		conn := s.connect(fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, host))
		defer conn.Close()
		return readAnswer(t, bufio.NewReader(conn), "GET")
	}
	answered := func(host string, targets ...string) {
		t.Helper()
		for _, target := range targets {
			if got := status(s, target, host); got.StatusCode != 200 {
				t.Errorf("%s of %s: %d %s", target, host, got.StatusCode, got.body)
			}
		}
	}
	refused := func(host string, targets ...string) {
		t.Helper()
		want := fmt.Sprintf("%q may be somebody else's: ask for an address, or have PARLEY_ADMIN_HOSTS name it if it is this server's\n", host)
		for _, target := range targets {
			if got := status(s, target, host); got.StatusCode != 421 || got.body != want {
				t.Errorf("%s of %s: %d %s", target, host, got.StatusCode, got.body)
			}
		}
		if got := status(open, "/clients", host); got.StatusCode != 200 {
			t.Errorf("%s where any will do: %d", host, got.StatusCode)
		}
	}
	for _, host := range []string{
		"127.0.0.1:12001", "192.0.2.7", "[::1]:12001", "[2001:db8::1]", "[fe80::1%25eth0]:80", "localhost:12001", "LOCALHOST", "localhost.",
		"a.localhost", "parley.example.org", "PARLEY.example.org:12001", "parley.example.org.", "lab.example.org:80", "",
	} {
		answered(host, "/clients", "/", "/metrics", "/healthz", "/readyz")
	}
	for _, host := range []string{
		"parley:12001", "lab3:80", "printer.local:12001", "x.internal", "parley.default.svc", "parley.default.svc.cluster.local:12001",
		"nas.home.arpa", "a.test", "local.", "127", "notlocalhost",
	} {
		answered(host, "/metrics", "/healthz", "/readyz")
		refused(host, "/clients", "/events", "/", "/debug/pprof/", "/nowhere")
	}
	for _, host := range []string{
		"evil.example", "evil.example:12001", "127.0.0.1.evil.example", "parley.example.org.evil.example", "evilparley.example.org", "example.org",
		"localhost.evil.example", "xn--local.example", "127.1", "0x7f.0.0.1", "svc.example", "a.local.evil.example:12001",
	} {
		answered(host, "/healthz", "/readyz")
		refused(host, "/clients", "/events", "/metrics", "/", "/debug/pprof/", "/nowhere")
	}
}

// What another site has a browser ask for is refused, but for a link to the page.
func TestAccess_origin(t *testing.T) {
	t.Parallel()
	s := serveTCP(t, showing(newRoll()))
	link := []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}
	for _, test := range []struct {
		target string
		header []string
		status int
	}{
		{"/clients", nil, 200},
		{"/clients", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"}, 200},
		{"/clients", []string{"Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}, 200},
		{"/clients", []string{"Origin: http://localhost"}, 200},
		{"/clients", []string{"Origin: https://LOCALHOST"}, 200},
		{"/", link, 200},
		{"/", []string{"Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}, 200},

		{"/clients", link, 403},
		{"/events", link, 403},
		{"/metrics", link, 403},
		{"/", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"}, 403},
		{"/", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"}, 403},
		{"/events", []string{"Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"}, 403},
		{"/clients", []string{"Origin: http://evil.example"}, 403},
		{"/clients", []string{"Origin: http://localhost:81"}, 403},
		{"/clients", []string{"Origin: null"}, 403},
		{"/clients", []string{"Origin: http://localhost", "Origin: http://evil.example"}, 403},
		{"/clients", []string{"Origin: http://%zz"}, 403},
	} {
		conn := s.connect(get(test.target, test.header...))
		got := readAnswer(t, bufio.NewReader(conn), "GET")
		conn.Close()
		if got.StatusCode != test.status || got.StatusCode == 403 && got.body != "not for pages of others\n" {
			t.Errorf("%s with %q: %d %s, want %d", test.target, test.header, got.StatusCode, got.body, test.status)
		}
		if got.Header.Get("Cross-Origin-Resource-Policy") != "same-origin" || got.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s with %q: %q", test.target, test.header, got.Header)
		}
	}
}
