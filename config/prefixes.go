package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
)

// Prefixes is a list of networks. Its text is CIDR prefixes and addresses,
// separated by commas or spaces; an address stands for itself alone.
type Prefixes []netip.Prefix

// UnmarshalText replaces the list; empty text makes it empty. IPv4 networks
// written in IPv6 (::ffff:10.0.0.0/104) become IPv4, since that is how the
// addresses of clients are compared. A prefix with bits beyond its mask is
// refused: 10.1.2.3/8 may mean one address or 16 million, and in a list of who
// may connect neither is to be guessed. So is a list of nothing but separators,
// which is what a template with unset parts leaves and would allow everyone.
func (p *Prefixes) UnmarshalText(text []byte) error {
	var list Prefixes
	for item := range strings.FieldsFuncSeq(string(text), isSeparator) {
		prefix, err := parsePrefix(item)
		if err != nil {
			return err
		}
		list = append(list, prefix)
	}
	if list == nil && len(text) > 0 {
		return errors.New("the list names no network: leave it empty, or name some as in 10.0.0.0/8,2001:db8::/32")
	}
	*p = list
	return nil
}

// isSeparator reports whether r separates the items of a list.
func isSeparator(r rune) bool { return r == ',' || unicode.IsSpace(r) }

func parsePrefix(s string) (netip.Prefix, error) {
	addr, err := netip.ParseAddr(s)
	prefix := netip.PrefixFrom(addr, addr.BitLen())
	if strings.Contains(s, "/") {
		prefix, err = netip.ParsePrefix(s)
		addr = prefix.Addr()
	}
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a prefix, as in 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32", s)
	}
	if addr.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q: a list has no zones: write %v", s, addr.WithZone(""))
	}
	if addr.Is4In6() {
		if prefix.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("%q covers more than IPv4: write 0.0.0.0/0 or ::/0", s)
		}
		addr = addr.Unmap()
		prefix = netip.PrefixFrom(addr, prefix.Bits()-96)
	}
	if prefix != prefix.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q has bits beyond its mask: write %v for the network, or %v for the one address", s, prefix.Masked(), addr)
	}
	return prefix, nil
}

// Contains reports whether addr is in one of the networks. The zone of an IPv6
// address does not matter, nor whether an IPv4 one is written in IPv6.
func (p Prefixes) Contains(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}

// String returns the list as UnmarshalText reads it.
func (p Prefixes) String() string {
	items := make([]string, len(p))
	for i, prefix := range p {
		items[i] = prefix.String()
	}
	return strings.Join(items, ",")
}
