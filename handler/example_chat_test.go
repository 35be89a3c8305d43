package handler_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"parley/handler"
)

// Two clients in a room, as they would be with netcat.
func ExampleNewChat() {
	_, address, stop := serve(handler.NewChat(100))
	defer stop()
	var members [2]net.Conn
	var lines [2]*bufio.Scanner
	for i := range members {
		var err error
		if members[i], err = net.Dial("tcp", address); err != nil {
			panic(err)
		}
		defer members[i].Close()
		lines[i] = bufio.NewScanner(members[i])
		lines[i].Scan()
		fmt.Printf("%d: %s\n", i+1, lines[i].Text())
	}
	fmt.Fprintln(members[1], "/name Ann")
	fmt.Fprintln(members[1], "hello")
	for range 3 {
		lines[0].Scan()
		fmt.Printf("1: %s\n", lines[0].Text())
	}
	// Output:
	// 1: * you are client1, 1 here; /name X, /who, or EXIT to leave
	// 2: * you are client2, 2 here; /name X, /who, or EXIT to leave
	// 1: * client2 joined
	// 1: * client2 is now Ann
	// 1: <Ann> hello
}

// The operator at the server's own terminal is a member too, and may end the conversation of the others.
func ExampleChat_Console() {
	room := handler.NewChat(100)
	_, address, stop := serve(room)
	defer stop()
	client, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	defer client.Close()
	heard := bufio.NewReader(client)
	if _, err := heard.ReadString('\n'); err != nil { // its welcome
		panic(err)
	}

	keyboard := strings.NewReader("good evening\nEXIT\n")
	fmt.Println(room.Console(keyboard, os.Stdout))
	all, err := io.ReadAll(heard)
	fmt.Print(string(all), err)
	// Output:
	// * you are operator, 2 here; /name X, /who, or EXIT to leave
	// * waiting for the next
	// <nil>
	// * operator joined
	// <operator> good evening
	// * operator ended the conversation
	// <nil>
}
