package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/caarlos0/env/v10"
	"go.uber.org/zap/zapcore"
)

// Config is what the environment says about the whole process.
type Config struct {
	// Listen is the text of PARLEY_LISTEN. Load parses it into listeners, unless
	// the command line names some.
	Listen string `env:"PARLEY_LISTEN" envDefault:"echo://:12000" type:"listeners" doc:"what to serve: HANDLER[+tls|+unix]://ADDRESS[?key=value&...], several separated by commas or spaces"`

	// Name is never empty after Load.
	Name string `env:"PARLEY_NAME" type:"name" doc:"this server's name in the greeting, printable ASCII without spaces; empty: the host name (in Kubernetes the pod's)"`

	// Admin is empty when there is to be no admin side.
	Admin      string `env:"PARLEY_ADMIN" envDefault:"127.0.0.1:12001" type:"host:port" doc:"where the admin side (metrics, health, who is connected) is served; off or empty: nowhere"`
	AdminPprof bool   `env:"PARLEY_ADMIN_PPROF" envDefault:"false" doc:"whether the admin side serves /debug/pprof too"`

	AdminHosts     Hosts  `env:"PARLEY_ADMIN_HOSTS" doc:"names under which the admin side is asked for, beside this machine's, addresses and names that nobody else can have; *: whatever name"`
	AdminWebConfig string `env:"PARLEY_ADMIN_WEB_CONFIG" type:"file" doc:"a web config file of Prometheus's exporters, for TLS and basic auth on the admin side; empty: neither"`

	RosterClosed int64 `env:"PARLEY_ROSTER_CLOSED" envDefault:"256" doc:"how many of the last connections that closed the admin side shows, up to 10000; 0: none"`

	LogFormat   LogFormat     `env:"PARLEY_LOG_FORMAT" envDefault:"auto" doc:"how log lines look; auto: console on a terminal, else json"`
	LogLevel    zapcore.Level `env:"PARLEY_LOG_LEVEL" envDefault:"info" type:"debug|info|warn|error" doc:"the least severe log lines to write"`
	LogMessages bool          `env:"PARLEY_LOG_MESSAGES" envDefault:"false" doc:"whether what clients send is logged, and the last message of each shown on the admin side"`
	LogRate     int64         `env:"PARLEY_LOG_RATE" envDefault:"10" doc:"log lines a second about connections that ended for the same fault, ten times as many at once, and one that counts the others; 0: no limit"`

	Transport Transport `env:"PARLEY_TRANSPORT" envDefault:"auto" doc:"how TCP connections are carried; auto: the fastest way this system has, portable: the way of every system"`

	// Limits hold for each listener that does not say otherwise. MaxConns,
	// MaxConnsPerIP and AcceptRate are also those of the whole process.
	Limits

	// Handshake holds for each listener that does not say otherwise.
	Handshake

	DrainDelay   time.Duration `env:"PARLEY_DRAIN_DELAY" envDefault:"0s" doc:"how long after SIGTERM the listeners stay open while /readyz says 503; 0: they close at once"`
	DrainTimeout time.Duration `env:"PARLEY_DRAIN_TIMEOUT" envDefault:"8s" doc:"how long sessions may take to finish once the listeners are closed; 0: they are cut at once"`
}

// Limits are the bounds on the clients of a listener. Each is a variable, which
// holds for all listeners, and a key of the same name in lower case, which holds
// for the listener it stands on.
type Limits struct {
	MaxConns      int64   `env:"PARLEY_MAX_CONNS" envDefault:"10000" doc:"connections at a time; 0: as many as the process may open files"`
	MaxConnsPerIP int64   `env:"PARLEY_MAX_CONNS_PER_IP" envDefault:"0" doc:"connections at a time from one IPv4 address or IPv6 /64; 0: no limit"`
	AcceptRate    float64 `env:"PARLEY_ACCEPT_RATE" envDefault:"0" doc:"connections accepted per second, the others wait in the kernel; 0: no limit"`

	Allow Prefixes `env:"PARLEY_ALLOW" doc:"who may connect; empty: everyone"`
	Deny  Prefixes `env:"PARLEY_DENY" doc:"who may not connect, even if allowed; empty: nobody"`

	MaxMessage Bytes `env:"PARLEY_MAX_MESSAGE" envDefault:"8KiB" doc:"the longest message, 1B to 1GiB (the raw wire has none)"`

	HandshakeTimeout time.Duration `env:"PARLEY_HANDSHAKE_TIMEOUT" envDefault:"10s" doc:"how long PROXY header and TLS handshake may take together; 0: no limit"`
	MessageTimeout   time.Duration `env:"PARLEY_MESSAGE_TIMEOUT" envDefault:"30s" doc:"how long a message may take from its first byte to its end; 0: no limit"`
	IdleTimeout      time.Duration `env:"PARLEY_IDLE_TIMEOUT" envDefault:"5m" doc:"how long a client may be silent between messages; 0: no limit"`
	WriteTimeout     time.Duration `env:"PARLEY_WRITE_TIMEOUT" envDefault:"20s" doc:"how long a write may make no progress; 0: no limit"`

	MaxLifetime time.Duration `env:"PARLEY_MAX_LIFETIME" envDefault:"0s" doc:"how long a connection may last, which ends after the message it is in; 0: no limit"`

	SendBuffer    Bytes `env:"PARLEY_SEND_BUFFER" envDefault:"64KiB" doc:"what the kernel holds for a client that does not read, up to 1GiB; 0: as the kernel sees fit, on Linux some 4 MiB"`
	ReceiveBuffer Bytes `env:"PARLEY_RECEIVE_BUFFER" envDefault:"0" doc:"what the kernel takes from a client before it is read, up to 1GiB; 0: as the kernel sees fit, on Linux up to some 6 MiB"`
}

