// Package certs has the certificates that a TLS listener shows: from files, which are read again when they change, or
// made in memory and self-signed, which are replaced before they expire.
package certs
