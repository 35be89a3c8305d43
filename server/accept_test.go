package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"parley/server"
)

// A failingSocket fails to accept as long as it has errors.
type failingSocket struct {
	socket
	mu     sync.Mutex
	errors []error
	calls  []time.Time
}

func (s *failingSocket) Accept() (net.Conn, error) {
	s.mu.Lock()
	s.calls = append(s.calls, time.Now())
	var err error
	if len(s.errors) > 0 {
		err, s.errors = s.errors[0], s.errors[1:]
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return s.socket.Accept()
}

// seen returns when Accept was called.
func (s *failingSocket) seen() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// failing is pipes whose accepting fails.
func failing(errs ...error) network {
	return network{bubble: true, listen: func(t *testing.T) socket {
		return &failingSocket{socket: listenPipe(t), errors: errs}
	}}
}

// A temporaryError is what net.Error once promised to be.
type temporaryError struct{}

func (temporaryError) Error() string   { return "temporary" }
func (temporaryError) Timeout() bool   { return false }
func (temporaryError) Temporary() bool { return true }

// Nothing that can go wrong with accepting ends the server, or makes it spin.
func TestAccept_errors(t *testing.T) {
	for _, fault := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EPERM, syscall.EPROTO, syscall.ENETDOWN,
		syscall.EHOSTUNREACH, syscall.ECONNABORTED, syscall.ECONNRESET,
		temporaryError{},
	} {
		t.Run(fault.Error(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				const times = 200
				errs := make([]error, times)
				for i := range errs {
					errs[i] = &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", fault)}
				}
				n := failing(errs...)
				s := serve(t, n, echo(""))
				began := time.Now()
				c := s.dial() // Comes in when the trouble is over.
				c.send("a\n")
				c.want("a")
				calls := s.socket.(*failingSocket).seen()
				if waited := time.Since(calls[times-1]); waited > 1100*time.Millisecond {
					t.Errorf("accepting again took %v", waited)
				}
				for i := range calls {
					second := 0
					for _, later := range calls[i:] {
						if later.Sub(calls[i]) < time.Second {
							second++
						}
					}
					if second >= 30 {
						t.Fatalf("%d calls in a second", second)
					}
				}
				if n := s.metrics().of("parley_accept_errors_total"); n != times {
					t.Errorf("%v errors counted, want %d", n, times)
				}
				lines := s.log.lines("cannot accept connections, trying again")
				if most := int(time.Since(began)/time.Second) + 2; len(lines) == 0 || len(lines) > most {
					t.Errorf("%d log lines, want one a second, %d at most", len(lines), most)
				}
			})
		})
	}
}

// After a connection was accepted, the next error is the first one again.
func TestAccept_errorsApart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, failing(syscall.EMFILE, syscall.EMFILE, syscall.EMFILE), echo(""))
		socket := s.socket.(*failingSocket)
		for range 3 {
			s.dial()
			synctest.Wait()
			socket.mu.Lock()
			socket.errors = []error{syscall.EMFILE}
			socket.mu.Unlock()
			began := time.Now()
			s.dial() // Accepted by the call that waits already.
			c := s.dial()
			c.send("a\n")
			c.want("a")
			wantAfter(t, began, 5*time.Millisecond)
		}
	})
}

// A socket that somebody else has closed can't be accepted from again, which whoever has called Serve should know.
func TestServe_socketClosed(t *testing.T) {
	inTheClear(t, func(t *testing.T, n network) {
		srv := server.New(server.Config{})
		socket := n.listen(t)
		served := make(chan error)
		go func() { served <- srv.NewListener(server.ListenerConfig{Handler: echo("")}).Serve(socket) }()
		nc, err := socket.dial(netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		c := &client{Conn: nc, t: t, r: bufio.NewReader(nc)}
		c.send("a\n")
		c.want("a") // It is accepting.
		socket.Close()
		if err := <-served; !errors.Is(err, net.ErrClosed) || errors.Is(err, server.ErrServerClosed) {
			t.Errorf("Serve returned %v, want %v", err, net.ErrClosed)
		}
		c.send("b\n")
		c.want("b")
		nc.Close()
		srv.Shutdown(t.Context())
	})
}

// Nobody waits for the pause after an error, nor for the accept rate.
func TestShutdown_whileNotAccepting(t *testing.T) {
	errs := make([]error, 100)
	for i := range errs {
		errs[i] = syscall.EMFILE
	}
	for name, test := range map[string]struct {
		net network
		as  func(*role)
	}{
		"errors": {failing(errs...), func(*role) {}},
		"rate":   {overPipe, limits(server.Limits{AcceptRate: 0.001})},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, test.net, echo(""), test.as)
				if name == "rate" {
					s.dial().Close()
				}
				time.Sleep(10*time.Second + time.Millisecond) // In the middle of a pause.
				began := time.Now()
				s.stop(time.Second)
				if err := <-s.served; !errors.Is(err, server.ErrServerClosed) {
					t.Errorf("Serve returned %v", err)
				}
				s.served <- server.ErrServerClosed
				wantAfter(t, began, 0)
			})
		})
	}
}

// Beyond the rate, connections wait in front of accept, and none is dropped.
func TestAcceptRate(t *testing.T) {
	for name, as := range map[string]func(*role){
		"server's":                  func(r *role) { r.server.AcceptRate = 10 },
		"listener's":                limits(server.Limits{AcceptRate: 10}),
		"listener's, not server's":  func(r *role) { r.server.AcceptRate, r.listener.Limits.AcceptRate = 1, 10 },
		"listener's, above another": func(r *role) { r.server.AcceptRate, r.listener.Limits.AcceptRate = 1000, 10 },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				const clients = 30
				s := serve(t, overPipe, echo(""), greeting, as)
				began := time.Now()
				var done sync.WaitGroup
				for range clients {
					done.Go(func() {
						nc, err := s.socket.dial(netip.Addr{})
						if err != nil {
							t.Error(err)
							return
						}
						defer nc.Close()
						var id int
						if _, err := fmt.Fscanf(nc, "HELLO clientid=%d", &id); err != nil {
							t.Error(err)
						}
						if took, want := time.Since(began), time.Duration(id-1)*100*time.Millisecond; took != want {
							t.Errorf("client %d was greeted after %v, want %v", id, took, want)
						}
					})
				}
				done.Wait()
			})
		})
	}
}
