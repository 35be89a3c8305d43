//go:build linux

// Deadline is plain with what a server needs at the least: a deadline for each read, and a count of what it reads.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"sync/atomic"
	"time"
)

const idle = 5 * time.Minute

var messages, bytes atomic.Uint64

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
		if _, err := fmt.Fprintf(conn, "HELLO clientid=%d you=%v me=%v name=deadline handler=echo\n", id, conn.RemoteAddr(), conn.LocalAddr()); err != nil {
			return
		}
	}
	buf := make([]byte, 4<<10)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(idle)); err != nil {
			return
		}
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		messages.Add(1)
		bytes.Add(uint64(n))
		if _, err := conn.Write(buf[:n]); err != nil {
			return
		}
	}
}
