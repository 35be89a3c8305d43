package server_test

import (
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"parley/handler"
	"parley/server"
)

// offend has n clients do something wrong, one after the other, spread over a time.
func offend(s *stage, n int, over time.Duration, line string) {
	for range n {
		c := s.dial()
		c.send(line)
		c.Close()
		time.Sleep(over / time.Duration(n))
	}
}

// leftOut adds up what the log says was left out of the lines about an end for this reason, and returns in how many lines.
func leftOut(s *stage, reason string) (lines int, sum uint64) {
	for _, e := range s.log.lines("log lines left out") {
		if e.string("of") == "connection closed" && e.string("reason") == reason {
			n, _ := e.fields["left_out"].(uint64)
			lines++
			sum += n
		}
	}
	return lines, sum
}

func written(s *stage, reason server.Reason) (n int) {
	for _, e := range s.log.lines("connection closed") {
		if e.string("reason") == reason.String() {
			n++
		}
	}
	return n
}

// A thousand lines a second that are too long make ten lines of the log, after the first hundred, and one that counts the
// others; a reason that is rare meanwhile has all its lines, and so has the usual end.
func TestLogRate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const seconds, each = 5, 1000
		s := serve(t, overPipe, echo(""), func(r *role) {
			r.server.LogRate = 10
			r.listener.Limits.MaxMessage = 8
		})
		for range seconds {
			offend(s, each, time.Second, "far too long a line\n")
			usual := s.dial()
			usual.send("usual\n")
			usual.want("usual")
			usual.closeWrite()
			usual.wantEnd()
			usual.Close()
		}
		time.Sleep(2 * time.Second)
		got := written(s, server.LineTooLong)
		if want := 100 + 10*seconds; got < want-2 || got > want+2 {
			t.Errorf("%d lines about those that were too long, want %d", got, want)
		}
		lines, sum := leftOut(s, "line_too_long")
		if lines < seconds-1 || lines > seconds+1 {
			t.Errorf("%d lines about those left out, want one a second for %d s", lines, seconds)
		}
		if int(sum)+got != seconds*each {
			t.Errorf("%d lines and %d left out, want %d together", got, sum, seconds*each)
		}
		if n := written(s, server.ClientClosed); n != seconds {
			t.Errorf("%d lines about the usual end, want %d", n, seconds)
		}
	})
}

// The end of the server does not lose the count.
func TestLogRate_shutdown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), func(r *role) {
			r.server.LogRate = 1
			r.listener.Limits.MaxMessage = 8
		})
		offend(s, 50, 50*time.Millisecond, "far too long a line\n")
		s.stop(drainTimeout)
		if _, sum := leftOut(s, "line_too_long"); int(sum) != 50-written(s, server.LineTooLong) || sum < 35 {
			t.Errorf("%d left out, %d written", sum, written(s, server.LineTooLong))
		}
	})
}

// A panic that strangers have found does not fill the log with stacks.
func TestLogRate_panics(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, handler.Func(func(s handler.Session) error {
			for range s.Messages() {
				panic("found")
			}
			return nil
		}), func(r *role) { r.server.LogRate = 1 })
		offend(s, 500, time.Second, "a\n")
		time.Sleep(2 * time.Second)
		if n := len(s.log.lines("handler panicked")); n < 10 || n > 12 {
			t.Errorf("%d stacks, want 10 at once and one a second", n)
		}
		var sum int
		for _, e := range s.log.lines("log lines left out") {
			if e.string("of") == "handler panicked" {
				n, _ := e.fields["left_out"].(uint64)
				sum += int(n)
				if e.Level != zapcore.ErrorLevel {
					t.Errorf("it is at %v", e.Level)
				}
			}
		}
		if got := sum + len(s.log.lines("handler panicked")); got != 500 {
			t.Errorf("%d panics told, want 500", got)
		}
	})
}

// Without a rate each line is written.
func TestLogRate_none(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), limits(server.Limits{MaxMessage: 8}))
		offend(s, 500, time.Second, "far too long a line\n")
		time.Sleep(2 * time.Second)
		if n := written(s, server.LineTooLong); n != 500 {
			t.Errorf("%d lines, want 500", n)
		}
	})
}
