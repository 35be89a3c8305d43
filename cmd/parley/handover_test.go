//go:build unix

package main_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// handOver is command in a process to which files are handed over as a service manager does it: beginning with descriptor 3,
// and named in the variables.
func handOver(files []*os.File, words ...string) *exec.Cmd {
	cmd := command(slices.Concat([]string{fmt.Sprintf("LISTEN_FDS=%d", len(files))}, words)...)
	cmd.ExtraFiles = files
	return throughShell(cmd)
}

// throughShell makes a shell say in LISTEN_PID what the process of cmd will be: only the process itself can know.
func throughShell(cmd *exec.Cmd) *exec.Cmd {
	cmd.Args = slices.Concat([]string{"sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh"}, cmd.Args)
	cmd.Path = "/bin/sh"
	return cmd
}

// socketFile opens a listening socket, and returns the file to hand over and its address. The test has it open until it ends.
func socketFile(t *testing.T, network, address string) (*os.File, string) {
	t.Helper()
	l, err := net.Listen(network, address)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	file, err := l.(interface{ File() (*os.File, error) }).File()
	must(t, err)
	t.Cleanup(func() { file.Close() })
	return file, l.Addr().String()
}

// The sockets come in any order; a name, an address and the admin side each find theirs, and a range takes several.
func TestHandover(t *testing.T) {
	t.Parallel()
	admin, adminAt := socketFile(t, "tcp4", "127.0.0.1:0")
	named, namedAt := socketFile(t, "tcp4", "127.0.0.1:0")
	alike, alikeAt := socketFile(t, "tcp4", "127.0.0.1:0")
	plain, plainAt := socketFile(t, "tcp4", "127.0.0.1:0")
	path := filepath.Join(t.TempDir(), "socket")
	unix, _ := socketFile(t, "unix", path)
	d := awaitDaemon(launch(t, handOver([]*os.File{named, unix, admin, alike, plain}, "LISTEN_FDNAMES=web:any:admin:web:any",
		"parley", "serve", "echo://"+plainAt, "echo+unix://"+path, "echo://:12000?fd=web")))
	if want := []string{plainAt, path, namedAt}; !slices.Equal(d.addresses, want) {
		t.Errorf("it listens on %q, want %q", d.addresses, want)
	}
	if want := "http://" + adminAt; d.admin != want {
		t.Errorf("the admin side is at %s, want %s", d.admin, want)
	}
	for i, address := range []string{plainAt, namedAt, alikeAt} {
		c := dial(t, address)
		if _, err := c.greeting(); err != nil {
			t.Fatal(err)
		}
		must(t, c.echo(fmt.Sprint(i)))
	}
	c, err := net.Dial("unix", path)
	must(t, err)
	c.Close()
	d.stdout.await(t, `"msg":"listening","listener":"echo://:12000","address":"`+namedAt+", "+alikeAt+`",.*"handed_over":2`)
	d.stop()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the manager's file is gone with the daemon: %v", err)
	}
}

// All addresses, and each that a name has.
func TestHandover_addresses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ network, address, listener string }{
		{"tcp", ":0", "echo://:%s"},
		{"tcp4", "0.0.0.0:0", "echo://:%s"},
		{"tcp4", "0.0.0.0:0", "echo://0.0.0.0:%s"},
		{"tcp6", "[::]:0", "echo://[::]:%s"},
		{"tcp4", "127.0.0.1:0", "echo://localhost:%s"},
	} {
		file, address := socketFile(t, tt.network, tt.address)
		_, port, err := net.SplitHostPort(address)
		must(t, err)
		d := awaitDaemon(launch(t, handOver([]*os.File{file}, "parley", "serve", fmt.Sprintf(tt.listener, port))))
		if !slices.Equal(d.addresses, []string{address}) {
			t.Errorf("%s: it listens on %q, want %q", tt.listener, d.addresses, address)
		}
		d.stdout.await(t, `"handed_over":1`)
		d.stop()
	}
}

// What is not meant for this process is not touched, and the same configuration serves without a manager.
func TestHandover_notOurs(t *testing.T) {
	t.Parallel()
	file, address := socketFile(t, "tcp4", "127.0.0.1:0")
	cmd := command("LISTEN_FDS=1", "LISTEN_PID=1", "LISTEN_FDNAMES=web", "parley", "serve", "echo://127.0.0.1:0?fd=web")
	cmd.ExtraFiles = []*os.File{file}
	d := awaitDaemon(launch(t, cmd))
	if d.addresses[0] == address {
		t.Errorf("it listens on the socket of another process")
	}
	d.stop()
}