// Handshake is what comes before the conversation with a client. Each is a variable
// and a key, as Limits are.
type Handshake struct {
	ProxyProtocol bool     `env:"PARLEY_PROXY_PROTOCOL" envDefault:"off" type:"on|off" doc:"whether a connection begins with a PROXY header, version 1 or 2, that names the client"`
	ProxyTrusted  Prefixes `env:"PARLEY_PROXY_TRUSTED" doc:"the proxies whose header is believed, all others are shut out; empty: nobody but who connects to a unix socket"`

	// TLSCert and TLSKey are both set or both empty, and are for the listeners
	// with TLS.
	TLSCert     string `env:"PARLEY_TLS_CERT" type:"file" doc:"PEM certificate and those it was signed by, for +tls, read again when it changes; empty: one made at the start, self-signed"`
	TLSKey      string `env:"PARLEY_TLS_KEY" type:"file" doc:"PEM private key of PARLEY_TLS_CERT"`
	TLSClientCA string `env:"PARLEY_TLS_CLIENT_CA" type:"file" doc:"PEM certificates, one of which must have signed the client's, for +tls; empty: no client certificate is asked for"`
}

// maxMessage bounds MaxMessage: a message is held in memory whole, so anyone who
// can connect can make the process hold that much.
const maxMessage Bytes = 1 << 30

// maxBuffer bounds SendBuffer and ReceiveBuffer: twice that is what a socket option can say at most.
const maxBuffer Bytes = 1 << 30

// maxRosterClosed bounds RosterClosed: who is shown the roster has all of them copied, under a lock that connections
// come and go by.
const maxRosterClosed = 10_000

// maxName is the longest host name of DNS; a greeting has no use for a longer one.
const maxName = 253

// settle fills in what no tag can say, and returns what is wrong with the values
// in the form in which env reports a value that it cannot parse.
func (c *Config) settle() []error {
	faults := c.Limits.settle()
	if c.Name == "" {
		c.Name = hostName()
	} else if len(c.Name) > maxName || strings.ContainsFunc(c.Name, notVisible) {
		err := fmt.Errorf("a name is up to %d printable ASCII characters without spaces", maxName)
		faults = append(faults, env.ParseError{Name: "Name", Err: err})
	}
	if strings.EqualFold(c.Admin, "off") {
		c.Admin = ""
	} else if _, first, last, err := parseAddress(c.Admin); err != nil {
		faults = append(faults, env.ParseError{Name: "Admin", Err: err})
	} else if first != last {
		err := errors.New("the admin side has one port, not a range")
		faults = append(faults, env.ParseError{Name: "Admin", Err: err})
	}
	if c.RosterClosed > maxRosterClosed {
		err := fmt.Errorf("at most %d are kept", maxRosterClosed)
		faults = append(faults, env.ParseError{Name: "RosterClosed", Err: err})
	}
	return faults
}

// settle returns what is wrong with the limits; see Config.settle. It is the
// Listener's settle too.
func (l *Limits) settle() (faults []error) {
	if l.MaxMessage < 1 || l.MaxMessage > maxMessage {
		err := fmt.Errorf("a message is held in memory whole: from 1B to %v", maxMessage)
		faults = append(faults, env.ParseError{Name: "MaxMessage", Err: err})
	}
	for name, size := range map[string]Bytes{"SendBuffer": l.SendBuffer, "ReceiveBuffer": l.ReceiveBuffer} {
		if size > maxBuffer {
			err := fmt.Errorf("a buffer is at most %v, and the kernel may allow less", maxBuffer)
			faults = append(faults, env.ParseError{Name: name, Err: err})
		}
	}
	return faults
}

// hostName returns the host's name as the greeting can say it: the kernel takes
// any bytes for one, and has none in some sandboxes.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "parley"
	}
	return strings.Map(func(r rune) rune {
		if notVisible(r) {
			return '-'
		}
		return r
	}, name)
}

// notVisible reports whether r is a space, a control character or not ASCII.
func notVisible(r rune) bool { return r <= ' ' || r > '~' }
