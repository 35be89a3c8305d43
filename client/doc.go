// Package client is the other end of the conversation: it dials a server, reads its greeting and converses with it, and
// tells what went wrong, in which phase, when something does. It knows the wire (package protocol) and no server code.
//
//	addr, err := client.ParseAddress("10.0.0.5:12000")
//	...
//	conn, err := client.Dialer{}.Dial(ctx, addr)
//	...
//	defer conn.Close()
//	greeting, err := conn.Greeting()
//	err = conn.Send(ctx, "hi")
//	msg, err := conn.Receive(ctx)
//
// # The phases of a dial
//
//	dns ........ the name's addresses; none of the time where there is no name
//	connect .... the first address that takes the connection, each later one 250 ms behind the one before; then the
//	   |         PROXY header, if there is to be one
//	tls ........ the handshake, if TLS is to be spoken
//	greeting ... the first bytes tell the wire: "HELLO " or "ERR " text, { json, 0x80 or (dp pickle
//	   |
//	   |  nothing within 300 ms: no greeting, the raw wire    other bytes: no greeting, the raw wire
//	   |
//	answer ..... Send, Receive
//
// A greeting of the text wire that comes later than that is recognised if it is the first that comes.
//
// Whatever fails is an *Error, which has the phase and one Kind out of a closed set; classify is the one place that tells
// the kinds apart. What a firewall makes of a connection on Linux, as seen with nftables:
//
//	drop                                     timeout
//	reject, reject with tcp reset            refused: the same as when nothing listens
//	reject with icmpx host-unreachable
//	  or admin-prohibited                    unreachable (EHOSTUNREACH)
//	reject with icmpx no-route               unreachable (ENETUNREACH)
//
// A host sends few ICMP messages a second (net.ipv4.icmp_ratelimit), so that a reject without a reset looks like a drop to
// whoever knocks quickly.
//
// Whatever goes wrong within the TLS handshake is of kind tls, a timeout too: the connection stands. A server of TLS 1.3 may
// refuse our certificate when the handshake is over for us; that is of phase tls all the same.
//
// # The life of a load
//
//	scout ...... the first connection learns the wire, whether there is a greeting, and what stands around an answer
//	open ....... the other connections, 32 at a time
//	warm-up .... optional; what is answered meanwhile does not count
//	measure .... each connection on a goroutine of its own; with a Rate, one more sends what is due
//	stop ....... nothing new is sent, what is under way is answered or late, and the connections are closed
//
// A message costs two system calls and no allocation. No deadline is set for it: a watch looks at all connections eight
// times within the timeout, and cuts off whose answer is late.
//
// # Strangers
//
// A server is never believed. Each phase has an end in time that no trickle of bytes moves, a message is bounded in bytes
// before it is held, and what is printed of it is printable (protocol.Printable).
package client
