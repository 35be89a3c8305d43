package handler

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"slices"
	"sync"

	"go.uber.org/zap"
)

// maxCounted bounds the list of clients that counting keeps when it has a limit, at about 100 bytes each.
const maxCounted = 100_000

var countingKind = Kind{
	Summary: "echoes, and counts its clients; with a limit it lists them all and ends the daemon",
	Options: []string{"limit", "prefix", "once"},
	New: func(o Options) (Handler, error) {
		limit, limitErr := o.Count("limit", maxCounted)
		e, echoErr := newEcho(o)
		if err := errors.Join(limitErr, echoErr); err != nil {
			return nil, err
		}
		return &counting{echo: e, limit: limit}, nil
	},
}

// counting is an echo that counts its clients. With a limit it turns away those beyond it, and when the last of the first
// N has left it lists them and says that it has finished.
type counting struct {
	echo  *echo
	limit int // clients to serve, 0: any number

	mu      sync.Mutex
	came    int
	left    int
	clients []client // of the first limit, in the order they came
}

// client is what counting keeps of one.
type client struct {
	id   uint64
	addr net.Addr
}

func (c *counting) Serve(s Session) (err error) {
	number, ok := c.enter(s)
	if !ok {
		return ErrFull
	}
	// A client leaves by a panic, too: else the daemon would wait for it for good.
	defer func() {
		report := c.leave()
		if report == nil {
			return
		}
		if p := recover(); p != nil { // Only who returns can say that all have left, so that the server does not see this panic.
			s.Logger().Error("handler panicked", zap.String("panic", fmt.Sprint(p)), zap.ByteString("stack", debug.Stack()))
		}
		err = Finished{Report: report}
	}()
	ip, port := split(s.RemoteAddr())
	s.Logger().Info("client counted", zap.Int("number", number), zap.String("ip", ip), zap.String("port", port))
	return c.echo.Serve(s)
}

// enter gives the client its number, from 1; it is false when there is no room.
func (c *counting) enter(s Session) (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit > 0 {
		if c.came == c.limit {
			return 0, false
		}
		c.clients = append(c.clients, client{s.ID(), s.RemoteAddr()})
	}
	c.came++
	return c.came, true
}

// leave returns the list of all clients when this was the last one, and nil before.
func (c *counting) leave() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left++
	if c.left != c.limit {
		return nil
	}
	// They count themselves in, each on its own goroutine; the ID says who arrived first.
	slices.SortFunc(c.clients, func(a, b client) int { return cmp.Compare(a.id, b.id) })
	report := make([]string, len(c.clients))
	for i, k := range c.clients {
		ip, port := split(k.addr)
		report[i] = fmt.Sprintf("client %d of %d: clientid=%d ip=%s port=%s", i+1, c.limit, k.id, ip, port)
	}
	return report
}

// split returns the IP and the port of an address. The client of a unix socket has neither, and mostly no address at all.
func split(addr net.Addr) (ip, port string) {
	ip, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.Network(), "-"
	}
	return ip, port
}
