package main

import (
	"parley/admin"
	"parley/server"
)

// noFileLimit stands for no limit on open files, and is more than there can be.
const noFileLimit = 1 << 30

// spareFiles are left for what is no conversation: connections on their way out, the admin side, listeners, logs.
const spareFiles = server.MaxRefused + admin.MaxConns + 64

// connsFor returns how many connections there may be at a time if wanted are: fewer where the process may open fewer
// files, and as many as it may where wanted is 0.
func connsFor(wanted int64) int64 {
	files := openFiles()
	most := max(files-spareFiles, files/2)
	if wanted == 0 {
		return most
	}
	return min(wanted, most)
}
