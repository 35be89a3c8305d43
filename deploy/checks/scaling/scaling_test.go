// Package scaling_test restarts three daemons behind a real HAProxy, one after the other, while clients come.
package scaling_test

import (
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/deploy/checks/internal/parley"
)

func TestMain(m *testing.M) { os.Exit(parley.Main(m)) }

var rate = flag.Int("rate", 500, "how many clients a second come")

const config = "../../haproxy/scaling-out.cfg"

// A fleet is three daemons and the HAProxy in front of them.
type fleet struct {
	t       *testing.T
	daemons [3]*parley.Process
	ended   []*parley.Process
	port    string // of the daemons, each of which has an address of loopback
	admin   string
	front   string // where the clients go
	stats   string
	haproxy *parley.Process
}

func (f *fleet) address(i int) string { return fmt.Sprintf("127.0.0.%d", 11+i) }

// start starts a daemon as the configuration says that it should be.
func (f *fleet) start(i int) {
	f.t.Helper()
	at := f.address(i)
	cmd := exec.Command(parley.Binary, "serve", fmt.Sprintf("echo://%s:%s?proxy_protocol=on&proxy_trusted=127.0.0.0/8", at, f.port))
	cmd.Env = []string{
		"PARLEY_ADMIN=" + at + ":" + f.admin, "PARLEY_DRAIN_DELAY=3s", "PARLEY_NAME=" + fmt.Sprintf("parley-%d-%d", i, len(f.ended)),
		"PARLEY_LOG_FORMAT=json",
	}
	f.daemons[i] = parley.Start(f.t, cmd)
	f.daemons[i].Logged("admin listening")
}

// restart ends a daemon as a service manager does and starts another in its place, and waits until HAProxy has sent a client there.
func (f *fleet) restart(i int) {
	f.t.Helper()
	f.daemons[i].Stop()
	f.ended = append(f.ended, f.daemons[i])
	f.start(i)
	f.awaitUp()
	f.daemons[i].Logged("connection closed")
}

// awaitUp waits until HAProxy has all three.
func (f *fleet) awaitUp() {
	f.t.Helper()
	parley.Eventually(f.t, "HAProxy has all daemons UP", func() bool {
		resp, err := http.Get("http://" + f.stats + "/;csv")
		if err != nil {
			if !f.haproxy.Running() {
				f.t.Fatal("HAProxy has ended")
			}
			return false // It has just started.
		}
		defer resp.Body.Close()
		rows, err := csv.NewReader(resp.Body).ReadAll()
		if err != nil {
			f.t.Fatal(err)
		}
		up := 0
		status := slices.Index(rows[0], "status")
		checked := slices.Index(rows[0], "check_status")
		for _, row := range rows[1:] {
			if slices.Contains([]string{"one", "two", "three"}, row[1]) && row[status] == "UP" && row[checked] == "L7OK" {
				up++
			}
		}
		return up == 3
	})
}

// newFleet starts it, the configuration being the one that we ship, at addresses and ports that are free here.
func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, port: freePort(t), admin: freePort(t), front: "127.0.0.1:" + freePort(t), stats: "127.0.0.1:" + freePort(t)}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	moved := strings.NewReplacer("bind :8000", "bind "+f.front, "127.0.0.1:8404", f.stats, "port 12001", "port "+f.admin,
		"192.0.2.11:12000", f.address(0)+":"+f.port, "192.0.2.12:12000", f.address(1)+":"+f.port, "192.0.2.13:12000", f.address(2)+":"+f.port,
	).Replace(string(text))
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(moved), 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range f.daemons {
		f.start(i)
	}
	f.haproxy = parley.Start(t, exec.Command("haproxy", "-db", "-f", file))
	f.awaitUp()
	return f
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}

// A visit is what one client has seen: it connects, reads the greeting, has a line echoed and ends.
type visit struct {
	who  string // the server's name and the client ID that it gave
	you  string // the address that the server took for the client's
	from string // and the one that was
	took time.Duration
	err  error
}

