package config

import "strings"

// Transport says how the bytes of TCP connections are carried.
type Transport string

// TransportAuto takes the fastest way that this system has; TransportPortable the
// one of every system, to compare the two or to do without the other.
const (
	TransportAuto     Transport = "auto"
	TransportPortable Transport = "portable"
)

// UnmarshalText accepts the name of a transport, in either case.
func (t *Transport) UnmarshalText(text []byte) error {
	switch transport := Transport(strings.ToLower(string(text))); transport {
	case TransportAuto, TransportPortable:
		*t = transport
		return nil
	}
	return unknown("transport", string(text), "", []string{string(TransportAuto), string(TransportPortable)})
}

// String returns the name of the transport.
func (t Transport) String() string { return string(t) }
