//go:build linux

// Fortio is the TCP echo server of fortio's library, as `fortio tcp-echo` runs it. It does not greet.
package main

import (
	"flag"
	"os"

	"fortio.org/fortio/fnet"
)

func main() {
	address := flag.String("listen", "127.0.0.1:0", "address to listen on")
	flag.Parse()

	if fnet.TCPEchoServer("tcp-echo", *address) == nil {
		os.Exit(1) // It has logged why.
	}
	select {}
}
