package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v10"
)

// Listener is what one listener URL says:
// HANDLER[+tls|+unix]://ADDRESS[?key=value&...].
type Listener struct {
	// Label is the URL without the query, as in echo://:9000-9009: the metric
	// label and log field. It is unique: a second echo://:0 is echo://:0#2.
	Label string

	Handler string
	Network string // "tcp" or "unix"
	TLS     bool   // whether clients speak TLS

	// Host is a name or an address without brackets, empty for all addresses.
	// FirstPort to LastPort are the ports, most often the same one; 0 is any
	// free port. Of a unix listener they are zero.
	Host                string
	FirstPort, LastPort uint16

	// Path is the file of a unix socket, or @ and the name of an abstract one.
	Path string

	Wire     string        `env:"wire" type:"name" doc:"the wire format; empty: the handler's own, most often text"`
	Greeting bool          `env:"greeting" type:"on|off" doc:"whether a client is greeted; empty: as is usual on that wire"`
	Flush    time.Duration `env:"flush" envDefault:"200ms" doc:"how long a client that never sent a newline stays quiet before what it sent is a message; 0: for ever"`

	// FD is the name of the sockets to take over from a service manager; empty: those whose address is the listener's.
	FD string `env:"fd" type:"name" doc:"the name of the sockets that a service manager hands over for it; empty: those that have its address"`

	// Faults are how its connections misbehave.
	Faults

	// Options are the handler's own keys, as they came; a key written twice has
	// two values.
	Options map[string][]string

	// Limits and Handshake are the process-wide ones where the listener does not
	// say.
	Limits
	Handshake

	// Own are the other keys, as they came: with max_conns among them, MaxConns
	// is a cap for this listener alone, beside that of the whole process. The
	// values of a list that was written as several keys are joined by commas.
	Own map[string]string
}

// Addresses returns what to listen on: HOST:PORT for each port, or the path.
func (l Listener) Addresses() []string {
	if l.Network == "unix" {
		return []string{l.Path}
	}
	var addresses []string
	for port := int(l.FirstPort); port <= int(l.LastPort); port++ {
		addresses = append(addresses, net.JoinHostPort(l.Host, strconv.Itoa(port)))
	}
	return addresses
}

// String returns the URL, which Load reads as the same listener.
func (l Listener) String() string {
	query := url.Values{}
	maps.Copy(query, l.Options)
	for key, value := range l.Own {
		query.Set(key, value)
	}
	if len(query) == 0 {
		return l.base()
	}
	return l.base() + "?" + query.Encode()
}

// base returns the URL without the query.
func (l Listener) base() string {
	if l.Network == "unix" {
		path := (&url.URL{Path: l.Path}).EscapedPath()
		return l.Handler + "+unix://" + strings.ReplaceAll(path, ",", "%2C")
	}
	ports := strconv.Itoa(int(l.FirstPort))
	if l.LastPort != l.FirstPort {
		ports += "-" + strconv.Itoa(int(l.LastPort))
	}
	scheme := l.Handler
	if l.TLS {
		scheme += "+tls"
	}
	return scheme + "://" + net.JoinHostPort(l.Host, ports)
}

// maxFDName is the longest name of a socket that a service manager hands over (sd_is_fd_name_valid in systemd).
const maxFDName = 255

// settle returns what is wrong with the values; see Config.settle.
func (l *Listener) settle() []error {
	faults := append(l.Limits.settle(), l.Faults.settle()...)
	if len(l.FD) > maxFDName || strings.ContainsFunc(l.FD, func(r rune) bool { return r < ' ' || r > '~' || r == ':' }) {
		err := fmt.Errorf("the name of a socket is up to %d printable ASCII characters without colons", maxFDName)
		faults = append(faults, env.ParseError{Name: "FD", Err: err})
	}
	return faults
}

// clash returns what both listeners would listen on, or nothing. It knows what
// is written, not what a name resolves to: the kernel has the last word.
func (l Listener) clash(other Listener) string {
	switch {
	case l.FD != "" && l.FD == other.FD:
		return fmt.Sprintf("its socket fd=%s", l.FD)
	case l.Network != other.Network:
	case l.Network == "unix":
		if l.Path == other.Path {
			return "its path"
		}
	case l.Host == "" || other.Host == "" || strings.EqualFold(l.Host, other.Host):
		if port := max(l.FirstPort, other.FirstPort); port <= min(l.LastPort, other.LastPort) && port != 0 {
			return fmt.Sprintf("its port %d", port)
		}
	}
	return ""
}

