//go:build linux && (amd64 || arm64)

package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// # The fast transport
//
// A socket is the transport of TCP connections on Linux. It is a stream whose ways of receiving and sending are shorter by
// what Go's network poller does for each call and need not: next to the system's own work, that is a third of
// what a small message costs. Three things make it so, and each needs its reason why it is sound.
//
// Raw calls. recvfrom and sendto are made without telling the scheduler (syscall.RawSyscall6). It would otherwise hand the
// processor's run queue to another thread if the call took long; ours never wait (MSG_DONTWAIT). Memory passed to them
// is a slice that the caller holds for as long as the call lasts, and goroutines do not move stacks or buffers in the
// middle of one.
//
// The descriptor. It is used as a number, behind the back of the os.File that owns it. receive is called back with it by
// the file's RawConn, which keeps it open meanwhile. send may come from any goroutine, and relies on what the
// interface asks for: that nobody closes while somebody sends, and nobody sends after that. Whatever may come later
// than that (setReadDeadline, interrupt, the watcher of hang-ups) goes through the file, which knows that it is closed.
//
// One read a message. Go's poller tells of new input once, when it comes (EPOLLET), so whoever is told has to read until
// the system says that there is no more: for a small message that is a second call with nothing to show. A read that did not fill
// the buffer has emptied the queue, so the second is left out. But that goes wrong when what came last was told of together
// with the message before it and is not data: the end of the client's side, a reset, the urgent mark of telnet, at which
// every read stops. So those are watched for apart, by a second epoll that asks for nothing else; see hangups. A socket
// is put there once it has received quickMessages pieces (most connections of a health check have none), and is then
// read once more, for what came before.

// quickMessages is how many pieces a connection has received when hang-ups are watched for: to watch costs a system call,
// as each read that it saves.
const quickMessages = 4

// A socket that fills the usual buffer receives in one of bulkBuffer bytes, as long as as much again has room in the system,
// so that a peer whose answers are no longer than that, and who does not read them, makes the process hold no more for
// it. For longer ones there are at most bulkBuffers of them.
const (
	bulkBuffer    = 256 << 10
	bulkBuffers   = 64
	yieldingBytes = 1 << 20 // received in one go, after which others have their turn
)

// How a socket stands with the watcher of hang-ups.
const (
	notHungUp  int32 = iota
	hungUp           // the watcher has seen something but data come in
	hungUpSeen       // and the one who receives knows, and reads until there is no more from now on: there may be more such
)

type socket struct {
	stream
	hangups *hangups
	fd      int32

	hangup atomic.Int32
	token  uint64 // what hangups knows it by; 0: it is not watched
	pieces uint8  // received before it was
	bulk   bool   // it has filled a buffer
	lent   bool   // it has one of bulkInput
	bound  bool   // what the system holds for the client is bounded beyond what room tells
}

func newSocket(fd int, h *hangups, writeTimeout time.Duration) (*socket, error) {
	file := os.NewFile(uintptr(fd), "tcp") // It is not blocking, so that this adds it to Go's poller.
	raw, err := polled(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s := &socket{fd: int32(fd), hangups: h}
	s.nc, s.raw, s.writeTimeout = file, raw, writeTimeout
	s.ready = func(uintptr) bool { return s.readable() }
	return s, nil
}

// polled returns what waits for a file. os.NewFile does not say whether Go's poller has taken it, which wants memory and may
// be over the user's limit of watches; a deadline can only be set if it has.
func polled(file *os.File) (syscall.RawConn, error) {
	if err := file.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("watching a descriptor: %w", err)
	}
	return file.SyscallConn()
}

// readable reads what there is. It runs whenever the socket may have become readable, and before each wait; false means to
// wait.
func (s *socket) readable() bool {
	b := s.buffer()
	unyielding := 0
	for {
		n, errno := recv(s.fd, *b)
		if errno == syscall.EAGAIN {
			s.giveBack(b)
			return false
		}
		if errno != 0 || n == 0 {
			s.failed(errno)
			s.giveBack(b)
			return true
		}
		if !s.r.take((*b)[:n]) {
			s.giveBack(b)
			return true
		}
		if n < len(*b) && s.emptied() {
			s.bulk = n > inputBuffer
			s.giveBack(b)
			return false
		}
		if n >= inputBuffer || s.lent {
			s.bulk = n >= inputBuffer
			s.giveBack(b)
			b = s.buffer()
		}
		if unyielding += n; unyielding >= yieldingBytes {
			unyielding = 0
			runtime.Gosched()
		}
	}
}

//go:noinline
func (s *socket) failed(errno syscall.Errno) {
	s.err = io.EOF
	if errno != 0 {
		s.err = errno
	}
}

