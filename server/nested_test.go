package server_test

import (
	"testing"

	"parley/handler"
	"parley/server"
)

// A loop within the loop would wait for input that only the outer one can take, beyond every deadline.
func TestMessages_nested(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, handler.Func(func(s handler.Session) error {
			for range s.Messages() {
				for range s.Messages() {
					return nil
				}
			}
			return nil
		}))
		c := s.dial()
		c.send("a\n")
		c.wantEnd("ERR internal")
		c.Close()
		s.wantEnd(server.Internal)
	})
}
