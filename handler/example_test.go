package handler_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"parley/handler"
	"parley/server"
)

// serve serves h on a port of its own until stop is called.
func serve(h handler.Handler) (srv *server.Server, address string, stop func()) {
	ctx := context.Background()
	srv = server.New(server.Config{})
	listener := srv.NewListener(server.ListenerConfig{Handler: h})
	sockets, err := server.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	var served sync.WaitGroup
	served.Go(func() { _ = listener.Serve(sockets[0]) })
	return srv, sockets[0].Addr().String(), func() {
		srv.Shutdown(ctx)
		served.Wait()
	}
}

// converse returns what h answers to a client who sends input and ends its side.
func converse(h handler.Handler, input string) string {
	_, address, stop := serve(h)
	defer stop()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, input)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		panic(err)
	}
	answers, err := io.ReadAll(conn)
	if err != nil {
		panic(err)
	}
	return string(answers)
}

func ExampleFunc() {
	h := handler.Func(func(s handler.Session) error {
		return s.Reply(fmt.Sprintf("You are number %d, good bye.", s.ID()))
	})
	fmt.Print(converse(h, ""))
	// Output: You are number 1, good bye.
}

// A Session's messages end when the client has ended its side; then there is still time for a last word.
func ExampleSession() {
	h := handler.Func(func(s handler.Session) error {
		words := 0
		for msg := range s.Messages() {
			words += len(strings.Fields(string(msg)))
		}
		return s.Reply(fmt.Sprint(words, " words"))
	})
	fmt.Print(converse(h, "to be\nor not to be\n"))
	// Output: 6 words
}

// A client for whom there is no room is told so.
func ExampleErrFull() {
	h := handler.Func(func(handler.Session) error { return handler.ErrFull })
	fmt.Print(converse(h, "hi\n"))
	// Output: ERR server_full
}

// A handler whose work is done says so, and whoever runs the server ends it.
func ExampleFinished() {
	srv, address, stop := serve(handler.Func(func(handler.Session) error {
		return handler.Finished{Report: []string{"one client was enough"}}
	}))
	defer stop()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	fmt.Println((<-srv.Finished()).Report)
	// Output: [one client was enough]
}

// The handler of a listener is asked for by its name, with the keys of the listener's URL.
func ExampleKinds() {
	kind := handler.Kinds["echo"]
	fmt.Println(kind.Summary)
	fmt.Println(kind.Options)

	h, err := kind.New(handler.Options{"prefix": {"you said "}})
	fmt.Println(err)
	fmt.Print(converse(h, "hi\n"))

	_, err = kind.New(handler.Options{"once": {"maybe"}})
	fmt.Println(err)
	// Output:
	// answers each message with the message
	// [prefix once]
	// <nil>
	// you said hi
	// once="maybe": want true or false
}

func ExampleOptions() {
	o := handler.Options{"message": {"Servus"}, "once": {"1"}, "prefix": {"a\nb"}}
	fmt.Println(o.Line("message", "Hello"))
	fmt.Println(o.Bool("once", false))
	fmt.Println(o.Count("limit", 10))
	fmt.Println(o.Line("prefix", "> "))
	// Output:
	// Servus <nil>
	// true <nil>
	// 0 <nil>
	//  prefix="a\nb": want a text without control characters
}
