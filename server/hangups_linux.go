//go:build linux && (amd64 || arm64)

package server

import (
	"errors"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// hangups watches sockets for whatever is not data: the end of the client's side, a reset, an urgent mark. It has an epoll
// of its own, which is itself a descriptor that Go's poller watches, so that it costs one goroutine and no thread.
//
// A socket is known to it by a token that no other ever has, not by its descriptor: an event that was fetched before its
// socket was closed finds nobody, also when the system has given the descriptor to another by then.
type hangups struct {
	file *os.File
	fd   int
	done chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	closed  bool
	last    uint64
	watched map[uint64]*socket
}

func newHangups() (*hangups, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // As os.NewFile wants it for what is to be polled.
		return nil, errors.Join(os.NewSyscallError("fcntl", err), unix.Close(fd))
	}
	h := &hangups{file: os.NewFile(uintptr(fd), "epoll"), fd: fd, done: make(chan struct{}), watched: make(map[uint64]*socket)}
	raw, err := polled(h.file)
	if err != nil {
		return nil, errors.Join(err, h.file.Close())
	}
	go h.run(raw)
	return h, nil
}

// watch begins to watch s, and returns its token; 0 when that is not possible.
func (h *hangups) watch(s *socket) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return 0
	}
	h.last++
	event := unix.EpollEvent{
		// EPOLLERR and EPOLLHUP always come too. EPOLLPRI is for the urgent mark; as the system wakes for it and for data at
		// once, each message costs 2 % more for it. Without it, what is behind a mark could wait for whatever comes next.
		Events: unix.EPOLLRDHUP | unix.EPOLLPRI | unix.EPOLLET,
		Fd:     int32(h.last),
		Pad:    int32(h.last >> 32),
	}
	if err := unix.EpollCtl(h.fd, unix.EPOLL_CTL_ADD, int(s.fd), &event); err != nil {
		return 0 // Out of memory, or over the user's limit of watches: it is read until there is no more, as before.
	}
	h.watched[h.last] = s
	return h.last
}

// forget ends watching. The system does by itself when the socket is closed.
func (h *hangups) forget(s *socket) {
	if s.token == 0 {
		return
	}
	h.mu.Lock()
	delete(h.watched, s.token)
	h.mu.Unlock()
}

func (h *hangups) run(raw syscall.RawConn) {
	defer close(h.done)
	events := make([]unix.EpollEvent, 128)
	_ = raw.Read(func(fd uintptr) bool {
		for {
			n, err := unix.EpollWait(int(fd), events, 0)
			if err == unix.EINTR {
				continue
			}
			for _, e := range events[:max(n, 0)] {
				h.event(uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32)
			}
			if n < len(events) {
				return false
			}
		}
	})
}

// alive returns when the lock was free.
func (h *hangups) alive() {
	h.mu.Lock()
	defer h.mu.Unlock()
}

func (h *hangups) event(token uint64) {
	h.mu.Lock()
	s := h.watched[token]
	h.mu.Unlock()
	if s != nil {
		s.noteHangup()
	}
}

// close ends the watching, when all sockets are closed or are to be.
func (h *hangups) close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	_ = h.file.Close()
	<-h.done
}
