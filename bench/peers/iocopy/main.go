//go:build linux

// Iocopy is the shortest echo server in Go: io.Copy from a connection to itself, which is splice on Linux.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
)

func main() {
	address := flag.String("listen", "127.0.0.1:0", "address to listen on")
	greet := flag.Bool("greet", false, "greet each connection as parley does")
	flag.Parse()

	listener, err := net.Listen("tcp4", *address)
	if err != nil {
		log.Fatal(err)
	}
	for id := 1; ; id++ {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(conn, id, *greet)
	}
}

func serve(conn net.Conn, id int, greet bool) {
	defer conn.Close()
	if greet {
		if _, err := fmt.Fprintf(conn, "HELLO clientid=%d you=%v me=%v name=iocopy handler=echo\n", id, conn.RemoteAddr(), conn.LocalAddr()); err != nil {
			return
		}
	}
	_, _ = io.Copy(conn, conn) // A client that leaves is no news.
}
