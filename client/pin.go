package client

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// A Pin is the SHA-256 of a certificate in DER, by which one is known without an authority. Zero: none.
type Pin [sha256.Size]byte

// PinOf returns the pin of a certificate.
func PinOf(cert *x509.Certificate) Pin { return sha256.Sum256(cert.Raw) }

// ParsePin reads a SHA-256 in hexadecimal, with or without colons, as openssl x509 -fingerprint has it, or in base64. The word
// sha256: in front is left out.
func ParsePin(s string) (Pin, error) {
	digits := s
	if prefix := "sha256:"; len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		digits = s[len(prefix):]
	}
	if b, err := hex.DecodeString(strings.ReplaceAll(digits, ":", "")); err == nil && len(b) == len(Pin{}) {
		return Pin(b), nil
	}
	// The last character of 43 has two bits too many; Strict wants them to be zero.
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimSuffix(digits, "="))
	if b, err := base64.RawStdEncoding.Strict().DecodeString(plain); err == nil && len(b) == len(Pin{}) {
		return Pin(b), nil
	}
	return Pin{}, fmt.Errorf("%.100q is no SHA-256, 64 hexadecimal digits or 44 characters of base64", s)
}

// String returns the pin in hexadecimal.
func (p Pin) String() string { return hex.EncodeToString(p[:]) }
