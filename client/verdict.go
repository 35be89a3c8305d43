package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"parley/protocol"
)

// A Verdict is what a probe found out.
type Verdict struct {
	Kind    Kind
	Address Address
	// Err says what went wrong, nil if nothing did.
	Err *Error
	// Wire is the name of the wire format, and Peer and Local are the two ends, as soon as there is a connection.
	Wire, Peer, Local string
	// Greeting is the server's, nil if there was none.
	Greeting *protocol.Greeting
	// TLS is what was agreed upon in the TLS handshake, nil if there was none.
	TLS  *tls.ConnectionState
	Path Path
	// Echoed says that the answer had to contain the message, and did. Else Answer in the timings is how long it took until
	// there was any, or zero where none was waited for.
	Echoed  bool
	Timings Timings
	Total   time.Duration
}

// A Path is what is between us and the server, as far as addresses tell.
type Path string

// The paths.
const (
	Direct  Path = "direct"  // the address that the server sees is ours
	NAT     Path = "nat"     // it is another one: something in between, a proxy too, put its own there
	Proxy   Path = "proxy"   // a proxy has told the server which it is, by a PROXY header; we may be that proxy
	Unknown Path = "unknown" // the server has not said
)

// pathOf compares the address that the server saw with ours. A unix socket's ends have most often none, and nothing in between.
func pathOf(a Address, g protocol.Greeting, local string) Path {
	switch {
	case g.Via != "":
		return Proxy
	case a.network == "unix":
		return Direct
	}
	seen, seenErr := netip.ParseAddrPort(g.You)
	ours, oursErr := netip.ParseAddrPort(local)
	if seenErr != nil || oursErr != nil {
		return Unknown
	}
	if plain(seen) == plain(ours) {
		return Direct
	}
	return NAT
}

// plain leaves out of an address what two ends of one connection may write differently.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// Reason is the reason of an ERR, empty if the verdict is another one.
func (v Verdict) Reason() string {
	if v.Err == nil {
		return ""
	}
	told, _ := errors.AsType[protocol.Error](v.Err.Err)
	return told.Reason
}

// Interrupted reports whether the probe was called off before it found anything out.
func (v Verdict) Interrupted() bool { return v.Err != nil && errors.Is(v.Err, context.Canceled) }

// String returns one line of printable ASCII.
func (v Verdict) String() string {
	if v.Err != nil {
		return v.Err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %v", v.Kind, v.Address)
	if v.Greeting != nil {
		fmt.Fprintf(&b, " clientid=%d", v.Greeting.ClientID)
	}
	fmt.Fprintf(&b, " dns=%s connect=%s", formatMillis(v.Timings.DNS), formatMillis(v.Timings.Connect))
	if v.TLS != nil {
		fmt.Fprintf(&b, " tls=%s", formatMillis(v.Timings.TLS))
	}
	if v.Greeting != nil {
		fmt.Fprintf(&b, " greeting=%s", formatMillis(v.Timings.Greeting))
	} else {
		b.WriteString(" greeting=none")
	}
	switch {
	case v.Echoed:
		fmt.Fprintf(&b, " echo=%s", formatMillis(v.Timings.Answer))
	case v.Timings.Answer > 0:
		fmt.Fprintf(&b, " answer=%s", formatMillis(v.Timings.Answer))
	default:
		b.WriteString(" answer=none")
	}
	fmt.Fprintf(&b, " path=%s", v.Path)
	if v.Greeting != nil && v.Greeting.Fault != "" {
		fmt.Fprintf(&b, " fault=%s", v.Greeting.Fault)
	}
	return protocol.Printable(b.String(), false)
}

// verdictJSON has the keys of a verdict. Durations are in milliseconds; what does not apply is left out.
type verdictJSON struct {
	Verdict  Kind    `json:"verdict"`
	Address  string  `json:"address"`
	Peer     string  `json:"peer,omitempty"`
	Local    string  `json:"local,omitempty"`
	Wire     string  `json:"wire,omitempty"`
	ClientID *uint64 `json:"clientid,omitempty"`
	You      string  `json:"you,omitempty"`
	Me       string  `json:"me,omitempty"`
	Name     string  `json:"name,omitempty"`
	Handler  string  `json:"handler,omitempty"`
	// What the greeting says of TLS on its way to the server, and what we know of it: not the same behind who ends it.
	Via      string `json:"via,omitempty"`
	TLS      string `json:"tls,omitempty"`
	SNI      string `json:"sni,omitempty"`
	ALPN     string `json:"alpn,omitempty"`
	ClientCN string `json:"client_cn,omitempty"`
	Fault    string `json:"fault,omitempty"`
	*secureJSON
	Path     Path     `json:"path,omitempty"`
	DNS      *float64 `json:"dns_ms,omitempty"`
	Connect  *float64 `json:"connect_ms,omitempty"`
	TLSTook  *float64 `json:"tls_ms,omitempty"`
	Greeting *float64 `json:"greeting_ms,omitempty"`
	Echo     *float64 `json:"echo_ms,omitempty"`
	Answer   *float64 `json:"answer_ms,omitempty"`
	Total    float64  `json:"total_ms"`
	Phase    Phase    `json:"phase,omitempty"` // that failed
	Reason   string   `json:"reason,omitempty"`
	Why      string   `json:"why,omitempty"`
}

// secureJSON has the keys of a verdict that say how TLS is spoken with whoever ends it.
type secureJSON struct {
	Version string `json:"tls_version"` // as in "1.3"
	Cipher  string `json:"tls_cipher"`
	SHA256  string `json:"cert_sha256"`
	Expires string `json:"cert_expires"` // RFC 3339
}

func newSecureJSON(state *tls.ConnectionState) *secureJSON {
	if state == nil {
		return nil
	}
	leaf := state.PeerCertificates[0]
	return &secureJSON{
		Version: strings.TrimPrefix(tls.VersionName(state.Version), "TLS "),
		Cipher:  tls.CipherSuiteName(state.CipherSuite),
		SHA256:  PinOf(leaf).String(),
		Expires: leaf.NotAfter.UTC().Format(time.RFC3339),
	}
}

// MarshalJSON writes the verdict as one object.
func (v Verdict) MarshalJSON() ([]byte, error) {
	o := verdictJSON{
		Verdict: v.Kind, Address: v.Address.String(), Peer: v.Peer, Local: v.Local, Wire: v.Wire, Path: v.Path, Total: millis(v.Total),
		DNS: some(v.Timings.DNS), Connect: some(v.Timings.Connect), TLSTook: some(v.Timings.TLS), Greeting: some(v.Timings.Greeting), Answer: some(v.Timings.Answer),
		secureJSON: newSecureJSON(v.TLS),
	}
	if g := v.Greeting; g != nil {
		o.ClientID, o.You, o.Me, o.Name, o.Handler = &g.ClientID, g.You, g.Me, g.Name, g.Handler
		o.Via, o.TLS, o.SNI, o.ALPN, o.ClientCN, o.Fault = g.Via, g.TLS, g.SNI, g.ALPN, g.ClientCN, g.Fault
	}
	if v.Echoed {
		o.Echo, o.Answer = o.Answer, nil
	}
	if e := v.Err; e != nil {
		o.Phase, o.Why = e.Phase, protocol.Printable(e.Why(), false)
		if e.Peer != "" {
			o.Peer = e.Peer
		}
		o.Reason = v.Reason()
	}
	return json.Marshal(o)
}

func millis(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

// some returns a duration that there was.
func some(d time.Duration) *float64 {
	if d == 0 {
		return nil
	}
	ms := millis(d)
	return &ms
}
