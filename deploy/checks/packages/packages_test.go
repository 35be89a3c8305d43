// Package packages_test builds the packages of deploy/packages, and installs, starts, upgrades and purges them in a root of
// Debian's that is clean. It wants root and debootstrap; the first run fetches the root from Debian's mirror and keeps it in the
// user's cache.
package packages_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"parley/deploy/checks/internal/cleanroot"
	"parley/deploy/checks/internal/parley"
)

// build makes the packages of this machine's architecture and returns where they are.
func build(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("deploy/packages/build", version, dir)
	cmd.Dir = parley.Root
	cmd.Env = append(os.Environ(), "ARCHES="+runtime.GOARCH)
	parley.Run(t, cmd)
	return dir
}

// Two builds of the same commit are the same bytes.
func TestReproducible(t *testing.T) {
	t.Parallel()
	read := func(dir string) (names []string, texts [][]byte) {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) != 2 {
			t.Fatalf("packages: %v, %v", files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			names, texts = append(names, filepath.Base(file)), append(texts, text)
		}
		return names, texts
	}
	names, first := read(build(t, "1.2.3"))
	_, second := read(build(t, "1.2.3"))
	if !slices.EqualFunc(first, second, bytes.Equal) {
		t.Errorf("two builds of %v differ", names)
	}
	for i, name := range names {
		t.Logf("%s: %d bytes", name, len(first[i]))
	}
}

// testdata/deb.sh and testdata/rpm.sh say what is to hold.
func TestDeb(t *testing.T) { t.Parallel(); inCleanRoot(t, "deb") }
func TestRPM(t *testing.T) { t.Parallel(); inCleanRoot(t, "rpm") }

func inCleanRoot(t *testing.T, kind string) {
	t.Helper()
	script, err := filepath.Abs("testdata/" + kind + ".sh")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"check.sh": script}
	for name, version := range map[string]string{"old": "1.2.3", "new": "1.2.4"} {
		packages, err := filepath.Glob(filepath.Join(build(t, version), "*."+kind))
		if err != nil || len(packages) != 1 {
			t.Fatalf("packages: %v, %v", packages, err)
		}
		files[name+"."+kind] = packages[0]
	}
	t.Log(parley.Run(t, cleanroot.Command(t, files, "sh", "-eu", "/mnt/check.sh")))
}
