//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// A workshop is where everything that takes part is built, and where its files lie.
type workshop struct {
	module string // folder of this module
	dir    string // temporary folder
	parley string // a ready parley to use instead of building it; empty: build it
}

// openWorkshop returns the workshop that bench/run has made: BENCH_DIR is this module's folder, and BENCH_WORK the
// temporary one, which is ours to remove. Without them, it is this folder and a new one.
func openWorkshop() (*workshop, error) {
	module, err := filepath.Abs(os.Getenv("BENCH_DIR"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(module, "reference", "load.c")); err != nil {
		return nil, fmt.Errorf("this is not the folder bench (run it as bench/run): %w", err)
	}
	dir := os.Getenv("BENCH_WORK")
	if dir == "" {
		if dir, err = os.MkdirTemp("", "parley-bench-"); err != nil {
			return nil, err
		}
	}
	return &workshop{module: module, dir: dir}, nil
}

// close removes the temporary folder.
func (w *workshop) close() {
	_ = os.RemoveAll(w.dir) // What is left is in the system's temporary folder.
}

// path is the place of a file in the workshop.
func (w *workshop) path(name string) string { return filepath.Join(w.dir, name) }

// compileC compiles sources of the folder reference into a program.
func (w *workshop) compileC(ctx context.Context, program string, sources ...string) error {
	argv := []string{"gcc", "-O2", "-Wall", "-Wextra", "-o", w.path(program)}
	for _, source := range sources {
		argv = append(argv, filepath.Join(w.module, "reference", source))
	}
	return run(ctx, argv...)
}

// compileGo builds the main package of a folder, which is relative to the module that is in root.
func (w *workshop) compileGo(ctx context.Context, program, root, folder string) error {
	return run(ctx, "go", "build", "-C", root, "-trimpath", "-o", w.path(program), folder)
}

// buildParley builds the daemon of this repository, as it is released, unless it is there already.
func (w *workshop) buildParley(ctx context.Context) error {
	if _, err := os.Stat(w.path("parley")); err == nil {
		return nil
	}
	if w.parley != "" {
		binary, err := os.ReadFile(w.parley)
		if err != nil {
			return err
		}
		return os.WriteFile(w.path("parley"), binary, 0o755)
	}
	return run(ctx, "env", "CGO_ENABLED=0", "go", "build", "-C", filepath.Dir(w.module), "-trimpath", "-ldflags=-s -w",
		"-o", w.path("parley"), "./cmd/parley")
}

// run runs a program to its end; what it says is in the error.
func run(ctx context.Context, argv ...string) error {
	_, err := ask(ctx, argv...)
	return err
}

// ask runs a program to its end and returns what it has printed.
func ask(ctx context.Context, argv ...string) (string, error) {
	said, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("%s is not on this machine", argv[0])
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(argv[:min(len(argv), 3)], " "), err, strings.TrimSpace(string(said)))
	}
	return strings.TrimSpace(string(said)), nil
}

// have fails if a program is not on this machine.
func have(program, debian string) error {
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%s is not on this machine (Debian's package %s)", program, debian)
	}
	return nil
}

var versionNumber = regexp.MustCompile(`v?\d+\.\d+[-.\w]*`)

// versionIn returns the first thing in a text that looks like a version.
func versionIn(text string) string { return versionNumber.FindString(text) }
