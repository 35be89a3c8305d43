// Package handler has the conversations that parley can hold: what is answered to a client, and nothing of how the bytes
// come and go.
//
// A Handler is one type with one method. It is given the Session of a client, ranges over the messages that come in, and
// replies:
//
//	func (e *echo) Serve(s handler.Session) error {
//		for msg := range s.Messages() {
//			if err := s.Echo(e.prefix, msg); err != nil {
//				return err
//			}
//		}
//		return nil
//	}
//
// It never sees a socket, a deadline, a metric or a wire format: the server cuts the input into messages, writes replies as
// the listener's wire wants them, ends who is too slow or too loud, and closes the connection when Serve returns. One
// Handler serves all clients of a listener, each on a goroutine of its own, so what it keeps between clients it
// guards itself.
//
// A handler that has to say something unasked does so on another goroutine, which it starts with Session.Go, so that a
// panic there costs this client its connection and no other anything. Replies that come together are gathered with
// Session.Gather and sent with Session.Flush, by one system call. Whoever is sent something may not be reading, so
// a goroutine that sends to one client waits for that one only.
//
// To add one: write a file with its type and its Kind, and put the Kind into Kinds. Package handlertest makes its test
// short.
package handler