// emptied reports whether a read that did not fill the buffer was the last for now.
func (s *socket) emptied() bool {
	if s.token != 0 {
		return s.hangup.Load() == notHungUp
	}
	if s.pieces++; s.pieces >= quickMessages {
		s.pieces = 0
		s.token = s.hangups.watch(s)
	}
	return false
}

func (s *socket) receive(r receiver) error {
	s.r, s.err = r, nil
	err := s.raw.Read(s.ready)
	if err == nil {
		err = s.err
	}
	if err != nil {
		s.hangup.CompareAndSwap(hungUp, hungUpSeen)
		if s.interrupted.Load() {
			return errInterrupted
		}
	}
	return err
}

// setReadDeadline sets a deadline that has passed as long as the hang-up was not seen: whoever was about to set a later one
// has not.
func (s *socket) setReadDeadline(t time.Time) {
	s.stream.setReadDeadline(t)
	if s.hangup.Load() == hungUp {
		_ = s.nc.SetReadDeadline(longAgo)
	}
}

// noteHangup is called by the watcher, on its goroutine.
func (s *socket) noteHangup() {
	if s.hangup.CompareAndSwap(notHungUp, hungUp) {
		_ = s.nc.SetReadDeadline(longAgo) // Wakes the one who receives.
	}
}

func (s *socket) send(b []byte) (int, error) {
	if s.interrupted.Load() {
		return 0, errInterrupted
	}
	n, errno := send(s.fd, b[:min(len(b), bulkBuffer)]) // A longer call would keep the garbage collector waiting.
	switch {
	case n == len(b):
		return n, nil
	case errno != 0 && errno != syscall.EAGAIN:
		return 0, s.sendError(errno)
	}
	more, err := s.stream.send(b[n:]) // Waits.
	return n + more, err
}

func (s *socket) sendNow(b []byte) int {
	n, _ := send(s.fd, b)
	return n
}

func (s *socket) closeWrite() { _ = unix.Shutdown(int(s.fd), unix.SHUT_WR) }

func (s *socket) close() {
	s.hangups.forget(s)
	if s.lent { // The handler has panicked.
		bulkLent.Add(-1)
	}
	_ = s.nc.Close()
}

