package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// A tlsError says why a TLS handshake went wrong.
type tlsError struct {
	why string
	err error // what package tls said
}

func (e *tlsError) Error() string { return e.why }
func (e *tlsError) Unwrap() error { return e.err }

var errNoServerName = errors.New("there is no name that its certificate could be checked against")

// explain says why the handshake went wrong.
func (h *handshake) explain(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &tlsError{h.why(err), err}
}

// explainLater says why reading went wrong, where it was the handshake after all: in TLS 1.3 a server looks at our certificate when
// the handshake is over for us.
func (h *handshake) explainLater(err error) error {
	if alertIn(err) == "" {
		return err
	}
	return &tlsError{h.whyAlert(alertIn(err)), err}
}

func (h *handshake) why(err error) string {
	if why, ok := whyCertificate(err, h.name); ok {
		return why
	}
	if alert := alertIn(err); alert != "" {
		return h.whyAlert(alert)
	}
	heard := h.socket.heard
	switch {
	case len(h.socket.said) >= echoed && bytes.Contains(heard, h.socket.said[:echoed]):
		return "it speaks no TLS: it sends back what it is sent"
	case len(heard) > 0 && !isRecord(heard):
		return "it speaks no TLS: it said " + quote(heard) + guess(heard)
	}
	begun := len(heard) > 0
	switch kind := classify(Connect, err); { // as without TLS
	case kind == Timeout && begun:
		return "it began a TLS handshake and did not end it in time"
	case kind == Timeout:
		return "it took the connection and did not answer the TLS handshake in time (does it speak TLS?)"
	case begun && (kind == Closed || kind == Reset):
		return "it began a TLS handshake and cut it off"
	case kind == Closed:
		return "it closed the connection instead of answering the TLS handshake (does it speak TLS?)"
	case kind == Reset:
		return "it cut the connection off instead of answering the TLS handshake (does it speak TLS?)"
	}
	text := strings.TrimPrefix(err.Error(), "tls: ")
	if strings.HasPrefix(text, "server selected unsupported protocol version") {
		return "it speaks a version of TLS that is out of date: " + ourVersions
	}
	return "the TLS handshake went wrong: " + text
}

// echoed is how much of what we said first an echo is known by: a record's head, the ClientHello's and some of what is random in it.
const echoed = 20

const ourVersions = "we speak 1.2 and 1.3"

// isRecord reports whether this may be the beginning of a record of TLS: its type, from change_cipher_spec to application_data, and the
// version's first byte (RFC 8446, 5.1).
func isRecord(b []byte) bool {
	return b[0] >= 20 && b[0] <= 23 && (len(b) < 2 || b[1] == 3)
}

// alertIn returns the name of the alert that the server sent, by which TLS says what is wrong, or nothing. Package tls does not
// export its type.
func alertIn(err error) string {
	remote, ok := errors.AsType[*net.OpError](err)
	if !ok || remote.Op != "remote error" {
		return ""
	}
	return strings.TrimPrefix(remote.Err.Error(), "tls: ")
}

// Some of the alerts, by the names that package tls gives them.
const (
	alertCertificateRequired = "certificate required"
	alertBadCertificate      = "bad certificate"
	alertHandshakeFailure    = "handshake failure"
	alertProtocolVersion     = "protocol version not supported"
	alertUnrecognizedName    = "unrecognized name"
)

// alertsOnCertificates are those by which a server refuses the certificate of a client.
var alertsOnCertificates = []string{
	alertBadCertificate, "unsupported certificate", "revoked certificate", "expired certificate", "unknown certificate",
	"unknown certificate authority", "access denied", "error decrypting message", alertCertificateRequired,
}

// whyAlert says what an alert means. In front of TLS 1.3, none says that a certificate is missing: that the server had asked for
// one tells.
func (h *handshake) whyAlert(alert string) string {
	why := "it refuses the TLS handshake"
	switch given := h.config.Certificate != nil; {
	case h.asked && !given && (alert == alertHandshakeFailure || slices.Contains(alertsOnCertificates, alert)):
		why = "it wants a certificate of its clients, and there was none to give"
	case h.asked && given && slices.Contains(alertsOnCertificates, alert):
		why = "it does not take our certificate"
	case alert == alertProtocolVersion:
		why = "it speaks no version of TLS that we speak, 1.2 or 1.3"
	case alert == alertUnrecognizedName:
		why = fmt.Sprintf("it has no certificate for the name %q", h.name)
	case alert == alertHandshakeFailure:
		why = "it refuses the TLS handshake: it may find no cipher that both sides speak"
	}
	return why + " (alert: " + alert + ")"
}

// whyCertificate says what is wrong with the server's certificate. It is false where that is not what went wrong.
func whyCertificate(err error, name string) (why string, ok bool) {
	if pin, ok := errors.AsType[pinError](err); ok {
		return pin.Error(), true
	}
	if errors.Is(err, errNoServerName) {
		return errNoServerName.Error(), true
	}
	failed, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok {
		return "", false
	}
	if host, ok := errors.AsType[x509.HostnameError](failed.Err); ok {
		return fmt.Sprintf("its certificate is for %s, not for %s", namesIn(host.Certificate), name), true
	}
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](failed.Err); ok && unknown.Cert != nil {
		return whyUnknown(failed.UnverifiedCertificates[0], unknown.Cert), true
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](failed.Err); ok && invalid.Reason == x509.Expired && invalid.Cert != nil {
		return whyExpired(failed.UnverifiedCertificates[0], invalid.Cert), true
	}
	return "its certificate is not valid: " + strings.TrimPrefix(failed.Err.Error(), "x509: "), true
}

// whyUnknown says that nobody who is trusted has signed cert, the last one of the chain that the leaf begins.
func whyUnknown(leaf, cert *x509.Certificate) string {
	if bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
		return fmt.Sprintf("its certificate is signed by itself, and nobody here trusts it: its SHA-256 is %v", PinOf(leaf))
	}
	return fmt.Sprintf("its certificate is signed by an authority that is not trusted here, %q", cert.Issuer.String())
}

// whyExpired says that cert, which is the leaf or one that vouches for it, is too old, or too new.
func whyExpired(leaf, cert *x509.Certificate) string {
	whose := "its certificate"
	if !cert.Equal(leaf) {
		whose = fmt.Sprintf("the certificate of its authority %q", cert.Subject.String())
	}
	if time.Now().Before(cert.NotBefore) {
		return fmt.Sprintf("%s is not valid before %s", whose, cert.NotBefore.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("%s expired at %s", whose, cert.NotAfter.UTC().Format(time.RFC3339))
}

// shownNames is how many names of a certificate are shown.
const shownNames = 5

// namesIn lists the names that a certificate is for.
func namesIn(cert *x509.Certificate) string {
	names := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if more := len(names) - shownNames; more > 0 {
		names = append(names[:shownNames], fmt.Sprintf("%d more", more))
	}
	if len(names) == 0 {
		return "no host"
	}
	return strings.Join(names, ", ")
}
