package handler

import (
	"context"
	"errors"
	"iter"
	"net"

	"go.uber.org/zap"

	"parley/protocol"
)

// A Handler holds a conversation with each client of a listener.
type Handler interface {
	// Serve holds the conversation with one client; when it returns, what was replied is sent and the connection is
	// closed. An error that came from the Session is returned as it is: the server knows why the connection ended. ErrFull and
	// Finished have a meaning of their own; any other error is logged, and the client is told ERR internal, as it is
	// after a panic. Serve starts other goroutines with Session.Go only: a panic on any other ends the process.
	Serve(s Session) error
}

// Func makes a Handler of a function.
type Func func(s Session) error

// Serve calls f.
func (f Func) Serve(s Session) error { return f(s) }

// ErrFull is returned by a handler that has no room for this client, who is told ERR server_full.
var ErrFull = errors.New("handler has no room for another client")

// Finished is returned by a handler whose work is done, after the last client's conversation: the whole daemon drains and
// ends with exit status 0.
type Finished struct {
	// Report is what the handler has to say at the end, a log line each.
	Report []string
}

// Error says that the handler has finished.
func (Finished) Error() string { return "handler has finished its work" }

// A Session is one client's conversation, as its handler sees it.
type Session interface {
	// ID is the number the client was told: unique for the life of the process, in order of arrival, from 1.
	ID() uint64
	// RemoteAddr is the client's address, and LocalAddr the one that it reached.
	RemoteAddr() net.Addr
	LocalAddr() net.Addr
	// Context ends when Serve has returned, or a goroutine of Go has panicked, or the connection is being cut off. It does
	// not end when the server begins to drain: the message in hand is to be answered.
	Context() context.Context
	// Logger writes log lines that carry the client's ID and address. It is made when first asked for.
	Logger() *zap.Logger

	// Messages waits for the client's messages and yields them, until there are no more: the client has ended its side, the
	// connection is lost or over a limit, or the server drains. A message is valid, and may be changed, within its
	// round of the loop, and no longer when the loop has been left: who keeps it copies it. A loop that was left may be
	// taken up again by another call. Only Serve's own goroutine may call it, and
	// not from within the loop: that panics.
	Messages() iter.Seq[[]byte]
	// Reply sends one message that says text. The error is of no interest but to end the conversation; it is the same one for
	// all later calls. Any goroutine may call Reply, Gather, Echo, Record and Flush, several at once; each may wait for a
	// client who does not read, and for nobody else.
	//
	// Where further messages have already come in, replies to them are gathered and sent together, at the latest when the
	// last one has been handled. A handler that takes its time over a message calls Flush before.
	Reply(text string) error
	// Gather is like Reply, but leaves the message to be sent together with the next, or by Flush, which its caller is not
	// to forget. It sends only what has become too much to be kept, 16 KiB.
	Gather(text string) error
	// Echo is like Reply, with a message of Messages behind prefix. An empty prefix gives the message back as it came.
	Echo(prefix string, msg []byte) error
	// Record is like Reply, with fields under a word.
	Record(word string, fields []protocol.Field) error
	// Flush sends what has been gathered.
	Flush() error

	// End ends Messages, as if the client had ended its side. Drop ends the connection at once: of a client who does not take
	// what it is sent, where others would have to wait. Any goroutine may call them.
	End()
	Drop()

	// Go runs f on a goroutine of its own: one that replies unasked, or waits where Serve must not. A panic in f, or
	// runtime.Goexit, is logged and counted as one in Serve is, and ends this connection alone: Messages and Context end,
	// and when Serve has returned the client is told ERR internal. The connection is not over before f has returned, and
	// nothing but the end of Context and the errors of Reply tells f that Serve has. Serve may call it, and what runs by
	// it.
	Go(f func())

	// Text returns what a message of Messages says to a person, and Fields the fields of one that has some.
	Text(msg []byte) string
	Fields(msg []byte) ([]protocol.Field, bool)
	// Register notes who the client says it is, and logs it when it is news. Any goroutine may call it; the last one counts.
	Register(name, email string)
}