var greeting = regexp.MustCompile(`^HELLO clientid=(\d+) you=(\S+) .*\bname=(\S+)`)

func (f *fleet) visit(line string) (v visit) {
	began := time.Now()
	defer func() { v.took = time.Since(began) }()
	conn, err := net.DialTimeout("tcp4", f.front, parley.Patience)
	if err != nil {
		return visit{err: err}
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(parley.Patience))
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return visit{err: err}
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return visit{err: err}
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return visit{err: err}
	}
	match := greeting.FindStringSubmatch(string(answer))
	if match == nil || !strings.HasSuffix(string(answer), "\nECHO: "+line+"\n") {
		return visit{err: fmt.Errorf("%s was answered %q", line, answer)}
	}
	return visit{who: match[3] + "/" + match[1], you: match[2], from: conn.LocalAddr().String()}
}

// Each of the three is restarted while clients come: none is refused, reset or left without its answer, no two have the same ID of the
// same server, and what the six daemons have counted is what the clients have.
func TestRollingRestart(t *testing.T) {
	f := newFleet(t)
	var (
		mu     sync.Mutex
		visits []visit
		out    sync.WaitGroup
		stop   = make(chan struct{})
		coming = make(chan struct{})
	)
	began := time.Now()
	var lasted time.Duration
	go func() {
		defer close(coming)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for came := 0; ; {
			select {
			case <-stop:
				lasted = time.Since(began)
				return
			case <-tick.C:
				for due := int(time.Since(began).Seconds() * float64(*rate)); came < due; came++ { // Whoever is late comes all the same.
					line := fmt.Sprintf("client %d", came)
					out.Go(func() {
						v := f.visit(line)
						mu.Lock()
						defer mu.Unlock()
						visits = append(visits, v)
					})
				}
			}
		}
	}()
	for i := range f.daemons {
		f.restart(i)
	}
	close(stop)
	<-coming
	out.Wait()

	// What clients have seen.
	seen, names := map[string]bool{}, map[string]int{}
	var times []time.Duration
	for _, v := range visits {
		times = append(times, v.took)
		switch {
		case v.err != nil:
			t.Errorf("after %v: %v", v.took, v.err)
		case seen[v.who]:
			t.Errorf("two clients were %s", v.who)
		case v.you != v.from:
			t.Errorf("%s came from %s and was taken for %s", v.who, v.from, v.you)
		}
		seen[v.who] = true
		name, _, _ := strings.Cut(v.who, "/")
		names[name]++
	}
	slices.Sort(times)
	t.Logf("%d clients in %.1f s, %.0f a second; p50 %v, p99 %v, max %v; by server: %v", len(visits), lasted.Seconds(),
		float64(len(visits))/lasted.Seconds(), times[len(times)/2], times[len(times)*99/100], times[len(times)-1], names)
	if len(names) != 6 {
		t.Errorf("%d daemons have served clients, want 3 before and 3 after: %v", len(names), slices.Sorted(maps.Keys(names)))
	}

	// What the daemons have, once they have ended, too.
	for _, d := range f.daemons {
		d.Stop()
	}
	ledger := 0
	for _, d := range append(f.ended, f.daemons[:]...) {
		for line := range strings.Lines(d.Output()) {
			var entry struct {
				Msg, Reason string
				MessagesIn  int `json:"messages_in"`
				Drained     int
				Cut         int
			}
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			switch entry.Msg {
			case "connection closed":
				ledger += entry.MessagesIn
				if entry.Reason != "client_closed" {
					t.Errorf("a connection ended as no client did: %s", line)
				}
			case "stopped":
				if entry.Cut != 0 {
					t.Errorf("cut: %s", line)
				}
			}
		}
	}
	if ledger != len(visits) {
		t.Errorf("the daemons have counted %d messages, the clients %d", ledger, len(visits))
	}
}
