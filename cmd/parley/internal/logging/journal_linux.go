package logging

import (
	"fmt"
	"os"
	"syscall"
)

// isJournal reports whether f is the socket that systemd announced in
// JOURNAL_STREAM as "device:inode". The variable alone proves nothing: children
// inherit it, and their stdout may have been redirected since.
func isJournal(f *os.File, stream string) bool {
	if stream == "" {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}
