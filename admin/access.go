package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// unregistered are the domains under which nobody can register a name. Those on the same network may claim one, and a name without
// a dot, by mDNS, LLMNR or DHCP: that is good enough for what names nobody.
var unregistered = []string{".local", ".internal", ".svc", ".home.arpa", ".test"}

// An access refuses what a page of somebody else has a visitor's browser ask for. The browser reaches a server that the page's
// owner does not: on loopback, or behind a firewall. A name of the owner's that is made to point there (DNS rebinding) would make
// the page and us one origin, so that it could read all; hence the Host that a request names has to be one that nobody
// else can have, on the same network neither: an address, localhost or one that is said to be ours. /metrics, which tells nothing
// of people, is scraped under names of the local network and of containers, too. Probes of balancers name whatever they like, and
// /healthz and /readyz tell nothing: these two answer all.
type access struct {
	hosts []string // that are ours, in lower case; "*": any
}

func newAccess(hosts []string) access {
	var a access
	for _, host := range hosts {
		a.hosts = append(a.hosts, canonical(host))
	}
	return a
}

// guard answers requests that are refused, and hands on the others.
func (a access) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/healthz" || r.URL.Path == "/readyz":
		case !a.ours(r.Host) && !(r.URL.Path == "/metrics" && local(r.Host)):
			reply(w, http.StatusMisdirectedRequest,
				fmt.Sprintf("%q may be somebody else's: ask for an address, or have PARLEY_ADMIN_HOSTS name it if it is this server's\n", r.Host))
			return
		case foreign(r):
			reply(w, http.StatusForbidden, "not for pages of others\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ours reports whether a Host is one that nobody else can have. Browsers resolve localhost themselves (RFC 6761, section 6.3), and
// always name a host.
func (a access) ours(hostport string) bool {
	host := canonical(hostOf(hostport))
	if _, err := netip.ParseAddr(host); err == nil || host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	return slices.Contains(a.hosts, "*") || slices.Contains(a.hosts, host)
}

// local reports whether a Host is one that nobody can have in the Internet.
func local(hostport string) bool {
	host := canonical(hostOf(hostport))
	return !strings.Contains(host, ".") ||
		slices.ContainsFunc(unregistered, func(domain string) bool { return strings.HasSuffix(host, domain) })
}

// hostOf returns the host of HOST or HOST:PORT, without the brackets of IPv6.
func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
}

func canonical(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// foreign reports whether another site than ours has a browser send the request. A link to the page may stand anywhere.
func foreign(r *http.Request) bool {
	if origins := r.Header.Values("Origin"); len(origins) > 0 {
		origin, err := url.Parse(origins[0])
		if err != nil || len(origins) > 1 || !strings.EqualFold(origin.Host, r.Host) {
			return true
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return r.URL.Path != "/" || r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
	}
	return false
}
