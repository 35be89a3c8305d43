package browser

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// What the page says is to be typed converses with the listener for which it says so.
func TestRecipes(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	listeners := []struct{ label, titles, answer string }{
		{"echo://127.0.0.1:0", "Netcat Parley Python", `client ?ID[= ]|clientid`},
		{"register://127.0.0.1:0?wire=pickle", "Parley Python", `client ?ID[= ]|clientid`},
		{"register://[::1]:0?wire=json", "Netcat Parley Python", `client ?ID[= ]|clientid`},
		{"echo://127.0.0.1:0?wire=raw", "Netcat Parley Python", `connected to|ECHO: hello`},
		{"echo+tls://127.0.0.1:0", "OpenSSL Parley Python", `client ?ID[= ]|clientid`},
		{"register+tls://127.0.0.1:0?wire=pickle", "OpenSSL Parley Python", `client ?ID[= ]|clientid`},
		{"echo+unix://" + socket, "Netcat Parley Python", `client ?ID[= ]|clientid`},
	}
	var urls []string
	for _, l := range listeners {
		urls = append(urls, l.label)
	}
	d := serve(t, "127.0.0.1:0", urls...)
	v := open(t, d.admin, projector)
	v.await("the listeners", fmt.Sprintf(`document.getElementById("connect-listener").options.length === %d`, len(urls)))
	for i, l := range listeners {
		found := js[[]struct{ Title, Text string }](v, fmt.Sprintf(`(() => {
			const choice = document.getElementById("connect-listener");
			choice.selectedIndex = %d;
			choice.dispatchEvent(new Event("change"));
			return [...document.querySelectorAll("#recipes dt")].map((dt) => ({
				Title: dt.textContent, Text: dt.nextElementSibling.querySelector("code").textContent,
			}));
		})()`, i))
		var titles []string
		for _, r := range found {
			titles = append(titles, r.Title)
			t.Run(fmt.Sprintf("%d/%s", i, r.Title), func(t *testing.T) {
				if lines := strings.Count(r.Text, "\n") + 1; r.Title == "Python" && lines > 6 {
					t.Errorf("%d lines of Python", lines)
				}
				answers(t, r.Title, r.Text, l.answer)
			})
		}
		if got := strings.Join(titles, " "); got != l.titles {
			t.Errorf("%s: the page has %s, want %s", l.label, got, l.titles)
		}
	}
}

// answers runs a recipe until it prints a line that matches.
func answers(t *testing.T, title, text, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", text)
	if title == "Python" {
		cmd = exec.CommandContext(ctx, "python3", "-u", "-c", text)
	}
	cmd.Env = append(cmd.Environ(), "PATH="+filepath.Dir(parley)+":"+pathOf(cmd))
	// A shell's own children are to end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var complaints strings.Builder
	cmd.Stderr = &complaints
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in, "hello")
	expr := regexp.MustCompile(want)
	matched, said := false, ""
	for lines := bufio.NewScanner(out); !matched && lines.Scan(); {
		said += lines.Text() + "\n"
		matched = expr.MatchString(lines.Text())
	}
	cancel()
	_ = cmd.Wait()
	if !matched {
		t.Errorf("%s\nprinted %swant %s\n%s", text, said, want, complaints.String())
	}
}

// pathOf is where a command finds programs.
func pathOf(cmd *exec.Cmd) (path string) {
	for _, entry := range cmd.Environ() {
		if value, ok := strings.CutPrefix(entry, "PATH="); ok {
			path = value
		}
	}
	return path
}
