// Package systemd_test checks the units of deploy/systemd by systemd's own tools, and the environment file against the daemon.
package systemd_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/deploy/checks/internal/parley"
)

func TestMain(m *testing.M) { os.Exit(parley.Main(m)) }

var update = flag.Bool("update", false, "write parley.env")

const folder = "../../systemd"

// units copies the units to a folder as systemd would find them, with the program where it is here, and returns the folder.
func units(t *testing.T, strict bool) string {
	t.Helper()
	dir := t.TempDir()
	files, err := filepath.Glob(filepath.Join(folder, "parley*.s*"))
	must(t, err)
	if len(files) != 3 {
		t.Fatalf("units: %v", files)
	}
	for _, file := range files {
		text := strings.ReplaceAll(read(t, file), "/usr/bin/parley", parley.Binary)
		write(t, filepath.Join(dir, filepath.Base(file)), text)
	}
	if strict {
		write(t, filepath.Join(dir, "parley.service.d/strict.conf"), read(t, filepath.Join(folder, "strict.conf")))
	}
	return dir
}

// systemd finds nothing wrong with the units, with and without the drop-in.
func TestVerify(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		dir := units(t, strict)
		cmd := exec.Command("systemd-analyze", "verify", "--man=no", dir+"/parley.service", dir+"/parley.socket", dir+"/parley-admin.socket")
		cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":") // where the drop-in and the sockets of a service are found
		if said := parley.Run(t, cmd); said != "" {
			t.Errorf("strict %v: %s", strict, said)
		}
	}
}

// The service is as shut in as its files say, in systemd's own score from 0 (best) to 10.
func TestSecurity(t *testing.T) {
	t.Parallel()
	for strict, want := range map[bool]string{false: "1.1", true: "0.2"} {
		said := parley.Run(t, exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", units(t, strict)+"/parley.service"))
		match := score.FindStringSubmatch(said)
		if match == nil || match[1] != want {
			t.Errorf("strict %v: want %s\n%s", strict, want, said)
		}
	}
}

var score = regexp.MustCompile(`Overall exposure level for parley\.service: ([0-9.]+)`)

// The environment file has every variable that there is, with its default, and nothing else; -update writes it.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	file := filepath.Join(folder, "parley.env")
	want := environment(t)
	if *update {
		write(t, file, want)
	}
	if diff := cmp.Diff(want, read(t, file)); diff != "" {
		t.Errorf("parley.env is not what parley env says; -update writes it (-want +file):\n%s", diff)
	}
}

// environment makes the file of what `parley env` prints.
func environment(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(`# What parley.service and its drop-ins start "parley serve" with: /etc/default/parley. Every variable is here with its default;
# "parley env" prints them, too. Remove a "#" to set one, then: systemctl restart parley
`)
	variables, _, _ := strings.Cut(parley.Run(t, exec.Command(parley.Binary, "env")), "\n\n") // What follows is no variable.
	lines := strings.Split(strings.TrimSpace(variables), "\n")
	for _, line := range lines[1:] {
		columns := column.Split(line, 4)
		if len(columns) != 4 || !strings.HasPrefix(columns[0], "PARLEY_") {
			t.Fatalf("parley env: %q", line)
		}
		name, kind, value, meaning := columns[0], columns[1], columns[2], columns[3]
		if value == "-" {
			value = ""
		}
		fmt.Fprintf(&b, "\n%s#%s=%s\n", comment(fmt.Sprintf("%s (%s)", meaning, kind)), name, value)
	}
	return b.String()
}

var column = regexp.MustCompile(` {2,}`)

// comment wraps a text.
func comment(text string) string {
	const width = 120
	var b strings.Builder
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}

// The daemon takes every default as it stands in the file.
func TestEnvironment_starts(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(parley.Binary, "serve", "--admin=127.0.0.1:0", "--log-format=json", "--log-level=info", "echo://127.0.0.1:0")
	set := 0
	for line := range strings.Lines(read(t, filepath.Join(folder, "parley.env"))) {
		if entry, ok := strings.CutPrefix(strings.TrimSpace(line), "#PARLEY_"); ok {
			cmd.Env = append(cmd.Env, "PARLEY_"+entry)
			set++
		}
	}
	if set < 20 {
		t.Errorf("%d variables in the file", set)
	}
	d := parley.Start(t, cmd)
	d.Logged("admin listening")
	d.Stop()
	if strings.Contains(d.Output(), "warn") {
		t.Errorf("a warning:\n%s", d.Output())
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	return string(text)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(file), 0o755))
	must(t, os.WriteFile(file, []byte(text), 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