// parseListener reads one URL. What it does not say is as vars say.
func parseListener(written string, vars map[string]string, catalog Catalog) (Listener, []error) {
	scheme, rest, ok := strings.Cut(written, "://")
	if !ok {
		return Listener{}, []error{notListener(written)}
	}
	address, query, _ := strings.Cut(rest, "?")
	var l Listener
	faults := l.parseScheme(scheme, catalog)
	if err := l.parseAddress(address); err != nil {
		faults = append(faults, err)
	}
	if handler, ok := catalog.Handlers[l.Handler]; ok {
		faults = append(faults, l.parseQuery(query, handler)...)
		faults = append(faults, l.parseOwn(vars)...)
		faults = append(faults, l.checkHandshake(vars)...)
		faults = append(faults, l.parseWire(handler, catalog)...)
		if handler.Check != nil {
			faults = append(faults, lines(handler.Check(l.Options))...)
		}
		if catalog.Check != nil {
			faults = append(faults, lines(catalog.Check(l))...)
		}
	}
	return l, faults
}

// notListener returns the error for what has no scheme, with what was probably meant.
func notListener(written string) error {
	form := "a listener is HANDLER[+tls|+unix]://ADDRESS[?key=value&...], as in echo://:12000 (a comma in a value is written %2C)"
	meant := written
	if !strings.Contains(meant, ":") {
		meant = ":" + meant
	}
	if _, _, _, err := parseAddress(meant); err == nil {
		form += fmt.Sprintf("; did you mean echo://%s?", meant)
	}
	return errors.New(form)
}

func (l *Listener) parseScheme(scheme string, catalog Catalog) (faults []error) {
	name, suffix, plus := strings.Cut(scheme, "+")
	l.Handler = name
	if _, ok := catalog.Handlers[name]; !ok {
		faults = append(faults, unknown("handler", name, "", slices.Sorted(maps.Keys(catalog.Handlers))))
	}
	switch {
	case !plus:
		l.Network = "tcp"
	case suffix == "tls":
		l.Network, l.TLS = "tcp", true
	case suffix == "unix":
		l.Network = "unix"
	default:
		faults = append(faults, unknown("suffix", "+"+suffix, "", []string{"+tls", "+unix"}))
	}
	return faults
}

func (l *Listener) parseAddress(address string) (err error) {
	switch l.Network {
	case "tcp":
		l.Host, l.FirstPort, l.LastPort, err = parseAddress(address)
	case "unix":
		if isTCP(address) {
			return fmt.Errorf("%q is a host and a port, and a unix socket has a path, as in /run/parley.sock (./%s is one, too); did you mean %s://%s?",
				address, address, l.Handler, address)
		}
		if l.Path, err = url.PathUnescape(address); err == nil {
			err = checkPath(l.Path)
		}
	}
	return err
}

// parseWire checks the wire, and sets what depends on the handler and the wire.
func (l *Listener) parseWire(handler Handler, catalog Catalog) (faults []error) {
	wires, usual := slices.Sorted(maps.Keys(catalog.Wires)), "text"
	if len(handler.Wires) > 0 {
		wires, usual = handler.Wires, handler.Wires[0]
	}
	_, exists := catalog.Wires[l.Wire]
	switch {
	case l.Wire == "":
		l.Wire = usual
	case slices.Contains(wires, l.Wire):
	case exists:
		faults = append(faults, fmt.Errorf("%s does not speak wire %q; valid: %s", l.Handler, l.Wire, strings.Join(wires, ", ")))
	default:
		faults = append(faults, unknown("wire", l.Wire, l.Handler, wires))
	}
	if _, own := l.Own["greeting"]; !own {
		l.Greeting = catalog.Wires[l.Wire].GreetingDefault
	}
	return faults
}

// checkHandshake returns what does not go together. What can be read from the files is
// for whoever reads them.
func (l *Listener) checkHandshake(vars map[string]string) (faults []error) {
	_, trusts := l.Own["proxy_trusted"]
	if l.ProxyProtocol && len(l.ProxyTrusted) == 0 && l.Network == "tcp" && (trusts || vars["PARLEY_PROXY_TRUSTED"] == "") {
		faults = append(faults, errors.New("with proxy_protocol on, proxy_trusted names the proxies, as in 10.0.0.0/8: anybody else is shut out"))
	}
	if !l.TLS {
		for _, key := range []string{"tls_cert", "tls_key", "tls_client_ca"} {
			if _, own := l.Own[key]; own {
				faults = append(faults, fmt.Errorf("%s is for TLS, as in %s+tls://:12000", key, l.Handler))
			}
		}
	} else if (l.TLSCert == "") != (l.TLSKey == "") {
		faults = append(faults, errors.New("tls_cert and tls_key (PARLEY_TLS_CERT, PARLEY_TLS_KEY) go together: name both, or neither for a self-signed certificate"))
	}
	return faults
}

// lines returns an error for each line of one.
func lines(err error) (errs []error) {
	if err == nil {
		return nil
	}
	for line := range strings.Lines(err.Error()) {
		errs = append(errs, errors.New(strings.TrimSuffix(line, "\n")))
	}
	return errs
}
