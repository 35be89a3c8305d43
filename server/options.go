package server

import (
	"net"
	"time"
)

// userTimeout is how long the system waits for a peer to take what it was sent before it gives the connection up: as long as
// keepAlive takes for one who was sent nothing. Without it Linux goes on for 15 minutes.
const userTimeout = 30 * time.Second

// socketOptions are what the system is told about the connections of a listener, beside keepAlive and that no message waits
// for others (TCP_NODELAY).
type socketOptions struct {
	userTimeout               time.Duration // 0: the system's own
	sendBuffer, receiveBuffer int           // bytes; 0: as many as the system sees fit
}

// socketOptions returns the options for the limits. To a system that counts the time, a peer who is there and reads nothing is
// like one who is gone, so that whoever has more time to read must not be given up before.
func (l *Limits) socketOptions() socketOptions {
	o := socketOptions{sendBuffer: l.SendBuffer, receiveBuffer: l.ReceiveBuffer}
	if l.WriteTimeout > 0 {
		o.userTimeout = max(userTimeout, l.WriteTimeout)
	}
	return o
}

// apply sets the options on a connection that net has accepted, as far as it is one that has them. What fails was gone again.
func (o socketOptions) apply(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(keepAlive) // Net does so by itself only if it has opened the listening socket.
		o.applyTCP(tcp)
		return
	}
	o.applyBuffers(nc)
}

func (o socketOptions) applyBuffers(nc net.Conn) {
	buffered, ok := nc.(interface {
		SetReadBuffer(bytes int) error
		SetWriteBuffer(bytes int) error
	})
	if ok && o.sendBuffer > 0 {
		_ = buffered.SetWriteBuffer(o.sendBuffer)
	}
	if ok && o.receiveBuffer > 0 {
		_ = buffered.SetReadBuffer(o.receiveBuffer)
	}
}
