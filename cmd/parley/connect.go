package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/client"
	"parley/protocol"
	"parley/server"
)

// A connectCommand is what was typed.
type connectCommand struct {
	address     client.Address
	dialer      client.Dialer
	timeout     time.Duration
	message     string
	oneShot     bool // there is a message
	name, email string
	environ     []string
	stdin       io.Reader
	stdout      io.Writer
	stderr      io.Writer
}

func newConnect(environ []string) *cobra.Command {
	c := connectCommand{environ: environ}
	cmd := &cobra.Command{
		Use:   "connect {HOST:PORT | HOST PORT | SOCKET}",
		Short: "Converse with a server at the keyboard",
		Long: `Converse with a server: print the ID it gave us, send each line that is typed or
piped in, and print what comes whenever it comes, escaped where a terminal would
act on it.

The conversation ends when the server closes it, after the line EXIT, which is
sent, and at the end of the input. Then our side is ended, and what the server
still answers is printed. Ctrl-C ends it at once. If something goes wrong, one
line says what, and the exit status is that of "parley probe".

Every flag is also a variable: --server-name is PARLEY_CONNECT_SERVER_NAME. A
flag wins.`,
		Example: `  parley connect 10.0.0.5:12000
  parley connect 10.0.0.5 12000 -m "hello"
  parley connect 10.0.0.5:12000 --name Ada --email ada@example.org
  parley connect --pin 5c1e...09 10.0.0.5:7443`,
		Args: peerArguments(1, "HOST:PORT or HOST PORT; a message goes with -m"),
	}
	flags := cmd.Flags()
	flags.StringVarP(&c.message, "message", "m", "", "send this one message and print nothing but what is answered")
	flags.StringVar(&c.name, "name", "", "say who we are, as the clients of a register server do, and listen until the server closes")
	flags.StringVar(&c.email, "email", "", "likewise")
	flags.StringVar(&c.dialer.Wire, "wire", "", "speak "+wireNames()+" (default: as the greeting does)")
	durationFlag(flags, &c.timeout, "timeout", "", 10*time.Second, "how long connecting may take, sending a line, and what the server says after our end")
	transport := transportFlags(flags)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if err := flagsFromEnvironment(cmd, environ); err != nil {
			return err
		}
		c.stdin, c.stdout, c.stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
		c.oneShot = flags.Changed("message")
		if c.timeout <= 0 {
			return fmt.Errorf("--timeout=%v: want more than 0", c.timeout)
		}
		if err := checkWire(c.dialer.Wire); err != nil {
			return err
		}
		if err := transport(&c.dialer); err != nil {
			return err
		}
		if c.address, err = peerAddress(args); err != nil {
			return err
		}
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		return connectError(c.run(ctx, stop))
	}
	return cmd
}

// connectError gives an error its exit status.
func connectError(err error) error {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return statusError{exitStatuses[e.Kind], err}
	}
	return err
}

// run dials and holds the conversation. Interrupt ends it as Ctrl-C does.
func (c *connectCommand) run(ctx context.Context, interrupt func()) error {
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if wire := conn.Wire(); c.oneShot && (wire == protocol.TextName || wire == protocol.JSONName) && strings.ContainsAny(c.message, "\r\n") {
		return statusError{exitUsage, errors.New("--message: one line is one message")}
	}
	// With -m, standard output has the answer and nothing else.
	hello := c.stdout
	if c.oneShot {
		hello = c.stderr
	}
	fmt.Fprintln(hello, introduction(c.address, conn))

	talk := &conversation{conn: conn, address: c.address, timeout: c.timeout}
	if c.name != "" || c.email != "" {
		if err := talk.register(ctx, c.name, c.email); err != nil {
			return err
		}
	}
	screen := &printer{w: c.stdout, wide: isUTF8(c.environ), raw: conn.Wire() == protocol.RawName}
	defer screen.end()
	talk.show = screen.show
	talk.greeted = func() {
		if !c.oneShot {
			hello = screen.w // It may be a terminal by now, on which a line is being typed.
		}
		fmt.Fprintln(hello, introduction(c.address, conn))
		screen.raw = screen.raw && conn.Wire() == protocol.RawName
	}
	if c.oneShot {
		err := talk.hold(ctx, once(c.message))
		if err == nil && !talk.answered && !conn.Mute() {
			err = &client.Error{Phase: client.Answer, Kind: client.Closed, Address: c.address, Err: io.EOF}
		}
		return err
	}
	if t := openTerminal(c.stdin, c.stdout, c.environ); t != nil {
		screen.w, screen.raw = t, false
		err = talk.hold(ctx, t.lines(interrupt))
		t.close(true)
	} else {
		talk.stay = c.name != "" || c.email != ""
		err = talk.hold(ctx, lines(c.stdin))
	}
	if e, ok := errors.AsType[*client.Error](err); ok && e.Kind == client.Failed && ctx.Err() != nil {
		return nil // Ctrl-C is a way to leave, and with --name the only one.
	}
	if e, ok := errors.AsType[*client.Error](err); ok && isShutdown(e) {
		return statusError{exitStatuses[e.Kind], errSaid} // by the server itself, just now
	}
	if talk.serverEnded {
		fmt.Fprintln(c.stderr, "the server has closed the conversation")
	}
	return err
}

// isShutdown reports whether the server has said that it is being stopped.
func isShutdown(err error) bool {
	told, ok := errors.AsType[protocol.Error](err)
	return ok && told.Reason == server.ShuttingDown.String()
}

func (c *connectCommand) dial(ctx context.Context) (*client.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	c.dialer.Timeouts = client.Timings{DNS: c.timeout, Connect: c.timeout, TLS: c.timeout, Greeting: c.timeout}
	return c.dialer.Dial(ctx, c.address)
}

// introduction says whom we are connected to, and as whom.
func introduction(address client.Address, conn *client.Conn) string {
	var b strings.Builder
	fmt.Fprintf(&b, "connected to %v", address)
	if state := conn.TLS(); state != nil {
		fmt.Fprintf(&b, " by %s", tls.VersionName(state.Version))
	}
	b.WriteString(": ")
	if g, err := conn.Greeting(); err != nil {
		b.WriteString("no greeting")
	} else {
		fmt.Fprintf(&b, "client ID %d", g.ClientID)
		if g.Handler != "" {
			fmt.Fprintf(&b, ", handler %s", g.Handler)
		}
		if g.Name != "" {
			fmt.Fprintf(&b, " on %s", g.Name)
		}
		for _, more := range []struct{ what, said string }{
			{"via", g.Via}, {"tls", g.TLS}, {"sni", g.SNI}, {"alpn", g.ALPN}, {"client_cn", g.ClientCN}, {"fault", g.Fault},
		} {
			if more.said != "" {
				fmt.Fprintf(&b, ", %s=%s", more.what, more.said)
			}
		}
	}
	return protocol.Printable(b.String(), false)
}

// isUTF8 reports whether the user's terminal takes UTF-8, by the variables that say so.
func isUTF8(environ []string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		for _, entry := range environ {
			if value, ok := strings.CutPrefix(entry, name+"="); ok && value != "" {
				value = strings.ToLower(value)
				return strings.HasSuffix(value, "utf-8") || strings.HasSuffix(value, "utf8")
			}
		}
	}
	return false
}
