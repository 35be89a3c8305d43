//go:build system && linux

package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// vanishing is the script of the network in which clients vanish: nothing of theirs comes any more, and they get nothing, as
// when a cable is pulled. One is silent, to the other an answer is on its way.
const vanishing = `
ip link set lo up
nft 'add table inet cable; add chain inet cable in { type filter hook input priority 0; }'
"$@" &
exec python3 -c '
import socket, subprocess, time

def connect():
    for _ in range(1000):
        try:
            s = socket.create_connection(("127.0.0.1", 12000))
            s.makefile().readline()
            return s
        except ConnectionRefusedError:
            time.sleep(0.01)

def pull(side):
    subprocess.run(["nft", "add rule inet cable in tcp %s 12000 drop" % side], check=True)

silent, waiting = connect(), connect()
pull("sport")
waiting.send(b"you hear me, and I do not hear you\n")
time.sleep(0.5)
pull("dport")
print("vanished", flush=True)
time.sleep(120)
'
`

// Who vanishes without a word is gone in about 30 s: the silent one by keep-alives, and one who was sent something as well,
// for whom the system would otherwise go on for 15 minutes.
func TestVanished(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "network")
	must(t, os.WriteFile(script, []byte(vanishing), 0o600))
	for _, transport := range []string{"auto", "portable"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			daemon := built(t, "PARLEY_TRANSPORT="+transport, "PARLEY_LOG_FORMAT=json", "PARLEY_LOG_LEVEL=debug", "serve", "echo://127.0.0.1:12000")
			cmd := command(append([]string{"unshare", "--net", "--pid", "--fork", "--kill-child", "sh", "-e", script}, daemon.Args...)...)
			cmd.Env = daemon.Env
			p := launch(t, cmd)
			p.stdout.await(t, "^vanished$")
			began := time.Now()
			gone := regexp.MustCompile(`"msg":"connection closed","clientid":(\d).*"messages_in":(\d).*"reason":"lost"`)
			for len(gone.FindAllString(p.stdout.String(), -1)) < 2 {
				if !p.running() || time.Since(began) > 45*time.Second {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			took := time.Since(began)
			t.Logf("both gone after %v", took)
			if took < 20*time.Second || took > 35*time.Second {
				t.Errorf("both are gone after %v, want some 30 s\n%s%s", took, p.stdout, p.stderr)
			}
			if lines := gone.FindAllStringSubmatch(p.stdout.String(), -1); len(lines) == 2 && lines[0][1] == lines[1][1] {
				t.Errorf("one is gone twice:\n%q", lines)
			}
		})
	}
}
