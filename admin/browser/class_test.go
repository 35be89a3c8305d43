package browser

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// shownWithin is how soon after a client has connected the page shows it by name.
const shownWithin = time.Second

// Two who would rather be markup, or draw on a terminal, than be called something.
const (
	markup = `<img src=x onerror=alert(1)>`
	escape = "\x1b[2J\x1b]0;mine\x07"
)

// The students of a class, in the order in which they come.
var students = []string{
	"Ada Lovelace", "Grace Hopper", "Edsger Dijkstra", "Barbara Liskov", "Radia Perlman", "Vint Cerf", "Jon Postel", "Sally Floyd",
	"Donald Knuth", markup, "Frances Allen", "Ken Thompson", "Margaret Hamilton", "Alan Turing", "Lynn Conway", "Niklaus Wirth",
	"Katherine Johnson", "Tim Berners-Lee", "Hedy Lamarr", "Leslie Lamport", "Adele Goldberg", "Tony Hoare", escape, "John Backus",
	"Shafi Goldwasser", "Dennis Ritchie", "Evelyn Boyd Granville", "Joe Armstrong", "Jean Sammet", "Karen Jones",
}

// A student is a Python process, which is in the class once it was told to go.
type student struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
	came  time.Time
}

func newStudent(t *testing.T, name, email, port string) *student {
	t.Helper()
	s := &student{t: t, cmd: exec.Command("python3", filepath.Join("testdata", "student.py"), name, email, port)}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.lines = bufio.NewScanner(out)
	t.Cleanup(func() {
		s.stdin.Close()
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	})
	return s
}

// comes has it connect, and notes when it had.
func (s *student) comes() {
	s.t.Helper()
	s.says("")
	if !s.lines.Scan() {
		s.t.Fatalf("%q does not connect", s.cmd.Args)
	}
	seconds, err := strconv.ParseFloat(s.lines.Text(), 64)
	if err != nil {
		s.t.Fatal(err)
	}
	s.came = time.UnixMicro(int64(seconds * 1e6))
}

func (s *student) says(line string) {
	s.t.Helper()
	if _, err := io.WriteString(s.stdin, line+"\n"); err != nil {
		s.t.Fatal(err)
	}
}

func (s *student) leaves() { s.stdin.Close() }

// class starts a class's processes, none of which has connected.
func class(t *testing.T, d *daemon) []*student {
	t.Helper()
	var all []*student
	for i, name := range students {
		email := strings.ToLower(strings.Fields(name)[0]) + "@example.org"
		if name == markup || name == escape {
			email = fmt.Sprintf("student%d@example.org", i)
		}
		all = append(all, newStudent(t, name, email, d.port()))
	}
	return all
}

// readable is how the page writes a name.
func readable(name string) string {
	return strings.NewReplacer("\x1b", `\x1b`, "\x07", `\x07`).Replace(name)
}

// watchNames has the page note when it first had each name in it, in ms since 1970, and how much later than it should have the browser
// did something every 50 ms: that much this machine keeps it waiting.
const watchNames = `
	window.seen = {};
	window.late = 0;
	let before = Date.now();
	setInterval(() => {
		window.late = Math.max(window.late, Date.now() - before - 50);
		before = Date.now();
	}, 50);
	const note = () => {
		for (const node of document.querySelectorAll("#rows tr:not([hidden]) .who .main")) window.seen[node.textContent] ??= Date.now();
	};
	new MutationObserver(note).observe(document.getElementById("rows"), {subtree: true, childList: true, characterData: true, attributes: true});
	note()`

// A class comes and goes on the page.
func TestClass(t *testing.T) {
	listeners := []string{"register://127.0.0.1:0?wire=pickle", "echo://127.0.0.1:0"}
	if *screenshots != "" {
		listeners = []string{"register://:12000?wire=pickle", "echo://:12001", "register://:12002?wire=json"}
	}
	// What else this machine is busy with makes a round worse and never better, so one that is well will do.
	for round := 1; ; round++ {
		d := serve(t, "127.0.0.1:0", listeners...)
		v := open(t, d.admin, tall)
		v.await("live", `document.getElementById("status").textContent === "live"`)
		all := class(t, d)
		worst, late := v.arrivals(all)
		t.Logf("round %d: shown at most %v after connecting; the browser was up to %v late", round, worst.Round(time.Millisecond), late)
		if worst-late <= shownWithin {
			v.departures(all)
			if *screenshots != "" {
				v.portray(d, all, func(i int) bool { return !slices.Contains(leavers, i) })
			}
			return
		}
		if round == rounds {
			t.Fatalf("want at most %v, and what the browser was late, in one of %d rounds", shownWithin, rounds)
		}
		v.close()
		d.stop()
	}
}

// arrivals has a class come, checks what the page says of it, and returns how long it took to show the one that took the longest, and
// how late the browser was with other things.
func (v *tab) arrivals(all []*student) (worst, late time.Duration) {
	v.t.Helper()
	v.do(watchNames)
	var want []string
	for i, s := range all {
		s.comes()
		want = append(want, readable(students[i]))
	}
	v.awaitNames(want...)
	seen := js[map[string]int64](v, "window.seen")
	for i, s := range all {
		worst = max(worst, time.UnixMilli(seen[want[i]]).Sub(s.came))
	}
	late = time.Duration(js[int64](v, "window.late")) * time.Millisecond
	v.await("how many are here", `document.getElementById("here").textContent === "30"`)
	for i, r := range v.rows() {
		if r.ID != strconv.Itoa(i+1) || r.State != "here" || !strings.HasSuffix(r.Email, "@example.org") || !strings.HasPrefix(r.Address, "127.0.0.1:") {
			v.t.Errorf("row %d: %+v", i, r)
		}
	}
	if n := js[int](v, "document.images.length"); n != 0 {
		v.t.Errorf("there are %d pictures on the page", n)
	}
	return worst, late
}

// leavers are the students who leave, in that order.
var leavers = []int{4, 17, 9}

// departures has some leave. They stand below the others then, the last one first, with their reason.
func (v *tab) departures(all []*student) {
	v.t.Helper()
	var want, left []string
	for _, i := range leavers {
		all[i].leaves()
		left = append([]string{readable(students[i])}, left...)
		v.await(left[0]+" left", `[...document.querySelectorAll("#rows tr.is-left .who .main")].some((node) => node.textContent === `+quoted(left[0])+`)`)
	}
	for _, name := range students {
		if name := readable(name); !slices.Contains(left, name) {
			want = append(want, name)
		}
	}
	v.awaitNames(append(want, left...)...)
	for _, r := range v.rows()[len(want):] {
		if r.State != "client_closed" {
			v.t.Errorf("%s left, and its state is %q", r.Name, r.State)
		}
	}
	v.await("what is said of it", `document.getElementById("announce").textContent.includes("27 here")`)
}
