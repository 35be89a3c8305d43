package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// A notifier tells the service manager how the daemon is: see sd_notify(3). A nil notifier has nobody to tell.
type notifier struct {
	at       *net.UnixAddr
	watchdog time.Duration // how long the manager waits for a sign of life before it ends the daemon; 0: for ever
}

// notifyTimeout bounds how long a manager that takes nothing can hold up what the daemon was about to do.
const notifyTimeout = time.Second

// newNotifier returns a notifier for the manager that the environment names, and nil if it names none. The variables go,
// so that no child speaks for this process.
func newNotifier() (*notifier, error) {
	at := os.Getenv("NOTIFY_SOCKET")
	_ = os.Unsetenv("NOTIFY_SOCKET")
	watchdog, err := sd.SdWatchdogEnabled(true)
	if at == "" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &notifier{&net.UnixAddr{Name: at, Net: "unixgram"}, watchdog}, nil
}

// notify sends assignments such as READY=1 in one message. It looks the socket up each time: a manager that was restarted has
// another one.
func (n *notifier) notify(states ...string) error {
	if n == nil {
		return nil
	}
	conn, err := net.DialUnix(n.at.Net, nil, n.at)
	if err != nil {
		return fmt.Errorf("telling the service manager (NOTIFY_SOCKET): %w", err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetWriteDeadline(time.Now().Add(notifyTimeout))
	if _, err := conn.Write([]byte(strings.Join(states, "\n"))); err != nil {
		return fmt.Errorf("telling the service manager (NOTIFY_SOCKET): %w", err)
	}
	return nil
}

// watch gives a sign of life twice in the time after which the manager would end the daemon, as long as alive returns. It
// ends with done.
func (n *notifier) watch(alive func(), done <-chan struct{}) {
	if n == nil || n.watchdog == 0 {
		return
	}
	ticker := time.NewTicker(n.watchdog / 2)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			alive()
			_ = n.notify(sd.SdNotifyWatchdog) // One that is lost, the next makes good.
		}
	}
}

// extend asks the manager to wait for so long, whatever it is configured to.
func extend(d time.Duration) string { return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds()) }

// status is what the manager shows of the daemon in words.
func status(words string) string { return "STATUS=" + words }
