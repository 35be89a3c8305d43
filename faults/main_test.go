//go:build system && linux

package faults_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"parley/faults/daemontest"
)

var (
	full  = flag.Bool("long", false, "run the cases in full size: it takes long, and opens many files")
	write = flag.Bool("write", false, "put the figures into RESULTS.md")
)

// program is the daemon that is tested.
var program string

// builtProgram hands program on to the process in the network of its own.
const builtProgram = "PARLEY_FAULTS_PROGRAM"

// TestMain builds the daemon, and runs the tests in a network of their own.
func TestMain(m *testing.M) {
	flag.Parse()
	var ok bool
	if program, ok = os.LookupEnv(builtProgram); !ok {
		fmt.Fprintln(os.Stderr, "faults:", intoOwnNetwork()) // It only returns if it fails.
		os.Exit(1)
	}
	_ = os.Unsetenv(builtProgram)
	status := 1
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
	} else if status = m.Run(); *write {
		if err := writeResults(); err != nil {
			fmt.Fprintln(os.Stderr, "faults:", err)
			status = 1
		}
	}
	_ = os.RemoveAll(filepath.Dir(program))
	os.Exit(status)
}

// intoOwnNetwork builds the daemon, and then replaces this process by one in a network of its own, with nothing but a loopback
// device: no other process is counted there or uses up its ports. The system gives a network to a thread, so that there has to be
// no other: a new program has none.
func intoOwnNetwork() error {
	folder, err := os.MkdirTemp("", "parley-faults")
	if err != nil {
		return err
	}
	binary := filepath.Join(folder, "parley")
	if err := daemontest.Build(binary, raceDetector); err != nil {
		return errors.Join(err, os.RemoveAll(folder))
	}
	self, err := os.Executable()
	if err != nil {
		return errors.Join(err, os.RemoveAll(folder))
	}
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		return errors.Join(fmt.Errorf("a network of our own: %w: the cases need root", err), os.RemoveAll(folder))
	}
	err = syscall.Exec(self, os.Args, append(os.Environ(), builtProgram+"="+binary))
	return errors.Join(err, os.RemoveAll(folder))
}

// prepare brings the loopback device up, and allows this process, the clients, as many files as are needed.
func prepare() error {
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("ip link set lo up: %w: %s", err, out)
	}
	const files = 20_000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Max < files {
		return fmt.Errorf("this process may open %d files, the cases need %d (ulimit -n)", limit.Max, files)
	}
	limit.Cur = files
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
