//go:build linux

// Plain is the server that a Go programmer writes first: a goroutine and a buffer of 4 KiB for each connection.
package main

import (
	"flag"
	"fmt"
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
		if _, err := fmt.Fprintf(conn, "HELLO clientid=%d you=%v me=%v name=plain handler=echo\n", id, conn.RemoteAddr(), conn.LocalAddr()); err != nil {
			return
		}
	}
	buf := make([]byte, 4<<10)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		if _, err := conn.Write(buf[:n]); err != nil {
			return
		}
	}
}
