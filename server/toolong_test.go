package server_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"parley/server"
)

func TestLineTooLong(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		const limit = 100
		s := serve(t, n, echo(""), limits(server.Limits{MaxMessage: limit}))
		for _, size := range []int{limit - 1, limit} {
			line := strings.Repeat("x", size)
			c := s.dial()
			c.send(line + "\n")
			c.want(line)
			c.send(line + "\r\n")
			c.want(line)
			c.send(line) // Unfinished, it is not too long either.
			c.closeWrite()
			c.wantEnd(line)
			s.wantEnd(server.ClientClosed)
		}
		for _, input := range []string{
			strings.Repeat("x", limit+1) + "\n",
			strings.Repeat("x", limit+2), // One more could still be a CR.
			strings.Repeat("x", 10*limit) + "\nb\n",
		} {
			c := s.dial()
			c.send("a\n")
			c.want("a")
			c.send(input)
			c.wantEnd(fmt.Sprint("ERR line_too_long limit=", limit))
			c.Close()
			s.wantEnd(server.LineTooLong)
		}
		// What stands in front of it is answered.
		c := s.dial()
		c.send("a\nb\n" + strings.Repeat("x", 10*limit) + "\nc\n")
		c.wantEnd("a", "b", "ERR line_too_long limit=100")
	})
}

// Who goes on sending is told all the same.
func TestLineTooLong_keepsSending(t *testing.T) {
	for _, size := range []int{1 << 20, 20 << 20} {
		t.Run(fmt.Sprint(size>>20, "MiB"), func(t *testing.T) {
			everywhere(t, func(t *testing.T, n network) {
				s := serve(t, n, echo(""), limits(server.Limits{MaxMessage: 8192}))
				c := s.dial()
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					// It may fail: nobody reads 20 MiB of this.
					_, _ = io.Copy(c.Conn, strings.NewReader(strings.Repeat("x", size)))
					_ = c.Conn.(interface{ CloseWrite() error }).CloseWrite()
				}()
				if !n.bubble {
					<-sent // A client that looks for an answer only when it has sent everything.
				}
				c.want("ERR line_too_long limit=8192")
				<-sent
				s.wantEnd(server.LineTooLong)
			})
		})
	}
}
