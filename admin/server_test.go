package admin_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"parley/admin"
)

func Example() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "parley_connections_active",
		Help: "Clients that are connected.",
	}))

	server := admin.New(admin.Options{Gatherer: registry})
	served := make(chan error)
	go func() { served <- server.Serve(ln) }()

	response, err := http.Get("http://" + ln.Addr().String() + "/metrics")
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	metrics, err := io.ReadAll(response.Body)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s", metrics)

	fmt.Println(server.Shutdown(context.Background()))
	fmt.Println(<-served)
	// Output:
	// # HELP parley_connections_active Clients that are connected.
	// # TYPE parley_connections_active gauge
	// parley_connections_active 0
	// <nil>
	// http: Server closed
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "tries_total", Help: "Tries."}))
	opts := admin.Options{
		Gatherer: registry,
		Version:  "v1.2.3",
		Listeners: []admin.Listener{
			{Name: "echo://127.0.0.1:12000?prefix=<b>", Try: `printf 'hi\n' | nc -N 127.0.0.1 12000`},
			{Name: "discard://:9"},
		},
	}
	withPprof := opts
	withPprof.Pprof = true

	const text, page = "text/plain; charset=utf-8", "text/html; charset=utf-8"
	tests := []struct {
		opts        admin.Options
		target      string
		status      int
		contentType string
		want        string // part of the body
	}{
		{opts, "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", "\ntries_total 0\n"},
		{opts, "/healthz", 200, text, "ok\n"},
		{opts, "/readyz", 200, text, "ok\n"},
		{opts, "/", 200, page, "<title>parley</title>"},
		{admin.Options{}, "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", ""},
		{opts, "/index.html", 404, text, "404 page not found"},
		{opts, "/metrics/", 404, text, ""},
		{opts, "/debug/pprof/", 404, text, ""},
		{opts, "/debug/pprof/profile", 404, text, ""},
		{withPprof, "/debug/pprof/", 200, page, "goroutine"},
		{withPprof, "/debug/pprof/goroutine?debug=1", 200, text, "goroutine profile: total"},
		{withPprof, "/debug/pprof/cmdline", 200, text, ""},
	}
	for _, test := range tests {
		t.Run(test.target, func(t *testing.T) {
			t.Parallel()
			s := serveTCP(t, test.opts)
			got := s.request("GET", test.target)
			if got.StatusCode != test.status || !strings.Contains(got.body, test.want) {
				t.Errorf("got %d, want %d with %q:\n%s", got.StatusCode, test.status, test.want, got.body)
			}
			for name, want := range map[string]string{
				"Content-Type":           test.contentType,
				"Cache-Control":          "no-store",
				"X-Content-Type-Options": "nosniff",
			} {
				if got := got.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if csp := got.Header.Get("Content-Security-Policy"); test.target == "/" && !strings.HasPrefix(csp, "default-src 'none';") {
				t.Errorf("Content-Security-Policy is %q", csp)
			}

			head := s.request("HEAD", test.target)
			if head.StatusCode != test.status || head.Header.Get("Content-Type") != test.contentType || head.body != "" {
				t.Errorf("HEAD: got %v %q", head.Response, head.body)
			}
		})
	}
}

