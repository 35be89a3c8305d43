package client

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A pacer waits until it is time. Go's own timers are up to a millisecond late when nothing else is to be done, since the
// runtime then waits in whole milliseconds for its sockets; a timer of timerfd_create(2) is like one of these, and on time.
type pacer struct {
	file *os.File
	fd   int // file's
	buf  [8]byte
}

func newPacer() (*pacer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	return &pacer{file: os.NewFile(uintptr(fd), "timer"), fd: fd}, nil
}

// wait waits, and is false after stop.
func (p *pacer) wait(d time.Duration) bool {
	timer := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	if unix.TimerfdSettime(p.fd, 0, &timer, nil) != nil {
		return false
	}
	_, err := p.file.Read(p.buf[:])
	return err == nil
}

// stop ends a wait that is under way, and all later ones.
func (p *pacer) stop() { _ = p.file.SetReadDeadline(longAgo) }

// close frees the timer, when nobody waits any more.
func (p *pacer) close() { _ = p.file.Close() }
