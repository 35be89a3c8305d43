package logging

import (
	"os"
	"runtime"

	"golang.org/x/term"
)

// Detect returns the options that suit f, for the caller to set Format and
// Level: whether f is a terminal, whether it wants colours (a terminal does,
// unless NO_COLOR is set, TERM is dumb, or it is the old console of Windows,
// which would print the codes), and whether it is journald.
func Detect(f *os.File, getenv func(string) string) Options {
	terminal := isTerminal(f)
	color := terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	if runtime.GOOS == "windows" && getenv("WT_SESSION") == "" {
		color = false
	}
	return Options{
		Out:      f,
		Terminal: terminal,
		Color:    color,
		Journal:  isJournal(f, getenv("JOURNAL_STREAM")),
	}
}

// isTerminal asks through SyscallConn, because f.Fd would make a pipe blocking
// for good, and its writer a thread instead of a goroutine.
func isTerminal(f *os.File) (terminal bool) {
	conn, err := f.SyscallConn()
	if err != nil {
		return false
	}
	err = conn.Control(func(fd uintptr) { terminal = term.IsTerminal(int(fd)) })
	return terminal && err == nil
}
