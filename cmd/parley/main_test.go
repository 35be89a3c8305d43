//go:build unix

package main_test

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	parley "parley/cmd/parley"
)

// TestMain puts the programs that the tests run in front of PATH. Each is this test binary under another name, so that the
// daemon that is tested is compiled as the tests are: with the race detector, and with coverage.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"parley":   parley.Main,
		"fewfiles": fewFiles,
	})
}

// fewFiles is parley in a process that may open only so many files: fewfiles 256 serve ...
func fewFiles() {
	files, err := strconv.ParseUint(os.Args[1], 10, 64)
	if err == nil {
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: files, Max: files})
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "fewfiles: %v\n", err)
		os.Exit(125)
	}
	os.Args = append([]string{"parley"}, os.Args[2:]...)
	parley.Main()
}
