package parley

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A Network is one of a test's own, with nothing but loopback, and with an /etc/hosts of its own. It wants root.
type Network struct{ holder *Process }

// NewNetwork makes a network in which these names, as in "127.0.0.1 parley", are known.
func NewNetwork(t testing.TB, hosts ...string) *Network {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(file, []byte("127.0.0.1 localhost\n"+strings.Join(hosts, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := `mount --bind "$0" /etc/hosts && ip link set lo up && echo ready && exec cat`
	cmd := exec.Command("unshare", "--net", "--mount", "sh", "-c", script, file)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	n := &Network{holder: Start(t, cmd)}
	t.Cleanup(func() { _ = stdin.Close() })
	Eventually(t, "a network of its own", func() bool {
		if !n.holder.Running() {
			t.Fatalf("no network: %s", n.holder.Output())
		}
		return strings.Contains(n.holder.Output(), "ready")
	})
	return n
}

// Command is exec.Command for a program in the network, with these variables and no others of ours.
func (n *Network) Command(name string, args ...string) *exec.Cmd {
	pid := fmt.Sprint(n.holder.Cmd.Process.Pid)
	cmd := exec.Command("nsenter", append([]string{"--target", pid, "--net", "--mount", "--", name}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PARLEY_LOG_FORMAT=json"}
	return cmd
}
