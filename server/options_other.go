//go:build !linux

package server

import "net"

// setListening does nothing: on this system each connection is told for itself.
func (socketOptions) setListening(net.Listener) error { return nil }

// applyTCP sets the buffers. This system has no time-out for what is not taken, or by another name.
func (o socketOptions) applyTCP(tcp *net.TCPConn) { o.applyBuffers(tcp) }
