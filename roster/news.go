package roster

import "time"

// A Mark is a moment in the life of a server, as News has it. The zero value is before everything.
type Mark struct {
	ClientID uint64        // the last one that was given
	Left     uint64        // how many had left
	At       time.Duration // since the server began
}

// News is what has happened on a server since a Mark. Its lists are of the latest, in the order in which they happened, but
// Changed, of which the latest is the first.
type News struct {
	Stamp     Stamp
	Time      Time
	Totals    Totals
	Listeners []Counts
	Joined    []Record // who came and is still there
	Left      []Record // who left, also if it came after the mark
	Changed   []Record // who was there before and has been active, perhaps from just before the mark on
	More      More
}

// More says how many there were besides those in the lists.
type More struct {
	Joined  int `json:"joined"`
	Left    int `json:"left"`
	Changed int `json:"changed"`
}

// A Change is the data of an event "roster".
type Change struct {
	Time      Time     `json:"time"`
	Seq       uint64   `json:"seq"`
	Draining  bool     `json:"draining"`
	Totals    Totals   `json:"totals"`
	Listeners []Counts `json:"listeners"`
	Joined    []Record `json:"joined"`
	Left      []Record `json:"left"`
	Changed   []Record `json:"changed"`
	More      More     `json:"more"`
}

// A Hello is the data of the event "hello", the first that a viewer gets.
type Hello struct {
	Epoch      string `json:"epoch"`
	Name       string `json:"name"`
	Version    string `json:"version"`
	Started    Time   `json:"started"`
	Time       Time   `json:"time"`
	IntervalMS int64  `json:"interval_ms"` // no two events "roster" are closer than that
	Seq        uint64 `json:"seq"`         // of the last event before those that follow, but for what is replayed
}

// A Reset is the data of an event "reset": events were missed, and what is known of the roster is out of date.
type Reset struct {
	Epoch string `json:"epoch"`
	Seq   uint64 `json:"seq"`
}
