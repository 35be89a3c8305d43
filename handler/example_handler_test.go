package handler_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"

	"parley/handler"
	"parley/server"
)

// backwards answers each message with the message backwards.
type backwards struct{}

func (backwards) Serve(s handler.Session) error {
	for msg := range s.Messages() {
		slices.Reverse(msg)
		if err := s.Echo("", msg); err != nil {
			return err
		}
	}
	return nil
}

// A handler of one's own is a type with one method. Here it is served on a port, and netcat would do for its client.
func ExampleHandler() {
	ctx := context.Background()
	srv := server.New(server.Config{})
	listener := srv.NewListener(server.ListenerConfig{Handler: backwards{}})
	sockets, err := server.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error)
	go func() { served <- listener.Serve(sockets[0]) }()

	conn, err := net.Dial("tcp", sockets[0].Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprint(conn, "stressed\r\nregal\n")
	answers := bufio.NewScanner(conn)
	for range 2 {
		answers.Scan()
		fmt.Println(answers.Text())
	}
	conn.Close()

	srv.Shutdown(ctx)
	fmt.Println(<-served)
	// Output:
	// desserts
	// lager
	// server closed
}
