package server_test

import (
	"errors"
	"net"
	"strings"
	"sync"

	"parley/handler"
	"parley/server"
)

// endings are twelve ways for a connection to end, as its client brings them about with endsAsTold at the other end. The
// client closes its side afterwards.
var endings = []struct {
	end    func(*client, *floods)
	reason server.Reason
	tcp    bool // only over TCP
}{
	{end: func(*client, *floods) {}, reason: server.ClientClosed},
	{end: func(c *client, _ *floods) {
		c.send("a\n")
		c.want("a")
	}, reason: server.ClientClosed},
	{end: func(c *client, _ *floods) {
		c.send("a")
		c.closeWrite()
		c.wantEnd("a")
	}, reason: server.ClientClosed},
	{end: func(c *client, _ *floods) {
		c.send("done\nmore\n")
		c.wantEnd("bye")
	}, reason: server.Done},
	{end: func(c *client, _ *floods) {
		c.send(strings.Repeat("x", 1000))
		c.wantEnd("ERR line_too_long limit=100")
	}, reason: server.LineTooLong},
	{end: func(c *client, _ *floods) {
		c.send("a\nb")
		c.want("a")
		c.wantEnd("ERR message_timeout")
	}, reason: server.MessageTimeout},
	{end: func(c *client, _ *floods) {
		c.wantEnd("ERR idle_timeout")
	}, reason: server.IdleTimeout},
	{end: func(c *client, _ *floods) {
		c.send("error\n")
		c.wantEnd("ERR internal")
	}, reason: server.Internal},
	{end: func(c *client, _ *floods) {
		c.send("panic\n")
		c.wantEnd("ERR internal")
	}, reason: server.Internal},
	{end: func(c *client, _ *floods) {
		c.send("full\n")
		c.wantEnd("ERR server_full")
	}, reason: server.ServerFull},
	{end: func(c *client, f *floods) {
		c.send("flood\n")
		<-f.over(c.RemoteAddr(), c.LocalAddr())
	}, reason: server.WriteTimeout},
	{end: func(c *client, _ *floods) {
		c.send("a\n")
		c.want("a")
		_ = c.Conn.(*net.TCPConn).SetLinger(0)
	}, reason: server.Reset, tcp: true},
}

// endsAsTold is an echo that ends in the way a message names.
func endsAsTold(f *floods) handler.Func {
	return func(s handler.Session) error {
		for msg := range s.Messages() {
			switch string(msg) {
			case "done":
				return s.Reply("bye")
			case "error":
				return errors.New("as told")
			case "full":
				return handler.ErrFull
			case "flood":
				err := flood(s)
				f.over(s.LocalAddr(), s.RemoteAddr()) <- struct{}{}
				return err
			case "panic":
				panic("as told")
			}
			if err := s.Echo("", msg); err != nil {
				return err
			}
		}
		return nil
	}
}

// floods tell clients that read nothing that the server has had enough.
type floods struct{ chans sync.Map }

func (f *floods) over(server, client net.Addr) chan struct{} {
	ch, _ := f.chans.LoadOrStore(server.String()+" "+client.String(), make(chan struct{}, 1))
	return ch.(chan struct{})
}
