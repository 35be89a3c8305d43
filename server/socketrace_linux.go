//go:build race && linux && (amd64 || arm64)

package server

import (
	"runtime"
	"unsafe"
)

// overSockets is what stands for all that goes from one goroutine to another over sockets, as it does in package syscall.
var overSockets int64

// received tells the race detector that a raw call has written into b, and that what was done before somebody sent that is over.
func received(b []byte) {
	runtime.RaceAcquire(unsafe.Pointer(&overSockets))
	runtime.RaceWriteRange(unsafe.Pointer(unsafe.SliceData(b)), len(b))
}

// sending tells the race detector that a raw call reads b.
func sending(b []byte) {
	runtime.RaceReleaseMerge(unsafe.Pointer(&overSockets))
	runtime.RaceReadRange(unsafe.Pointer(unsafe.SliceData(b)), len(b))
}
