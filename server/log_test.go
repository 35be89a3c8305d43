package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap/zapcore"

	"parley/handler"
	"parley/server"
)

// One line a connection says how it was.
func TestLog_connection(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo("ECHO: "))
		c := s.dial()
		c.send("a\nb\n")
		c.want("ECHO: a", "ECHO: b")
		time.Sleep(1500 * time.Millisecond)
		c.closeWrite()
		e := s.wantEnd(server.ClientClosed)
		if e.Level != zapcore.InfoLevel {
			t.Errorf("it is at %v", e.Level)
		}
		if diff := cmp.Diff(map[string]any{
			"clientid":     uint64(1),
			"peer":         "192.0.2.77:1024",
			"listener":     "test://:0",
			"handler":      "test",
			"messages_in":  uint64(2),
			"messages_out": uint64(2),
			"bytes_in":     uint64(4),
			"bytes_out":    uint64(16),
			"duration":     1500 * time.Millisecond,
			"reason":       "client_closed",
		}, e.fields); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Who says nothing, as a health check, is not worth a line.
func TestLog_silent(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, echo(""))
		for range 100 {
			s.dial().Close()
			if e := s.wantEnd(server.ClientClosed); e.Level != zapcore.DebugLevel {
				t.Fatalf("it is at %v", e.Level)
			}
		}
	})
}

// But who says nothing and does not take what it is sent is: nobody would find it otherwise.
func TestLog_silentSlow(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, handler.Func(flood), limits(server.Limits{WriteTimeout: 10 * time.Second}))
		s.dial()
		if e := s.wantEnd(server.WriteTimeout); e.Level != zapcore.InfoLevel {
			t.Errorf("it is at %v", e.Level)
		}
	})
}

// Messages are shown when that is asked for, and nothing that a client sends does more than be shown.
func TestLog_messages(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, echo(""), func(r *role) { r.server.LogMessages = true })
		c := s.dial()
		// The control characters of ASCII are escaped by the encoder, as \u001b; the rest is text or escaped already.
		want := []string{`plain`, "a\tb\\n", "\x1b[31m\u00e9\x00" + `\u007f\u202e\xc3`, strings.Repeat("x", 256) + "..."}
		for _, line := range []string{"plain", "a\tb\\n", "\x1b[31m\u00e9\x00\x7f\u202e\xc3", strings.Repeat("x", 257)} {
			c.send(line + "\n")
			c.want(line)
		}
		var got []string
		for _, e := range s.log.lines("message") {
			if e.fields["clientid"] != uint64(1) || e.string("peer") != c.LocalAddr().String() {
				t.Errorf("a line has %v", e.fields)
			}
			got = append(got, e.string("message"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
