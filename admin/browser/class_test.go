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
		email := fmt.Sprintf("%s@example.org", strings.ToLower(strings.Fields(name)[0]))
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

// watchNames has the page note when it first had each name in it, in ms since 1970.
const watchNames = `
	window.seen = {};
	const note = () => {
		for (const node of document.querySelectorAll("#rows tr:not([hidden]) .who .main")) window.seen[node.textContent] ??= Date.now();
	};
	new MutationObserver(note).observe(document.getElementById("rows"), {subtree: true, childList: true, characterData: true, attributes: true});
	note()`

// A class comes and goes on the page.
func TestClass(t *testing.T) {
	d := serve(t, "127.0.0.1:0", "register://127.0.0.1:0?wire=pickle", "echo://127.0.0.1:0")
	all := class(t, d)
	v := open(t, d.admin, tall)
	v.await("live", `document.getElementById("status").textContent === "live"`)
	v.do(watchNames)

	var want []string
	for i, s := range all {
		s.comes()
		want = append(want, readable(students[i]))
	}
	v.awaitNames(want...)
	seen := js[map[string]int64](v, "window.seen")
	var worst time.Duration
	for i, s := range all {
		took := time.UnixMilli(seen[want[i]]).Sub(s.came)
		worst = max(worst, took)
		if took > shownWithin {
			t.Errorf("%s was shown %v after connecting, want at most %v", want[i], took, shownWithin)
		}
	}
	t.Logf("shown at most %v after connecting", worst.Round(time.Millisecond))
	if got := js[string](v, `document.getElementById("here").textContent`); got != "30" {
		t.Errorf("the page says that %s are here", got)
	}
	for i, r := range v.rows() {
		if r.ID != strconv.Itoa(i+1) || r.State != "here" || !strings.HasSuffix(r.Email, "@example.org") || !strings.HasPrefix(r.Address, "127.0.0.1:") {
			t.Errorf("row %d: %+v", i, r)
		}
	}
	if n := js[int](v, "document.images.length"); n != 0 {
		t.Errorf("there are %d pictures on the page", n)
	}

	// A few leave, and stand below the others with their reason, the last one first.
	var left []string
	for _, i := range []int{4, 17, 9} {
		all[i].leaves()
		left = append([]string{want[i]}, left...)
		v.await(want[i]+" left", fmt.Sprintf(`[...document.querySelectorAll("#rows tr.is-left .who .main")].some((node) => node.textContent === %s)`, quoted(want[i])))
	}
	here := slices.DeleteFunc(slices.Clone(want), func(name string) bool { return slices.Contains(left, name) })
	v.awaitNames(append(here, left...)...)
	for _, r := range v.rows()[27:] {
		if r.State != "client_closed" {
			t.Errorf("%s left, and its state is %q", r.Name, r.State)
		}
	}
	v.await("what is said of it", `document.getElementById("announce").textContent.includes("27 here")`)

	if *screenshots != "" {
		v.portray(d, all)
	}
}

// portray takes pictures, after a while in which something happens.
func (v *tab) portray(d *daemon, all []*student) {
	for i := range 45 {
		if i%4 == 0 {
			d.dial(d.addresses[1], "hello\n").Close()
		}
		for j := range all {
			if j != 4 && j != 17 && j != 9 && (i*7+j)%11 < 3 {
				all[j].says(strings.Repeat("x", 20+j*(i%7)))
			}
		}
		time.Sleep(time.Second)
	}
	v.turn(projector)
	time.Sleep(time.Second)
	v.shoot("page-light")
	v.turn(projector.inDark())
	v.do(`document.getElementById("roll").scrollTop = 800`)
	time.Sleep(time.Second)
	v.shoot("page-dark")
	v.turn(phone)
	v.do(`document.getElementById("howto").click(); document.getElementById("roll").scrollTop = 0`)
	time.Sleep(time.Second)
	v.shoot("page-phone")
}
