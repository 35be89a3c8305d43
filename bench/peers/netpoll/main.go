//go:build linux

// Netpoll is an echo server on cloudwego/netpoll: event loops, and a pool of goroutines for what they bring.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"sync/atomic"

	"github.com/cloudwego/netpoll"
)

func main() {
	address := flag.String("listen", "127.0.0.1:0", "address to listen on")
	greet := flag.Bool("greet", false, "greet each connection as parley does")
	flag.Parse()

	listener, err := net.Listen("tcp4", *address)
	if err != nil {
		log.Fatal(err)
	}
	var options []netpoll.Option
	if *greet {
		options = append(options, netpoll.WithOnConnect(hello))
	}
	loop, err := netpoll.NewEventLoop(echo, options...)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(loop.Serve(listener))
}

var accepted atomic.Uint64

func hello(ctx context.Context, conn netpoll.Connection) context.Context {
	line := fmt.Sprintf("HELLO clientid=%d you=%v me=%v name=netpoll handler=echo\n", accepted.Add(1), conn.RemoteAddr(), conn.LocalAddr())
	if _, err := conn.Writer().WriteString(line); err == nil {
		_ = conn.Writer().Flush() // A client that left is found by the next read.
	}
	return ctx
}

func echo(_ context.Context, conn netpoll.Connection) error {
	in, out := conn.Reader(), conn.Writer()
	message, err := in.Next(in.Len())
	if err != nil {
		return err
	}
	if _, err := out.WriteBinary(message); err != nil {
		return err
	}
	// Before Release, which gives the message's memory back.
	if err := out.Flush(); err != nil {
		return err
	}
	return in.Release()
}
