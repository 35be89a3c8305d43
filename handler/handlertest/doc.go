// Package handlertest makes the test of a handler short.
//
//	func TestShout(t *testing.T) {
//		t.Parallel()
//		c := handlertest.Dial(t, shout{})
//		c.Send("hi\n")
//		c.Expect("HI\n")
//		c.CloseWrite()
//		c.ExpectEnd()
//	}
//
// The handler runs under the real server, with a real wire and the daemon's limit on messages; only the network is one in
// memory. Unlike net.Pipe it lets one side end before the other, and unlike a socket it works within the bubble of
// testing/synctest, where an hour passes at once. Its clients come from 198.51.100.7, the first from port 50001.
//
// Nothing has to be closed: when the test ends the clients leave, and it fails if a conversation goes on without them. What
// the server logs is in the test's log.
package handlertest
