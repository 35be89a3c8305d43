package roster

import "time"

// A Record is one connection, open or closed. Addresses are ADDRESS:PORT, or "unix".
//
// What strangers have said (Name, Email, SNI, ClientCN, Message) is cut at 256 bytes, with "..." where there was more, and has
// everything escaped that a terminal would act on; in a browser it is text like any other and must be shown as such.
type Record struct {
	ClientID uint64 `json:"clientid"`      // what the client was told, in order of arrival
	You      string `json:"you,omitempty"` // the client's address; the proxy's, as long as only that is known
	Via      string `json:"via,omitempty"` // the proxy that named the client
	Me       string `json:"me,omitempty"`  // the address that the client reached
	Listener string `json:"listener"`
	Handler  string `json:"handler"`
	Wire     string `json:"wire,omitempty"`

	Since            Time   `json:"since"`       // when it was accepted
	LastActive       Time   `json:"last_active"` // the last message either way; Since as long as there was none
	MessagesReceived uint64 `json:"messages_received"`
	MessagesSent     uint64 `json:"messages_sent"`
	ReceivedBytes    uint64 `json:"received_bytes"`
	SentBytes        uint64 `json:"sent_bytes"`

	Name     string `json:"name,omitempty"` // who the client says it is
	Email    string `json:"email,omitempty"`
	TLS      string `json:"tls,omitempty"`       // the version
	SNI      string `json:"sni,omitempty"`       // the name that the client asked for
	ClientCN string `json:"client_cn,omitempty"` // the common name of the client's certificate, which was verified
	Fault    string `json:"fault,omitempty"`     // what is done to the connection on request
	Message  string `json:"message,omitempty"`   // the last one received, where messages are logged

	// Of a closed connection alone.
	End      Time     `json:"end,omitzero"`
	Duration *float64 `json:"duration_seconds,omitempty"`
	Reason   string   `json:"reason,omitempty"`
}

// Totals are sums over all connections since the server began.
type Totals struct {
	Accepted         uint64            `json:"accepted"` // turned away or not
	Active           int               `json:"active"`
	Closed           uint64            `json:"closed"`
	ClosedByReason   map[string]uint64 `json:"closed_by_reason"` // without the reasons for which none was
	MessagesReceived uint64            `json:"messages_received"`
	MessagesSent     uint64            `json:"messages_sent"`
	ReceivedBytes    uint64            `json:"received_bytes"`
	SentBytes        uint64            `json:"sent_bytes"`
}

// Counts are those of the listeners of one label.
type Counts struct {
	Label    string `json:"label"`
	Active   int    `json:"active"`
	Accepted uint64 `json:"accepted"`
}

// A Stamp tells one state of the roster from another: it consists of sums that only grow, Active as long as nobody leaves, and
// two equal ones are of the same state but for the passing of time.
type Stamp struct {
	Accepted, Left, Introduced     uint64 // connections that came, went, and said who they are or had that said by a handshake
	MessagesReceived, MessagesSent uint64
	ReceivedBytes, SentBytes       uint64
	Active                         uint64 // when each of those who are there was last active, added up: a time may change without a message
}

// Time is a time of RFC 3339 in UTC with milliseconds. The zero value stands for none.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// MarshalJSON writes the time as a string.
func (t Time) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, len(timeLayout)+2)
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, timeLayout)
	return append(b, '"'), nil
}
