//go:build !linux

package logging

import "os"

// isJournal is false: journald is Linux only.
func isJournal(*os.File, string) bool { return false }
