package roster

// A Selection is what a server answers a Query with.
type Selection struct {
	Time      Time
	Totals    Totals
	Listeners []Counts
	Matched   Matched
	Clients   []Record // those of the page that was asked for
}

// Matched says how many connections a query fits, on whatever page.
type Matched struct {
	Open   int `json:"open"`
	Closed int `json:"closed"` // of those that are kept
}

// A Page is what /clients says.
type Page struct {
	Time      Time       `json:"time"`
	Name      string     `json:"name"` // of the server, as in the greeting
	Version   string     `json:"version"`
	Started   Time       `json:"started"`
	Epoch     string     `json:"epoch"`    // another one after each start
	Draining  bool       `json:"draining"` // no new clients are welcome
	Totals    Totals     `json:"totals"`
	Listeners []Listener `json:"listeners"`
	Matched   Matched    `json:"matched"`
	Offset    int        `json:"offset"`
	Limit     int        `json:"limit"`
	Clients   []Record   `json:"clients"`
}

// A Listener is where clients connect. Listeners of the same label are one.
type Listener struct {
	Label     string   `json:"label"`
	Handler   string   `json:"handler"`
	Wire      string   `json:"wire"`
	Addresses []string `json:"addresses"` // that were opened
	TLS       bool     `json:"tls"`
	Try       string   `json:"try,omitempty"` // a command line that converses with it
	Active    int      `json:"active"`
	Accepted  uint64   `json:"accepted"`
}
