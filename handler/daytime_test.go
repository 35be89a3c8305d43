package handler_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/handler/handlertest"
	"parley/protocol"
)

const rfc867 = "Monday, January 2, 2006 15:04:05-MST"

// The client need not say anything.
func TestDaytime(t *testing.T) {
	onWires(t, "daytime", func(t *testing.T, w protocol.Wire) {
		synctest.Test(t, func(t *testing.T) {
			h := newHandler(t, "daytime", nil)
			s := handlertest.NewServer(t, h, handlertest.Wire(w))
			for range 3 {
				c := s.Dial()
				c.Expect(message(w, time.Now().Format(rfc867)))
				c.ExpectEnd()
				time.Sleep(25*time.Hour + time.Second)
			}
		})
	})
}

// It is the format of the RFC's example, and what a client sends is thrown away.
func TestDaytime_format(t *testing.T) {
	t.Parallel()
	if _, err := time.Parse(rfc867, "Tuesday, February 22, 1982 17:37:43-PST"); err != nil {
		t.Error(err)
	}
	s := serveTCP(t, newHandler(t, "daytime", nil), protocol.Raw{})
	before := time.Now().Add(-time.Second) // What is sent has no fractions.
	c := s.dial()
	c.send(t, strings.Repeat("what time is it?\n", 1000))
	line, err := c.line()
	if err != nil {
		t.Fatal(err)
	}
	got, err := time.ParseInLocation(rfc867, line, time.Local)
	if err != nil || got.Before(before) || got.After(time.Now()) {
		t.Errorf("got %q, %v", line, err)
	}
	if line, err := c.line(); line != "" || err == nil {
		t.Errorf("then got %q, %v; want the end", line, err)
	}
	c.close()
	s.wantEnded("done")
}
