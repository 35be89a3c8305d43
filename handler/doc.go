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
// A handler that has to say something unasked does so on another goroutine. It starts that with Session.Go, so that a panic
// there ends this client's connection and not the process. Replies that fall due together are gathered with Session.Gather
// and sent by Session.Flush with one system call. Any of these calls may wait for a client who does not read: one goroutine
// sends to one client.
//
// To add one: write a file with its type and its Kind, and put the Kind into Kinds. Package handlertest makes its test
// short.
package handler