func TestOpenMetrics(t *testing.T) {
	t.Parallel()
	s := serveTCP(t, admin.Options{})
	conn := s.connect("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n")
	got := readAnswer(t, bufio.NewReader(conn), "GET")
	if !strings.HasPrefix(got.Header.Get("Content-Type"), "application/openmetrics-text; version=1.0.0") || got.body != "# EOF\n" {
		t.Errorf("got %q, %q", got.Header, got.body)
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	var ready atomic.Bool
	s := serveTCP(t, admin.Options{Ready: ready.Load})
	for _, isReady := range []bool{false, true, false} {
		ready.Store(isReady)
		status, body := 503, "not ready\n"
		if isReady {
			status, body = 200, "ok\n"
		}
		if got := s.request("GET", "/readyz"); got.StatusCode != status || got.body != body {
			t.Errorf("ready %t: got %d %q", isReady, got.StatusCode, got.body)
		}
		if got := s.request("GET", "/healthz"); got.StatusCode != 200 {
			t.Errorf("ready %t: health is %d", isReady, got.StatusCode)
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	s := serveTCP(t, admin.Options{Pprof: true})
	for _, target := range []string{"/", "/metrics", "/nowhere", "/debug/pprof/symbol", "*"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PARLEY"} {
			got := s.request(method, target)
			if got.StatusCode != 405 || got.Header.Get("Allow") != "GET, HEAD" || !got.Close {
				t.Errorf("%s %s: got %d, %q, close %t", method, target, got.StatusCode, got.Header, got.Close)
			}
		}
	}
}

// TestHugePostUnread posts 1 GiB. It is answered at once, and what of it was
// taken is no more than the buffers on the way hold.
func TestHugePostUnread(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{
		"announced": "Content-Length: 1073741824\r\n\r\n",
		"expected":  "Content-Length: 1073741824\r\nExpect: 100-continue\r\n\r\n",
		"chunked":   "Transfer-Encoding: chunked\r\n\r\n40000000\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveTCP(t, admin.Options{})
			conn := s.connect("POST /metrics HTTP/1.1\r\nHost: localhost\r\n" + head)
			sent := make(chan int)
			go func() {
				var total int
				for chunk := make([]byte, 64<<10); total < 1<<30; {
					n, err := conn.Write(chunk)
					total += n
					if err != nil {
						break
					}
				}
				sent <- total
			}()
			got := readAnswer(t, bufio.NewReader(conn), "POST")
			if got.StatusCode != 405 || !got.Close {
				t.Errorf("got %d, close %t", got.StatusCode, got.Close)
			}
			if n := <-sent; n > 64<<20 {
				t.Errorf("%d MiB of the body were taken", n>>20)
			}
		})
	}
}

// TestSlowHeaders has a thousand visitors begin a request and not end it. The
// next must not notice.
func TestSlowHeaders(t *testing.T) {
	t.Parallel()
	s := serveTCP(t, admin.Options{})
	for range 1000 {
		s.connect("GET /metrics HTTP/1.1\r\nHost: par")
	}
	start := time.Now()
	if got := s.request("GET", "/metrics"); got.StatusCode != 200 {
		t.Errorf("got %d", got.StatusCode)
	}
	if took := time.Since(start); took > 4*time.Second { // after 5 the slow ones are gone anyway
		t.Errorf("the answer took %v", took)
	}
}

// TestCrowd fills the server with every kind of slow visitor in turn: at each
// moment MaxConns connections are open, and the newest always gets its answer.
func TestCrowd(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{
		"says nothing":            "",
		"sends half a header":     "GET / HTTP/1.1\r\nX",
		"sends no body":           "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n",
		"does not read":           "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"begins a second request": "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /heal",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := servePipes(t, admin.Options{})
				var conns []net.Conn
				for range 3*admin.MaxConns + 1 {
					conn, err := s.dial()
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close()
					go func() { _, _ = io.WriteString(conn, head) }()
					synctest.Wait()
					conns = append(conns, conn)
				}
				if got := s.request("GET", "/healthz"); got.body != "ok\n" {
					t.Errorf("got %q", got.body)
				}
				for i, conn := range conns {
					conn.SetReadDeadline(time.Now()) // tells an open pipe from a closed one
					_, err := io.Copy(io.Discard, conn)
					if closed, want := err == nil, i <= len(conns)-admin.MaxConns; closed != want {
						t.Errorf("connection %d of %d: closed %t, want %t", i, len(conns), closed, want)
					}
				}
			})
		})
	}
}

// TestCrowdSparesTheBusy has silent visitors come in numbers while one scrapes
// over a connection that it keeps: that one is not among those who go.
func TestCrowdSparesTheBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := servePipes(t, admin.Options{})
		conn := s.connect("")
		r := bufio.NewReader(conn)
		for range 6 {
			if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			readAnswer(t, r, "GET")
			for range admin.MaxConns / 2 {
				s.connect("")
			}
			synctest.Wait()
		}
	})
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	const get, host = "GET /healthz HTTP/1.1\r\n", "Host: localhost\r\n"
	tests := []struct {
		name   string
		head   string
		wait   time.Duration // before the visitor reads
		closed time.Duration
	}{
		{"nothing sent", "", 0, 5 * time.Second},
		{"header unfinished", get, 0, 5 * time.Second},
		{"idle", get + host + "\r\n", 0, 2 * time.Minute},
		{"body unfinished", get + host + "Content-Length: 10\r\n\r\n", 0, 10 * time.Second},
		{"answer unread", get + host + "\r\n", 10 * time.Second, 10 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := servePipes(t, admin.Options{})
				start := time.Now()
				conn := s.connect(test.head)
				time.Sleep(test.wait)
				synctest.Wait()
				awaitEnd(conn)
				if took := time.Since(start); took != test.closed {
					t.Errorf("closed after %v, want %v", took, test.closed)
				}
			})
		})
	}
}

