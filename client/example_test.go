package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"time"

	"parley/client"
	"parley/protocol"
)

// listen runs a server that says something to each client and echoes what it says.
func listen(says string) (address string, stop func()) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for {
			nc, err := socket.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				_, _ = io.WriteString(nc, says)
				_, _ = io.Copy(nc, nc)
			}()
		}
	}()
	return socket.Addr().String(), func() { socket.Close() }
}

func Example() {
	server, stop := listen("HELLO clientid=17 name=lab handler=echo\n")
	defer stop()

	address, err := client.ParseAddress(server)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := client.Dialer{}.Dial(ctx, address)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	if greeting, err := conn.Greeting(); err == nil {
		fmt.Println("client", greeting.ClientID, "of", greeting.Name)
	}
	for _, text := range []string{"hi", "there"} {
		if err := conn.Send(ctx, text); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := conn.CloseWrite(); err != nil {
		fmt.Println(err)
		return
	}
	for {
		msg, err := conn.Receive(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(protocol.Printable(conn.Text(msg), false))
	}
	// Output:
	// client 17 of lab
	// hi
	// there
}

func ExampleParseAddress() {
	for _, s := range []string{"10.0.0.5:12000", "[::1]:12000", ":12000", "/run/parley.sock", "localhost"} {
		address, err := client.ParseAddress(s)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(address)
	}
	// Output:
	// 10.0.0.5:12000
	// [::1]:12000
	// localhost:12000
	// /run/parley.sock
	// "localhost" has no port, as in localhost:12000 or [::1]:12000
}

func ExampleTCPAddress() {
	address, err := client.TCPAddress("::1", "12000")
	fmt.Println(address, err)
	// Output: [::1]:12000 <nil>
}

// An error has its phase and its kind.
func ExampleDialer_Dial() {
	address, err := client.ParseAddress("/run/no-such-socket")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Dialer{}.Dial(context.Background(), address)
	if e, ok := errors.AsType[*client.Error](err); ok {
		fmt.Println(e.Phase, e.Kind)
		fmt.Println(e.Why())
	}
	// Output:
	// connect refused
	// there is no such socket
}

// The wire is recognised by the greeting.
func ExampleDialer_Converse() {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go func() {
		_, _ = theirs.Write(protocol.JSON{}.AppendGreeting(nil, protocol.Greeting{ClientID: 17, Handler: "echo"}))
	}()
	conn, err := client.Dialer{}.Converse(context.Background(), ours)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	greeting, err := conn.Greeting()
	fmt.Println(conn.Wire(), greeting.ClientID, greeting.Handler, err)
	// Output: json 17 echo <nil>
}

func ExampleProbe_Once() {
	server, stop := listen("SSH-2.0-OpenSSH_9.2\r\n")
	defer stop()
	address, err := client.ParseAddress(server)
	if err != nil {
		fmt.Println(err)
		return
	}
	verdict := client.Probe{Address: address, MustGreet: true}.Once(context.Background(), 0)
	fmt.Println(verdict.Kind)
	fmt.Println(verdict.Err.Why())
	// Output:
	// wrong
	// it said "SSH-2.0-OpenSSH_9.2" where a greeting was expected (is it an SSH server?)
}

func ExampleProbe_Series() {
	server, stop := listen("HELLO clientid=17 handler=echo\n")
	defer stop()
	address, err := client.ParseAddress(server)
	if err != nil {
		fmt.Println(err)
		return
	}
	probe := client.Probe{Address: address, Message: "message {i}", MustGreet: true}
	stats := client.NewStats(address)
	for verdict := range probe.Series(context.Background(), 5, time.Millisecond) {
		stats.Add(verdict)
	}
	fmt.Printf("%d probes, %d ok, %.1f%% loss\n", stats.Probes(), stats.OK(), 100*stats.Loss())
	// Output: 5 probes, 5 ok, 0.0% loss
}

func ExampleStats() {
	address, err := client.ParseAddress("10.0.0.5:12000")
	if err != nil {
		fmt.Println(err)
		return
	}
	stats := client.NewStats(address)
	for i := range 10 {
		took := time.Duration(i+1) * time.Millisecond
		stats.Add(client.Verdict{Kind: client.OK, Timings: client.Timings{Connect: took}, Total: took})
	}
	stats.Add(client.Verdict{Kind: client.Timeout, Total: 5 * time.Second})
	fmt.Print(stats)
	// Output:
	// --- 10.0.0.5:12000
	// 11 probes, 10 ok, 9.1% loss: 1 timeout
	// connect  min=1.0ms avg=5.5ms p50=5.0ms p90=9.0ms p99=10.0ms max=10.0ms
	// total    min=1.0ms avg=5.5ms p50=5.0ms p90=9.0ms p99=10.0ms max=10.0ms
}

// A thousand messages a second over ten connections, none of which may take longer than ten seconds.
func ExampleLoad_Run() {
	server, stop := listen("HELLO clientid=17 handler=echo\n")
	defer stop()
	address, err := client.ParseAddress(server)
	if err != nil {
		fmt.Println(err)
		return
	}
	load := client.Load{Address: address, Connections: 10, Rate: 1000, Duration: 100 * time.Millisecond}
	result, err := load.Run(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Headline())
	fmt.Println(result.Wire, "wire,", result.ErrorCount(), "errors,", result.Survived, "connections survived")
	fmt.Println("99 of 100 in time:", result.Echo.Percentile(99) < 10*time.Second)
	// Output:
	// 10 connections, 1000 messages of 64 bytes due a second
	// text wire, 0 errors, 10 connections survived
	// 99 of 100 in time: true
}
