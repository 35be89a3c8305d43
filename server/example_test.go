package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"parley/handler"
	"parley/protocol"
	"parley/server"
)

// A server that answers each line with the line in capitals, and a client of it.
func Example() {
	shout := handler.Func(func(s handler.Session) error {
		for msg := range s.Messages() {
			if err := s.Reply(strings.ToUpper(string(msg))); err != nil {
				return err
			}
		}
		return nil
	})

	srv := server.New(server.Config{Name: "pod-x"})
	listener := srv.NewListener(server.ListenerConfig{Label: "shout://:0", HandlerName: "shout", Handler: shout})
	sockets, err := server.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error)
	go func() { served <- listener.Serve(sockets[0]) }()

	client, err := net.Dial("tcp", sockets[0].Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	lines := bufio.NewScanner(client)
	fmt.Fprintln(client, "hi there")
	lines.Scan()
	fmt.Println(lines.Text())

	// The client reads on while the server is shut down, so that it is told.
	told := make(chan string)
	go func() {
		lines.Scan()
		client.Close()
		told <- lines.Text()
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	outcome := srv.Shutdown(ctx)
	fmt.Println(<-told)
	fmt.Println(outcome.Drained, "drained,", outcome.Cut, "cut:", <-served)
	// Output:
	// HI THERE
	// ERR shutting_down
	// 1 drained, 0 cut: server closed
}

func ExampleNew() {
	srv := server.New(server.Config{
		Log:           zap.NewExample(),
		Name:          "pod-x",
		MaxConns:      10_000,
		MaxConnsPerIP: 100,
		AcceptRate:    1000,
	})
	fmt.Println(srv.Shutdown(context.Background()))
	// Output: {0 0}
}

// Two listeners with handlers, wires and limits of their own share the caps of their server.
func ExampleServer_NewListener() {
	echo, err := handler.Kinds["echo"].New(handler.Options{"prefix": {""}})
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := server.New(server.Config{MaxConns: 10_000})
	for _, c := range []server.ListenerConfig{
		{
			Label:       "echo://:12000",
			HandlerName: "echo",
			Handler:     echo,
			Greeting:    true,
			Flush:       200 * time.Millisecond,
			Limits:      server.Limits{MaxMessage: 8 << 10, MessageTimeout: 30 * time.Second, IdleTimeout: 5 * time.Minute},
		},
		{
			Label:       "echo://:7",
			HandlerName: "echo",
			Handler:     echo,
			Wire:        protocol.Raw{},
			Limits:      server.Limits{MaxConns: 100, WriteTimeout: 10 * time.Second},
		},
	} {
		fmt.Println(srv.NewListener(c).Label)
	}
	// Output:
	// echo://:12000
	// echo://:7
}

func ExampleListen() {
	for _, address := range []string{"127.0.0.1:0", "127.0.0.1"} {
		sockets, err := server.Listen(context.Background(), "tcp", address)
		if err != nil {
			fmt.Println(err)
			continue
		}
		for _, socket := range sockets {
			fmt.Println(socket.Addr().Network(), socket.Addr().(*net.TCPAddr).IP)
			socket.Close()
		}
	}
	// Output:
	// tcp 127.0.0.1
	// address 127.0.0.1: missing port in address
}

// A unix socket's file goes with the server.
func ExampleListen_unix() {
	path := fmt.Sprintf("%s/parley-%d.sock", os.TempDir(), os.Getpid())
	sockets, err := server.Listen(context.Background(), "unix", path)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = os.Lstat(path)
	fmt.Println("there:", err == nil)
	sockets[0].Close()
	_, err = os.Lstat(path)
	fmt.Println("there:", err == nil)
	// Output:
	// there: true
	// there: false
}

// Serve goes on until Shutdown, whatever happens to the socket in between.
func ExampleListener_Serve() {
	srv := server.New(server.Config{})
	listener := srv.NewListener(server.ListenerConfig{Handler: handler.Func(func(handler.Session) error { return nil })})
	sockets, err := server.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error)
	go func() { served <- listener.Serve(sockets[0]) }()

	srv.Shutdown(context.Background())
	fmt.Println(errors.Is(<-served, server.ErrServerClosed))
	// Output: true
}

// Shutdown tells a client who is in the middle of nothing, and cuts off a handler that goes on when the time is up.
func ExampleServer_Shutdown() {
	begun := make(chan struct{})
	srv := server.New(server.Config{})
	listener := srv.NewListener(server.ListenerConfig{Handler: handler.Func(func(s handler.Session) error {
		close(begun)
		<-s.Context().Done() // Ends when the connection is cut off.
		return nil
	})})
	sockets, err := server.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = listener.Serve(sockets[0]) }()
	client, err := net.Dial("tcp", sockets[0].Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	<-begun

	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	fmt.Printf("%+v\n", srv.Shutdown(ctx))
	_, err = io.ReadAll(client)
	fmt.Println(err != nil)
	// Output:
	// {Drained:0 Cut:1}
	// true
}

// A handler that has done its work ends the program.
func ExampleServer_Finished() {
	srv := server.New(server.Config{})
	listener := srv.NewListener(server.ListenerConfig{Handler: handler.Func(func(s handler.Session) error {
		return handler.Finished{Report: []string{fmt.Sprintf("served client %d", s.ID())}}
	})})
	sockets, err := server.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = listener.Serve(sockets[0]) }()
	client, err := net.Dial("tcp", sockets[0].Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	finished := <-srv.Finished()
	fmt.Println(finished.Report)
	client.Close()
	srv.Shutdown(context.Background())
	// Output: [served client 1]
}

func ExampleReason() {
	for _, r := range server.Reasons() {
		fmt.Println(r)
	}
	// Output:
	// denied
	// untrusted_proxy
	// server_full
	// too_many_from_ip
	// bad_proxy_header
	// bad_tls
	// handshake_timeout
	// client_closed
	// done
	// line_too_long
	// bad_message
	// message_timeout
	// idle_timeout
	// write_timeout
	// slow_reader
	// fault
	// reset
	// lost
	// internal
	// shutting_down
	// cut
}

// A listener whose connections misbehave says so in its greeting, in these words.
func ExampleFaults_String() {
	faults := server.Faults{Delay: 200 * time.Millisecond, Jitter: 50 * time.Millisecond, Rate: 10 << 10, ResetAfter: 1500, Share: 0.05}
	fmt.Println(&faults)
	fmt.Println(server.FaultWords())
	// Output:
	// rate:10KiB+delay:200ms+jitter:50ms+reset_after:1500B
	// [stall close_after rate delay chop corrupt half_close_after reset_after]
}
