package server_test

import (
	"net/netip"
	"testing"
	"testing/synctest"

	"go.uber.org/zap/zapcore"

	"parley/server"
)

func prefixes(words ...string) (list []netip.Prefix) {
	for _, w := range words {
		list = append(list, netip.MustParsePrefix(w))
	}
	return list
}

func TestAllowDeny(t *testing.T) {
	for name, test := range map[string]struct {
		allow, deny []netip.Prefix
		in, out     []string
	}{
		"none":         {in: []string{"203.0.113.5", "2001:db8::1"}},
		"allow":        {allow: prefixes("10.0.0.0/8", "2001:db8::/32"), in: []string{"10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"}, out: []string{"11.0.0.1", "2001:db9::1"}},
		"deny":         {deny: prefixes("10.0.0.0/8"), in: []string{"11.0.0.1", "2001:db8::1"}, out: []string{"10.1.2.3", "::ffff:10.1.2.3"}},
		"deny is last": {allow: prefixes("10.0.0.0/8"), deny: prefixes("10.1.0.0/16"), in: []string{"10.2.0.1"}, out: []string{"10.1.0.1", "11.0.0.1"}},
		"zone":         {allow: prefixes("fe80::/10"), in: []string{"fe80::1%eth0"}, out: []string{"2001:db8::1"}},
		"nobody":       {deny: prefixes("0.0.0.0/0", "::/0"), out: []string{"203.0.113.5", "2001:db8::1"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, overPipe, echo(""), greeting, limits(server.Limits{Allow: test.allow, Deny: test.deny}))
				for _, ip := range test.in {
					c := s.dialFrom(netip.MustParseAddr(ip))
					if _, err := c.r.ReadString('\n'); err != nil {
						t.Errorf("%s got %v and no greeting", ip, err)
					}
				}
				for _, ip := range test.out {
					s.dialFrom(netip.MustParseAddr(ip)).wantEnd() // Without a word.
					if e := s.wantEnd(server.Denied); e.Level != zapcore.DebugLevel {
						t.Errorf("%s is logged at %v", ip, e.Level)
					}
				}
				synctest.Wait()
				m := s.metrics()
				if n := m.of("parley_connections_closed_total", "denied"); n != float64(len(test.out)) {
					t.Errorf("%v denied, want %d", n, len(test.out))
				}
				if n := m.of("parley_connections_active"); n != float64(len(test.in)) {
					t.Errorf("%v active, want %d", n, len(test.in))
				}
				if n, want := s.log.count("turning connections away"), min(1, len(test.out)); n != want {
					t.Errorf("%d lines about those who are denied, want %d", n, want)
				}
			})
		})
	}
}
