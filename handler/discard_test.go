package handler_test

import (
	"strings"
	"testing"

	"parley/handler/handlertest"
	"parley/protocol"
)

// Whatever is said, nothing is answered, and nothing ends but by the client.
func TestDiscard(t *testing.T) {
	onWires(t, "discard", func(t *testing.T, w protocol.Wire) {
		watch := newWatch(t)
		c := handlertest.Dial(t, newHandler(t, "discard", nil), handlertest.Wire(w), handlertest.Log(watch.logger()))
		sent := 0
		for _, text := range []string{"hi", "", strings.Repeat("x", 4000), "EXIT", "/who"} {
			msg := message(w, text)
			c.Send(msg)
			sent += len(msg)
		}
		c.CloseWrite()
		c.ExpectEnd()
		watch.wantEnded("client_closed")
		line := watch.lines("connection closed")[0]
		if line["messages_out"] != uint64(0) || line["messages_in"] != uint64(5) || line["bytes_in"] != uint64(sent) {
			t.Errorf("the log has %v, want 5 messages in of %d bytes, and none out", line, sent)
		}
	})
}

// RFC 863 knows no lines: on the raw wire there is no limit to anything.
func TestDiscard_raw(t *testing.T) {
	t.Parallel()
	s := serveTCP(t, newHandler(t, "discard", nil), protocol.Raw{})
	c := s.dial()
	const mebibytes = 64
	for range mebibytes {
		c.send(t, strings.Repeat("\xff", 1<<20))
	}
	c.closeWrite()
	if line, err := c.line(); line != "" || err == nil {
		t.Errorf("got %q, %v; want the end", line, err)
	}
	s.wantEnded("client_closed")
	if got := s.lines("connection closed")[0]["bytes_in"]; got != uint64(mebibytes<<20) {
		t.Errorf("%v bytes came in, want %d MiB", got, mebibytes)
	}
}
