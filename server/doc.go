// Package server accepts connections and holds a handler's conversation with each: admission, limits, the life of a
// connection, the drain, counts and log lines. It knows no wire format (package protocol) and no conversation
// (package handler).
//
//	srv := server.New(server.Config{Log: log})
//	echo := srv.NewListener(server.ListenerConfig{Label: "echo", Handler: h, Greeting: true})
//	sockets, err := server.Listen(ctx, "tcp", ":12000")
//	...
//	go echo.Serve(sockets[0])
//	...
//	srv.Shutdown(ctx)
//
// # The life of a connection
//
//	Listener.Serve            one goroutine a socket
//	  accept ................ on an error a pause, 5 ms to 1 s; only a closed socket ends it
//	  admit ................. under the lock: ID, lists, caps, books
//	     |
//	     |  refused                             admitted
//	     |                                         |
//	     |                            approach: PROXY header, TLS handshake,
//	     |                            where the listener has them
//	     |                                         |
//	     |                                 greet, arm the idle timeout
//	     |                                         |
//	   serve                 one goroutine a connection: Handler.Serve
//	     |                                         |
//	     |            for msg := range Messages()      <------------------------------+
//	     |                   |                                                       |
//	     |        transport.receive waits, no buffer held                            |
//	     |            |              |               |                               |
//	     |          take       deadline passed   end, error                          |
//	     |            |              |               |                               |
//	     |      Decoder.Feed     fellDue: quiet,   the ending                        |
//	     |      Decoder.Next     idle, message     is noted                          |
//	     |            |          timeout, drain,     |                               |
//	     |            |             lifetime         |                               |
//	     |      the handler's         |              |                               |
//	     |      loop body: Reply -> gather -> send   |                               |
//	     |            +--------- again --------------|-------------------------------+
//	     |                                           |
//	     +-----------> finish <----------------------+
//	                     |
//	      flush, tell the reason, half-close, linger, close
//	                     |
//	  keepBooks ............. one goroutine a server: off the books, into the roster's ring, one log line
//
// Every connection ends by finish, and for one Reason, the first that is noted: by the connection's own goroutine, by one
// that replies, or by the drain.
//
// # TLS and proxies
//
// Where there is something to do before the conversation, the connection has a goroutine for that alone, which ends
// when it is done: at the handshake timeout at the latest. Behind a proxy the client is only known then, and is judged
// then by lists and caps. As many handshakes are worked at as there are processors, less one (turns); those that wait for their clients
// are not among them. The transport of TLS (secured) stands upon the one that carries its records, which is chosen
// as for any other connection.
//
// # Faults on request
//
// A connection may misbehave because its listener was asked for it (Faults). One that has drawn faults is carried by a
// transport of its own kind (faulty), which stands upon all others; for the rest there is none of it. The conversation knows
// nothing of it but that it may end for the reason Fault:
//
//	handler: Reply -> gather -> send
//	                             |
//	  faulty   rate -> delay -> chop -> corrupt -> half_close_after -> reset_after
//	                             |
//	           transport: TLS, socket
//
// Each is a file (fault_delay.go) and a line of faultKinds. What is delayed is sent by a goroutine that lives as long as there
// is any of it, and which close and reset wait for.
//
// # Goroutines
//
// Each connection has one, which Shutdown waits for. It alone reads, and it runs the handler. Those that the handler starts
// with Session.Go it waits for when the handler has returned. Only what a fault delays has another one. Replies may come from
// any goroutine, one at a time under conn.mu. Nobody holds Server.mu while reading, writing or logging.
//
// # The roster
//
// Who is connected is what stands in the books, which all connections come and go by under Server.mu. A look at the roster holds
// that for as long as it takes to copy pointers to the connections (sight.copy), and then reads what it shows from each: what
// is static, what is atomic, and what was published by an atomic pointer. A handshake changes what is otherwise static; until it is
// over, which conn.stage says, a look leaves that alone. See Roster.
//
// # Transports
//
// What carries the bytes is a transport: on Linux the fast one for TCP (socket_linux.go, which has all raw system calls and,
// but for what the race detector is told, all unsafe), else the portable one over net.Conn (transport.go). Listener.acceptor chooses. Nothing else knows.
//
// The wait for input happens deep inside Handler.Serve, as the handler's loop body runs within the transport's callback. Ten
// thousand goroutines wait there, so what stands on their stacks is kept under the 2 KiB that a goroutine begins with:
// see conn.welcome, conn.lend, conn.taken and keepBooks for what is done elsewhere because of it.
package server