// What was handed over and cannot be served ends the start in a line that names it.
func TestHandover_faults(t *testing.T) {
	t.Parallel()
	file, address := socketFile(t, "tcp4", "127.0.0.1:0")
	other, otherAt := socketFile(t, "tcp4", "127.0.0.1:0")
	path := filepath.Join(t.TempDir(), "socket")
	unix, _ := socketFile(t, "unix", path)
	nc, err := net.Dial("tcp4", address)
	must(t, err)
	t.Cleanup(func() { nc.Close() })
	connected, err := nc.(*net.TCPConn).File()
	must(t, err)
	t.Cleanup(func() { connected.Close() })
	packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { packets.Close() })
	udp, err := packets.(*net.UDPConn).File()
	must(t, err)
	t.Cleanup(func() { udp.Close() })
	seq, err := net.Listen("unixpacket", path+"2")
	must(t, err)
	t.Cleanup(func() { seq.Close() })
	seqFile, err := seq.(*net.UnixListener).File()
	must(t, err)
	t.Cleanup(func() { seqFile.Close() })
	regular, err := os.Open(os.DevNull)
	must(t, err)
	t.Cleanup(func() { regular.Close() })

	const no = ", which is no listening stream socket: it takes ListenStream= and Accept=no: "
	files := func(f ...*os.File) []*os.File { return f }
	for name, tt := range map[string]struct {
		files    []*os.File
		names    string
		count    string // LISTEN_FDS, if it is another
		listener string
		want     string
	}{
		"extra": {
			files(file, other), "a:b", "", "echo://" + address,
			fmt.Sprintf(`the service manager handed over the socket "b" on %s, and no listener is for it: one has to have this address, or the key fd=NAME with its name`, otherAt),
		},
		"no such name": {
			files(file), "a", "", "echo://127.0.0.1:0?fd=web",
			`listener echo://127.0.0.1:0?fd=web: the service manager handed over no socket named "web": there is "a"`,
		},
		"other network": {
			files(unix), "web", "", "echo://127.0.0.1:0?fd=web",
			`listener echo://127.0.0.1:0?fd=web: the socket "web" that the service manager handed over is of unix`,
		},
		"connected":  {files(file, connected), "a:b", "", "echo://" + address, `the service manager handed over descriptor 4 ("b")` + no + "it does not listen"},
		"datagrams":  {files(udp), "a", "", "echo://" + address, `the service manager handed over descriptor 3 ("a")` + no + "it does not listen"},
		"seqpacket":  {files(seqFile), "a", "", "echo://" + address, `the service manager handed over descriptor 3 ("a")` + no + "it does not listen"},
		"a file":     {files(regular), "", "", "echo://" + address, `the service manager handed over descriptor 3 ("LISTEN_FD_3")` + no + "getsockopt: "},
		"too few":    {files(file), "a:b", "2", "echo://" + address, `the service manager handed over descriptor 4 ("b")` + no},
		"not so few": {files(file), "a", "1000000000000", "echo://" + address, `LISTEN_FDS="1000000000000": this is no number of sockets that the service manager can have handed over`},
		"no number":  {files(file), "a", "one", "echo://" + address, `LISTEN_FDS="one": this is no number of sockets that the service manager can have handed over`},
		"negative":   {files(file), "a", "-1", "echo://" + address, `LISTEN_FDS="-1": this is no number of sockets that the service manager can have handed over`},
		"admin is off": {
			files(file, other), "a:admin", "", "echo://" + address + " --admin=off",
			fmt.Sprintf(`the service manager handed over the socket "admin" on %s, and no listener is for it: one has to have this address, or the key fd=NAME with its name`, otherAt),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := command(slices.Concat([]string{"LISTEN_FDNAMES=" + tt.names, fmt.Sprintf("LISTEN_FDS=%d", len(tt.files)), "parley", "serve"}, strings.Fields(tt.listener))...)
			if tt.count != "" {
				cmd.Env = append(cmd.Env, "LISTEN_FDS="+tt.count)
			}
			cmd.ExtraFiles = tt.files
			p := launch(t, throughShell(cmd))
			p.exits(1)
			got := p.stderr.String()
			if !strings.HasPrefix(got, "parley: "+tt.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("got  %swant parley: %s", got, tt.want)
			}
			if got := p.stdout.String(); got != "" {
				t.Errorf("logged:\n%s", got)
			}
		})
	}
}

// Nothing of what a successor finds was touched by the one before: who connects in between waits, and is served.
func TestHandover_restart(t *testing.T) {
	t.Parallel()
	file, address := socketFile(t, "tcp4", "127.0.0.1:0")
	words := []string{"parley", "serve", "echo://" + address}
	awaitDaemon(launch(t, handOver([]*os.File{file}, words...))).stop()
	waiting := dial(t, address)
	must(t, waiting.send("early\n"))
	d := awaitDaemon(launch(t, handOver([]*os.File{file}, words...)))
	if _, err := waiting.greeting(); err != nil {
		t.Fatal(err)
	}
	must(t, waiting.wants("ECHO: early"))
	d.signal(syscall.SIGTERM)
	d.exits(0)
}
