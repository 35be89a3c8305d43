package client

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
)

// NewRequestError makes an Error of what went wrong with a request over HTTP to a server's admin side, as package net/http tells it.
func NewRequestError(a Address, err error) *Error {
	phase := Answer
	op, dialled := errors.AsType[*net.OpError](err)
	_, lookedUp := errors.AsType[*net.DNSError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	why, certificate := whyCertificate(err, a.host)
	switch {
	case lookedUp:
		phase = DNS
	case dialled && op.Op == "dial":
		phase = Connect
	case certificate:
		err = &tlsError{why, err}
	case noTLS, errors.Is(err, http.ErrSchemeMismatch):
		err = &tlsError{"it speaks no TLS", err}
	case noHTTP(err):
		err = &wrongError{"it speaks no HTTP", err}
	case alertIn(err) != "":
		err = &tlsError{"it refuses the TLS handshake: " + alertIn(err), err}
	}
	return newError(phase, a, Timings{}, err)
}

// noHTTP reports whether a server has said something else, maybe before it was asked. Only the text tells.
func noHTTP(err error) bool {
	return strings.Contains(err.Error(), "malformed HTTP") || strings.Contains(err.Error(), "readLoopPeekFailLocked")
}

// NewAnswerError makes an Error of an answer that should have been another one.
func NewAnswerError(a Address, why string) *Error {
	return newError(Answer, a, Timings{}, &wrongError{why: why})
}