func (s *socket) reset() {
	_ = unix.SetsockoptLinger(int(s.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	s.close()
}

// recv reads without waiting. It returns 0 and no error at the end.
func recv(fd int32, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
			uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
		if errno == 0 {
			received(b[:n])
			return int(n), 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}

// send sends what the system takes without waiting. A peer that is gone is an error and no signal.
func send(fd int32, b []byte) (int, syscall.Errno) {
	sending(b)
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
			uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if errno == 0 {
			return int(n), 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}

// bulkInput are the buffers of those who send a lot.
var (
	bulkInput = newBuffers(func() []byte { return make([]byte, bulkBuffer) })
	bulkLent  atomic.Int32
)

// buffer lends the buffer to receive in.
func (s *socket) buffer() *[]byte {
	if s.bulk && room(s.fd) >= 2*bulkBuffer && (!s.bound || window(s.fd) >= bulkBuffer) {
		if bulkLent.Add(1) <= bulkBuffers {
			s.lent = true
			return bulkInput.get()
		}
		bulkLent.Add(-1)
	}
	return inputBuffers.get()
}

// giveBack ends the loan of a buffer. After a panic of the handler that does not happen: who knows who still looks into it.
func (s *socket) giveBack(b *[]byte) {
	if !s.lent {
		inputBuffers.put(b)
		return
	}
	bulkInput.put(b)
	s.lent = false
	bulkLent.Add(-1)
}

// room returns how many bytes the system would still take to be sent, its own overhead counted as it counts it
// (SO_MEMINFO, since Linux 4.12); 0 when it does not tell.
func room(fd int32) int {
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return int(info[unix.SK_MEMINFO_SNDBUF]) - int(info[unix.SK_MEMINFO_WMEM_QUEUED])
}

// window returns how many bytes would be on their way to the peer at once, all that came before them being so already: what
// is left of its window and of what the network is trusted with (TCP_INFO, tcp(7), since Linux 5.4); 0 when the system does not
// tell. A peer that reads nothing has none.
func window(fd int32) int {
	var info unix.TCPInfo
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_INFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 || info.Notsent_bytes > 0 {
		return 0
	}
	under := int(info.Bytes_sent) - int(info.Bytes_retrans) - int(info.Bytes_acked)
	return min(int(info.Snd_wnd), int(info.Snd_cwnd)*int(info.Snd_mss)) - under
}

// A socketAcceptor accepts sockets with one system call each, where net makes seven: what they all have in common is set on
// the listening socket, and inherited.
type socketAcceptor struct {
	file         *os.File
	raw          syscall.RawConn
	hangups      *hangups
	writeTimeout time.Duration
	options      socketOptions
	tunes        bool     // whoever comes may have connected before the options were set on the listening socket
	local        net.Addr // nil: it differs

	ready func(fd uintptr) bool // acceptReady, bound once
	fd    int
	from  unix.RawSockaddrAny
	errno syscall.Errno
}

// newSocketAcceptor takes l over. A listener lends its descriptor to nobody who would wait for it, so that a duplicate is
// taken, and l is closed.
func newSocketAcceptor(l *net.TCPListener, h *hangups, writeTimeout time.Duration, o socketOptions) (*socketAcceptor, error) {
	file, err := l.File()
	if err != nil {
		return nil, err
	}
	a := &socketAcceptor{file: file, hangups: h, writeTimeout: writeTimeout, options: o, tunes: true}
	a.ready = a.acceptReady
	if a.raw, err = polled(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	err = control(a.raw, func(fd int) error {
		if err := plain(fd); err != nil {
			return err
		}
		return o.set(fd)
	})
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if addr, ok := l.Addr().(*net.TCPAddr); ok && !addr.IP.IsUnspecified() {
		a.local = addr
	}
	_ = l.Close()
	return a, nil
}

// plain returns errors.ErrUnsupported for a socket that does not pass its options on, as those of Multipath TCP don't.
func plain(fd int) error {
	protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil || protocol != unix.IPPROTO_TCP {
		return errors.ErrUnsupported
	}
	return nil
}

func (a *socketAcceptor) accept() (arrival, error) {
	if err := a.raw.Read(a.ready); err != nil {
		return arrival{}, err
	}
	if a.errno != 0 {
		return arrival{}, os.NewSyscallError("accept4", a.errno)
	}
	if a.tunes {
		_ = a.options.set(a.fd) // It fails where the connection is gone again.
	}
	s, err := newSocket(a.fd, a.hangups, a.writeTimeout)
	if err != nil {
		return arrival{}, err
	}
	s.bound = a.options.sendBuffer > 0
	local := a.local
	if local == nil {
		local = localAddr(a.fd)
	}
	return arrival{t: s, from: addrOf(&a.from), local: local}, nil
}

func (a *socketAcceptor) acceptReady(listening uintptr) bool {
	a.fd, a.errno = accept(int(listening), &a.from)
	if a.errno == syscall.EAGAIN {
		a.tunes = false // All that had connected before are in.
		return false
	}
	return true
}

func (a *socketAcceptor) Close() error { return a.file.Close() }

// accept returns the next connection that waits. One that was there and is gone is passed over, as net does.
func accept(listening int, from *unix.RawSockaddrAny) (int, syscall.Errno) {
	for {
		size := uint32(unsafe.Sizeof(*from))
		fd, _, errno := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listening), uintptr(unsafe.Pointer(from)),
			uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case 0:
			return int(fd), 0
		case syscall.EINTR, syscall.ECONNABORTED:
			continue
		}
		return -1, errno
	}
}

// localAddr asks for the address that the client reached; nil when the system can't tell.
func localAddr(fd int) net.Addr {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)))
	case *unix.SockaddrInet6:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ipv6(sa.Addr, sa.ZoneId), uint16(sa.Port)))
	}
	return nil
}

// addrOf reads an address as the system writes it; the zero value for one that is not of IP.
func addrOf(from *unix.RawSockaddrAny) netip.AddrPort {
	switch from.Addr.Family {
	case unix.AF_INET:
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(from)) // The family says that it is one (ip(7)).
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), hostOrder(sa.Port))
	case unix.AF_INET6:
		sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(from)) // As above (ipv6(7)).
		return netip.AddrPortFrom(ipv6(sa.Addr, sa.Scope_id), hostOrder(sa.Port))
	}
	return netip.AddrPort{}
}

// hostOrder turns the port of a sockaddr, which is in network byte order, into a number.
func hostOrder(port uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&port)) // The bytes as they lie in memory.
	return binary.BigEndian.Uint16(b[:])
}

// ipv6 returns an address, one of IPv4 in IPv6's clothes as what it is.
func ipv6(b [16]byte, scope uint32) netip.Addr {
	ip := netip.AddrFrom16(b).Unmap()
	if scope == 0 {
		return ip
	}
	zone, ok := zones.Load(scope)
	if !ok {
		zone = strconv.FormatUint(uint64(scope), 10)
		if i, err := net.InterfaceByIndex(int(scope)); err == nil {
			zone = i.Name
		}
		zones.Store(scope, zone)
	}
	return ip.WithZone(zone.(string))
}

// zones are the names of interfaces by their numbers: to ask the system is dear, and the number is one that it has given, so
// that they are few. A later change of a name is missed.
var zones sync.Map
