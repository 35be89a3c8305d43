package logging_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"parley/cmd/parley/internal/logging"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var stat syscall.Stat_t
	if err := syscall.Stat(file.Name(), &stat); err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = terminal.Close() }()

	tests := []struct {
		name string
		out  *os.File
		env  map[string]string
		want logging.Options
	}{
		{"file", file, nil, logging.Options{Out: file}},
		{"journal", file, map[string]string{"JOURNAL_STREAM": fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)}, logging.Options{Out: file, Journal: true}},
		{"redirected away from the journal", file, map[string]string{"JOURNAL_STREAM": "8:1"}, logging.Options{Out: file}},
		{"terminal", terminal, map[string]string{"TERM": "xterm"}, logging.Options{Out: terminal, Terminal: true, Color: true}},
		{"NO_COLOR", terminal, map[string]string{"NO_COLOR": "1"}, logging.Options{Out: terminal, Terminal: true}},
		{"dumb", terminal, map[string]string{"TERM": "dumb"}, logging.Options{Out: terminal, Terminal: true}},
	}
	for _, test := range tests {
		got := logging.Detect(test.out, func(name string) string { return test.env[name] })
		if got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}
