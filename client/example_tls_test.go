package client_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"time"

	"parley/client"
)

// A certificate that no authority vouches for is known by its SHA-256, which the owner has told.
func ExampleTLSConfig_pin() {
	server := httptest.NewUnstartedServer(http.NotFoundHandler()) // It does not greet, and waits for a question.
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()

	pin, err := client.ParsePin(client.PinOf(server.Certificate()).String())
	if err != nil {
		fmt.Println(err)
		return
	}
	address, err := client.ParseAddress(server.Listener.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, config := range []client.TLSConfig{{Pin: pin}, {Pin: client.Pin{1, 2, 3}}} {
		conn, err := client.Dialer{TLS: &config, NoGreeting: true}.Dial(ctx, address)
		if e, ok := errors.AsType[*client.Error](err); ok {
			fmt.Println(e.Kind, e.Phase, e.Why()[:54])
			continue
		}
		fmt.Println(tls.VersionName(conn.TLS().Version))
		conn.Close()
	}
	// Output:
	// TLS 1.3
	// tls tls its certificate is not the one that is pinned: its SHA
}

// A server behind a proxy learns from a PROXY header who its client is. Here we claim to be such a proxy.
func ExampleDialer_proxy() {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer socket.Close()
	go func() {
		nc, err := socket.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		header, err := bufio.NewReader(nc).ReadString('\n')
		if err != nil {
			return
		}
		fmt.Fprintf(nc, "HELLO clientid=17 you=%s\n", strings.Fields(header)[2])
	}()
	address, err := client.ParseAddress(socket.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	dialer := client.Dialer{Proxy: 1, ProxyFrom: netip.MustParseAddrPort("203.0.113.9:51544"), Silence: 10 * time.Second}
	conn, err := dialer.Dial(ctx, address)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	greeting, err := conn.Greeting()
	fmt.Println(greeting.You, err)
	// Output:
	// 203.0.113.9 <nil>
}