// TestProfileOutlastsTimeouts records longer than any timeout of the server.
func TestProfileOutlastsTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := servePipes(t, admin.Options{Pprof: true})
		start := time.Now()
		got := s.request("GET", "/debug/pprof/goroutine?seconds=30")
		if took := time.Since(start); got.StatusCode != 200 || len(got.body) == 0 || took < 30*time.Second {
			t.Errorf("got %d with %d bytes after %v", got.StatusCode, len(got.body), took)
		}
	})
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gathering, gathered := make(chan struct{}), make(chan struct{})
		s := servePipes(t, admin.Options{Gatherer: prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
			close(gathering)
			<-gathered
			return nil, nil
		})})
		silent := s.connect("")
		slow := s.connect("GET /")
		idle := s.connect("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		readAnswer(t, bufio.NewReader(idle), "GET")
		busy := s.connect("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
		<-gathering

		down := make(chan error)
		go func() { down <- s.server.Shutdown(t.Context()) }()
		for _, conn := range []net.Conn{silent, slow, idle} {
			if took := awaitEnd(conn); took > time.Second {
				t.Errorf("a connection without a request was open for %v", took)
			}
		}
		if err := <-s.served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
		if _, err := s.dial(); err == nil {
			t.Error("a connection was accepted")
		}
		close(gathered)
		if got := readAnswer(t, bufio.NewReader(busy), "GET"); got.StatusCode != 200 {
			t.Errorf("the request under way was answered %d", got.StatusCode)
		}
		if err := <-down; err != nil {
			t.Error(err)
		}
	})
}

func TestShutdownGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gathering, gathered := make(chan struct{}), make(chan struct{})
		s := servePipes(t, admin.Options{Gatherer: prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
			close(gathering)
			<-gathered
			return nil, nil
		})})
		busy := s.connect("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
		<-gathering
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := awaitEnd(busy); took != 0 {
			t.Errorf("the connection was open for another %v", took)
		}
		close(gathered)
	})
}

// TestLog has a collector fail, at each scrape one line, and a visitor send
// nonsense and leave, which is nobody's concern.
func TestLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.DebugLevel)
		good := prometheus.NewRegistry()
		good.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "good"}))
		s := servePipes(t, admin.Options{
			Log: zap.New(core),
			Gatherer: prometheus.Gatherers{good, prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
				return nil, errors.New("no such process")
			})},
		})
		if got := s.request("GET", "/metrics"); got.StatusCode != 200 || !strings.Contains(got.body, "good 0\n") {
			t.Errorf("got %d %s", got.StatusCode, got.body)
		}
		s.request("BREW", "/ HTCPCP")
		s.connect("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").Close()
		synctest.Wait()

		entries := logs.FilterLevelExact(zapcore.WarnLevel).All()
		if len(entries) == 0 || len(entries) > 2 { // the one who left may have been noticed before the scrape
			t.Fatalf("got %d warnings: %v", len(entries), entries)
		}
		if got := entries[0]; got.Message != "gathering metrics" || !strings.Contains(fmt.Sprint(got.ContextMap()["error"]), "no such process") {
			t.Errorf("got %v", got)
		}
		if n := logs.Len() - len(entries); n != 0 {
			t.Errorf("%d lines at other levels: %v", n, logs.All())
		}
	})
}

// TestAcceptErrors has accept fail with what would end http.Server.Serve.
func TestAcceptErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.DebugLevel)
		ln := &pipeListener{accepts: make(chan accepted), closed: make(chan struct{})}
		s := serve(t, admin.Options{Log: zap.New(core)}, ln, ln.dial)
		start := time.Now()
		for range 20 {
			if err := ln.offer(accepted{err: &net.OpError{Op: "accept", Err: syscall.ENOBUFS}}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took < 5*time.Second {
			t.Errorf("20 errors in %v: no pause between them", took)
		}
		if got := s.request("GET", "/healthz"); got.StatusCode != 200 {
			t.Errorf("got %d", got.StatusCode)
		}
		if n := logs.FilterLevelExact(zapcore.DebugLevel).FilterMessageSnippet("Accept error").Len(); n != 20 || logs.Len() != n {
			t.Errorf("got %d of 20 lines: %v", n, logs.All())
		}
	})
}
