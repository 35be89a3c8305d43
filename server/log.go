package server

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// loggedBytes is how much of a message the log shows.
const loggedBytes = 256

// logMessage shows what a client said, and keeps the start of it for the roster.
//
//go:noinline
func (c *conn) logMessage(msg []byte) {
	said := string(msg[:min(len(msg), loggedBytes+1)])
	c.extra().said.Store(&said)
	c.ln.srv.log.Info("message", zap.Uint64("clientid", c.id), zap.String("peer", c.peer()),
		zap.String("message", printable(msg)))
}

// printable returns what an encoder of log lines can be trusted with: text, cut at loggedBytes. Every encoder escapes the
// control characters of ASCII; what else steers a terminal, and bytes that are not UTF-8, are escaped here. That is less than
// protocol.Printable escapes, whose backslashes the encoder would escape again.
func printable(msg []byte) string {
	more := ""
	if len(msg) > loggedBytes {
		msg, more = msg[:loggedBytes], "..."
	}
	var out strings.Builder
	for len(msg) > 0 {
		r, size := utf8.DecodeRune(msg)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, msg[0])
		case r < ' ', unicode.IsPrint(r):
			out.WriteRune(r)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
		msg = msg[size:]
	}
	return out.String() + more
}

// logOpen says that a conversation begins, for whoever looks closely.
//
//go:noinline
func (c *conn) logOpen() {
	if line := c.ln.srv.log.Check(zapcore.DebugLevel, "connection open"); line != nil {
		line.Write(zap.Uint64("clientid", c.id), zap.String("peer", c.peer()), zap.String("listener", c.ln.Label))
	}
}

// The lines that are throttled.
const (
	endMessage   = "connection closed"
	panicMessage = "handler panicked"
)

// maxLogRate is as good as no bound.
const maxLogRate = 1 << 20

// throttle bounds the lines that strangers cause by what they do wrong. Of the usual ends each is written, as it is promised,
// and of those that the end of the server brings about there are no more than connections.
func (s *Server) throttle(perSecond int) {
	perSecond = min(perSecond, maxLogRate)
	for _, reason := range Reasons() {
		switch reason {
		case ClientClosed, Done, ShuttingDown, Cut:
			continue
		}
		level := zapcore.InfoLevel
		if reason == Internal {
			level = zapcore.WarnLevel
		}
		s.endings[reason] = newThrottle(perSecond, throttleBurst*perSecond, func(leftOut uint64) {
			s.logLeftOut(level, endMessage, leftOut, zap.String("reason", reason.String()))
		})
	}
	s.panics = newThrottle(perSecond, throttleBurst*perSecond, func(leftOut uint64) {
		s.logLeftOut(zapcore.ErrorLevel, panicMessage, leftOut)
	})
}

func (s *Server) logLeftOut(level zapcore.Level, message string, leftOut uint64, of ...zap.Field) {
	s.log.Log(level, "log lines left out", append([]zap.Field{zap.String("of", message), zap.Uint64("left_out", leftOut)}, of...)...)
}

// flushThrottles says what was left out so far, before the log ends.
func (s *Server) flushThrottles() {
	s.panics.flush()
	for _, t := range s.endings {
		if t != nil {
			t.flush()
		}
	}
}

// logEnd writes the one line of a connection. One who sent nothing, as a health check does, is not worth a line unless
// something went wrong, or was to, or it did not read; and nor is one whose handshake failed, of which logFailed tells.
//
//go:noinline
func (c *conn) logEnd() {
	e := c.ending.Load()
	t := c.traffic()
	level := zapcore.InfoLevel
	fault := c.fault()
	silent := t.received == 0 && fault == "" && e.reason != WriteTimeout && e.reason != SlowReader
	if silent || !c.welcomed && !c.refused {
		level = zapcore.DebugLevel
	}
	if e.reason == Internal {
		level = zapcore.WarnLevel
	}
	line := c.ln.srv.log.Check(level, endMessage)
	if line == nil {
		return
	}
	if quiet := c.ln.srv.endings[e.reason]; quiet != nil && level > zapcore.DebugLevel && !quiet.allows() {
		return
	}
	fields := []zap.Field{
		zap.Uint64("clientid", c.id),
		zap.String("peer", c.peer()),
		zap.String("listener", c.ln.Label),
		zap.String("handler", c.ln.HandlerName),
		zap.Uint64("messages_in", t.messagesIn),
		zap.Uint64("messages_out", t.replies),
		zap.Uint64("bytes_in", t.received),
		zap.Uint64("bytes_out", t.sent),
		zap.Duration("duration", time.Duration(c.ln.srv.now()-c.began)),
		zap.String("reason", e.reason.String()),
	}
	if fault != "" {
		fields = append(fields, zap.String("fault", fault))
	}
	fields = append(fields, c.facts().fields()...)
	if r := c.registration(); r != nil {
		fields = append(fields, r.fields()...)
	}
	if e.err != nil {
		fields = append(fields, zap.Error(e.err))
	}
	line.Write(fields...)
}

func (c *conn) traffic() traffic {
	return traffic{
		received:   c.received.Load(),
		sent:       c.sent.Load(),
		messagesIn: c.messagesIn.Load(),
		replies:    c.replies.Load(),
	}
}
