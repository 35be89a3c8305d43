// Package cleanroot gives a check a Debian of its own, in which nothing is installed but what it comes with.
package cleanroot

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

const (
	suite = "bookworm"
	// packages are what is in the root beside the least that Debian needs: a service manager, and what uses the files that
	// packages bring.
	packages = "systemd,systemd-sysv,dbus,man-db,bash-completion,rpm"
)

var fetching sync.Mutex

// Folder returns where the root is, which nobody is to write to. PARLEY_MIRROR is from where it is fetched, if it is not
// there yet: http://deb.debian.org/debian.
func Folder(t testing.TB) string {
	t.Helper()
	fetching.Lock()
	defer fetching.Unlock()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(cache, "parley", suite)
	if _, err := os.Stat(folder); err == nil {
		return folder
	}
	mirror := os.Getenv("PARLEY_MIRROR")
	if mirror == "" {
		mirror = "http://deb.debian.org/debian"
	}
	unfinished := folder + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(unfinished, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("debootstrap", "--variant=minbase", "--include="+packages, suite, unfinished, mirror).CombinedOutput()
	if err != nil {
		t.Fatalf("debootstrap: %v\n%s", err, out[max(0, len(out)-2000):])
	}
	if err := os.Rename(unfinished, folder); err != nil {
		t.Fatal(err)
	}
	return folder
}

// Command is exec.Command for a program in the root, with the files in /mnt by these names, a network that has loopback alone,
// and processes of its own. What it writes is gone in the end.
func Command(t testing.TB, files map[string]string, name string, args ...string) *exec.Cmd {
	t.Helper()
	const script = `
		lower=$1 at=$2
		shift 2
		ip link set lo up
		mount -t tmpfs none "$at"
		mkdir "$at/upper" "$at/work" "$at/root"
		mount -t overlay overlay -o "lowerdir=$lower,upperdir=$at/upper,workdir=$at/work" "$at/root"
		mount -t proc proc "$at/root/proc"
		mount -t tmpfs none "$at/root/run"
		mount --bind /dev "$at/root/dev"
		while [ "$1" != -- ]; do
			cp "$2" "$at/root/mnt/$1"
			shift 2
		done
		shift
		exec chroot "$at/root" "$@"`
	words := []string{"--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-euc", script, "sh", Folder(t), t.TempDir()}
	for as, file := range files {
		words = append(words, as, file)
	}
	words = append(append(words, "--", name), args...)
	cmd := exec.Command("unshare", words...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"}
	return cmd
}
