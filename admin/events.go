package admin

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"parley/roster"
)

// How a viewer of /events is served.
const (
	viewerPatience = 5 * time.Second  // for one write
	stillHere      = 15 * time.Second // without an event, until a comment shows to whoever is in between that the line is up
	retryAfter     = "5"              // seconds, for one beyond maxViewers
)

// events answers /events.
type events struct{ *newsroom }

func (e events) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	if r.Method == http.MethodHead {
		header.Set("Content-Type", "text/event-stream")
		return
	}
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = r.URL.Query().Get("last_event_id")
	}
	v, missed, seq := e.join(last)
	if v == nil {
		header.Set("Retry-After", retryAfter)
		reply(w, http.StatusServiceUnavailable, fmt.Sprintf("%d are watching, which is as many as may\n", maxViewers))
		return
	}
	defer e.leave(v)
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // nginx would hold events back.
	s := stream{w: w, control: http.NewResponseController(w), taken: stirs(r)}
	_ = s.control.SetReadDeadline(time.Time{}) // Nothing more is to come.
	id := ""                                   // What is replayed has its own.
	if last == "" {
		id = eventID(e.epoch, seq)
	}
	if s.send([]byte("retry: 1000\n\n"), event("hello", id, roster.Hello{
		Epoch:      e.epoch,
		Name:       e.name,
		Version:    e.version,
		Started:    roster.Time{Time: e.roster.Started()},
		Time:       roster.Time{Time: time.Now()},
		IntervalMS: interval.Milliseconds(),
		Seq:        seq,
	})) == nil && s.send(missed...) == nil {
		s.follow(r, v)
	}
}

// A stream is the answer to one viewer.
type stream struct {
	w       io.Writer
	control *http.ResponseController
	taken   func() // says that the viewer has taken something
}

// follow sends what the newsroom has for the viewer until either has enough.
func (s *stream) follow(r *http.Request, v *viewer) {
	quiet := time.NewTimer(stillHere)
	defer quiet.Stop()
	for {
		var event []byte
		select {
		case e, ok := <-v.events:
			if !ok {
				return
			}
			event = e
		case <-quiet.C:
			event = []byte(": still here\n\n")
		case <-r.Context().Done():
			return
		}
		if s.send(event) != nil {
			return
		}
		quiet.Reset(stillHere)
	}
}

// send sends events. It fails when the viewer is gone, or does not take them.
func (s *stream) send(events ...[]byte) error {
	for _, e := range events {
		if err := s.control.SetWriteDeadline(time.Now().Add(viewerPatience)); err != nil {
			return err
		}
		if _, err := s.w.Write(e); err != nil {
			return err
		}
		if err := s.control.Flush(); err != nil {
			return err
		}
	}
	s.taken()
	return nil
}

// event writes an event. One without ID leaves the viewer's last one as it is.
func event(name, id string, data any) []byte {
	b := append([]byte("event: "), name...)
	if id != "" {
		b = append(append(b, "\nid: "...), id...)
	}
	b = append(b, "\ndata: "...)
	b = append(b, encode(data)...)
	return append(b, '\n')
}

// eventID is that of the event with a number; parseID reads it.
func eventID(epoch string, seq uint64) string { return fmt.Sprintf("%s-%d", epoch, seq) }

// parseID returns which event a viewer saw last; false if it is none of this epoch.
func parseID(id, epoch string) (seq uint64, ok bool) {
	number, ok := strings.CutPrefix(id, epoch+"-")
	if !ok {
		return 0, false
	}
	seq, err := strconv.ParseUint(number, 10, 64)
	return seq, err == nil
}
