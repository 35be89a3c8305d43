package config

import (
	"errors"
	"fmt"
	"strings"
)

// Hosts is a list of host names. Its text is names separated by commas or spaces; one of them may be *, which stands for all.
type Hosts []string

// UnmarshalText replaces the list; empty text makes it empty. A list of nothing but separators is refused, which is what a
// template with unset parts leaves.
func (h *Hosts) UnmarshalText(text []byte) error {
	var list Hosts
	for item := range strings.FieldsFuncSeq(string(text), isSeparator) {
		if item != "*" && (len(item) > maxName || strings.ContainsFunc(item, notInHost)) {
			return fmt.Errorf("%q is no host name: without scheme and port, as in parley.example.org", item)
		}
		list = append(list, item)
	}
	if list == nil && len(text) > 0 {
		return errors.New("the list names no host: leave it empty, or name some as in parley.example.org,lab.example.org")
	}
	*h = list
	return nil
}

// String is what UnmarshalText reads.
func (h Hosts) String() string { return strings.Join(h, ",") }

// notInHost reports whether r stands in no host name, as people write them in a URL.
func notInHost(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
}
