package faults

// A Case is a fault, and what is promised to be seen.
type Case struct {
	ID    string
	Star  bool // README shows its figures, see Shows
	Fault string
	Sees  string

	// Shows are the figures that README shows of it; none: all.
	Shows []string

	// Elsewhere are tests of other packages that demand the same, or more of it, of the code in-process: as "server
	// TestClose_unreadInput". They need no root and run with the others of their package.
	Elsewhere []string

	// Instead says what stands in for the case where it cannot be made on one machine; empty: it is made.
	Instead string
}

// Catalogue are all cases, in the order of the groups: bad input, hostile peers, resources, life cycle, network, security.
var Catalogue = []Case{
	{
		ID: "B1", Star: true, Fault: "every message of every wire whole, cut in two at every place, and byte by byte", Sees: "the same answers",
		Elsewhere: []string{"protocol TestTextDecoder_anyCut", "protocol TestJSONDecoder_anyCut", "protocol TestPickleDecoder_anyCut"},
		Shows:     []string{"ways to cut, over 4 wires with and without TLS, all answered the same:"},
	},
	{ID: "B2", Fault: "10,000 clients that connect, say nothing and leave", Sees: "nothing in the log at info or above, each is counted"},
	{
		ID: "B3", Fault: "the end of the client's side in the middle of a message",
		Sees: "text answers what stands; JSON and pickle say ERR once, and answer nothing half",
	},
	{ID: "B4", Fault: "LF, CRLF, CR NUL, a lone CR, blank lines, a CR whose LF comes in the next read", Sees: "lines end where they should"},
	{ID: "B5", Fault: "telnet's option bytes, and those of Ctrl-C", Sees: "dropped on the text wire, never answered"},
	{
		ID: "B7", Star: true, Fault: "1 GiB without a newline, from 200 clients at once",
		Sees:  "each reads ERR line_too_long; memory grows by at most 50 MiB",
		Shows: []string{"clients that read their ERR, of 200", "memory grown by at most"},
	},
	{ID: "B8", Fault: "lengths one below, at and one above each limit", Sees: "the limit is met to the byte"},
	{
		ID: "B9", Fault: "JSON 10,001 deep, with keys twice, 1e999999, trailing junk, lone surrogates", Sees: "one answer or one ERR each, no more",
		Elsewhere: []string{"protocol TestJSONDecoder", "protocol TestHostileCost"},
	},
	{
		ID: "B10", Fault: "pickles of protocols 0 to 5, of classes and calls, of themselves", Sees: "read as CPython reads them; classes and calls are refused by name",
		Elsewhere: []string{"protocol TestPickle_fromPython", "protocol TestPickle_againstPython", "protocol TestPickle_unfolds"},
	},
	{
		ID: "B11", Star: true, Fault: "pickle bombs: lengths of 2^31 to 2^63, a 1 MB integer, 100,000 marks", Sees: "ERR at once; nothing is allocated on the strength of a length",
		Elsewhere: []string{"protocol TestHostileCost"},
		Shows:     []string{"memory grown by at most", "slowest from connect to ERR"},
	},
	{ID: "B12", Fault: "TLS, HTTP and SSH on a plain port", Sees: "one ERR or an echo, nothing held beyond the limits"},
	{
		ID: "B13", Fault: "whatever a fuzzer makes up", Sees: "no crash, and every parser's invariants hold",
		Elsewhere: []string{
			"protocol FuzzTextDecoder", "protocol FuzzJSONDecoder", "protocol FuzzPickleDecoder", "protocol FuzzGreeting",
			"protocol FuzzValueGreeting", "protocol FuzzError", "server FuzzProxyHeader", "client FuzzHandshake", "config FuzzListeners",
		},
	},

	{
		ID: "H1", Star: true, Fault: "5,000 clients that trickle into one message, on the text, JSON and pickle wires", Sees: "each is told message_timeout and closed within 1 s of it",
		Elsewhere: []string{"server TestMessageTimeout"},
		Shows:     []string{"told after it, at the latest", "memory for each"},
	},
	{
		ID: "H3", Star: true, Fault: "2,000 clients that send and never read; 50 of 100 in a chat that never read",
		Sees: "reset at the write timeout; at most 64 KiB of memory each, and 128 KiB of the system's where PARLEY_SEND_BUFFER and PARLEY_RECEIVE_BUFFER " +
			"are 24 KiB; the others in the chat miss nothing",
		Elsewhere: []string{"server TestWriteTimeout", "handler TestChat_stalledAndHealthy"},
		Shows:     []string{"small buffers, never read: memory of the daemon for each", "small buffers, never read: of the system for each, unsent", "small buffers, never read: of the system for each, unread", "in a chat with 50 who never read: 99 % heard within"},
	},
	{
		ID: "H4", Fault: "a client that reads 10 KiB a second",
		Sees:      "it is not cut where the write timeout is 20 s (the usual 10 s is less than its system may take to tell of room)",
		Elsewhere: []string{"server TestWriteTimeout_notWhoReads"},
	},
	{
		ID: "H6", Fault: "2,000 silent clients beside 200 who speak within the idle timeout", Sees: "the silent are told idle_timeout, the others are never cut",
		Elsewhere: []string{"server TestIdleTimeout", "server TestIdleTimeout_notWhoSpeaks"},
	},
	{
		ID: "H7", Fault: "1,000 clients that end their side, and read all answers, or vanish",
		Sees: "all answers, then the end; no connection is left in CLOSE-WAIT",
	},
	{
		ID: "H8", Fault: "a reset in every phase of a connection",
		Sees:      "counted; logged at info at most, without a stack",
		Elsewhere: []string{"server TestReset"},
	},
	{
		ID: "H9", Fault: "100 MB sent to echo before the first read", Sees: "the client is made to wait, at most 64 KiB are held, the same bytes come back",
		Elsewhere: []string{"server TestEcho_backPressure"},
	},
	{ID: "H10", Fault: "a storm of connects for 30 s, plain and over TLS", Sees: "none is refused or reset"},
	{
		ID: "H11", Fault: "1,000 bad messages a second", Sees: "few log lines, which account for each",
		Elsewhere: []string{"cmd/parley TestLogRate", "server TestLogRate"},
	},

	{
		ID: "R1", Star: true, Fault: "out of files (prlimit --nofile on the running process)",
		Shows: []string{"of a core used meanwhile, the canary and 40 echoes a second included", "who waited is served after there are files again within"},
		Sees:  "present clients go on; under 5 % of a core, a log line a second; the next client within 1.1 s of a free file",
	},
	{
		ID: "R2", Fault: "accept fails 200 times in a row, for whatever reason",
		Sees:      "under 30 calls a second, and service within 1.1 s of the last failure",
		Elsewhere: []string{"server TestAccept_errors"},
	},
	{
		ID: "R3", Fault: "1,000 connects in 100 ms with room for 100",
		Sees:      "100 are served, 900 read ERR server_full, never more than 100 at a time",
		Elsewhere: []string{"server TestMaxConns_storm"},
	},
	{
		ID: "R5", Fault: "the log's disk is full",
		Sees:      "service goes on, lost lines are counted, and told once when there is room",
		Elsewhere: []string{"cmd/parley/internal/logging TestQueueFailingSink"},
	},
	{
		ID: "R6", Star: true, Fault: "a standard output that nobody reads, whose reader dies, that is closed from the start",
		Shows:     []string{"lines lost, and counted, while nobody reads"},
		Sees:      "a client notices nothing, lost lines are counted, SIGTERM works",
		Elsewhere: []string{"cmd/parley TestStdoutNotRead", "cmd/parley TestStdoutReaderGone", "cmd/parley TestStdoutClosed"},
	},
	{ID: "R7", Fault: "200,000 connections with 12 kinds of ending", Sees: "the ledger"},
	{
		ID: "R11", Fault: "slow clients on the admin port",
		Sees:      "they neither hold it nor touch the service",
		Elsewhere: []string{"admin TestSlowHeaders", "admin TestCrowd"},
	},

	{
		ID: "L1", Star: true, Fault: "a handler panics in every way, for 100 of 1,000 clients",
		Shows:     []string{"told ERR internal", "saw nothing"},
		Sees:      "those read ERR internal, the other 900 see nothing",
		Elsewhere: []string{"server TestPanic_many"},
	},
	{
		ID: "L2", Fault: "a port taken, no permission, a foreign address, an unknown handler or key, a bad duration, an unreadable key",
		Sees: "one line that says what to do, exit 2 or 1, within 1 s",
	},
	{
		ID: "L3", Star: true, Fault: "SIGTERM under load: 500 clients, 50 of them in a 10 MB echo, 200 connects a second",
		Shows:     []string{"answers truncated", "it has ended after"},
		Sees:      "nothing is truncated, exit 0 within the drain timeout",
		Elsewhere: []string{"cmd/parley TestTermWhileClientsConverse"},
	},
	{
		ID: "L4", Fault: "a second signal, SIGTERM before it listens, SIGQUIT",
		Sees:      "it ends at once",
		Elsewhere: []string{"cmd/parley TestSecondSignal", "cmd/parley TestTermWhileStarting", "cmd/parley TestQuit"},
	},
	{
		ID: "L6", Fault: "SIGTERM with 1,000 who do not read, 100 silent, 100 half-closed",
		Sees: "it ends within the drain timeout and 1 s",
	},
	{
		ID: "L7", Star: true, Fault: "20 restarts while 1,000 clients a second connect, the socket handed over",
		Shows: []string{"restarts", "visitors", "of them refused or reset"},
		Sees:  "none is refused or reset",
	},
	{
		ID: "L8", Fault: "a service manager that is notified, or hands over what is wrong",
		Sees:      "READY when it listens, STOPPING at the drain, WATCHDOG; a wrong socket stops the start",
		Elsewhere: []string{"cmd/parley TestNotify", "cmd/parley TestNotify_watchdog", "cmd/parley TestHandover_faults"},
		Instead:   "the tests are the service manager; `faults/systemd`, which needs a Debian in a folder and is no step of .ci/run, runs a real one",
	},
	{
		ID: "L10", Fault: "kill -9 with 1,000 clients, and an immediate start; a stale unix socket",
		Sees:      "it serves again at once",
		Elsewhere: []string{"server TestListen_again"},
	},
	{
		ID: "L11", Fault: "200 dials racing a shutdown, 200 times",
		Sees:      "every accepted socket is closed, no panic under -race",
		Elsewhere: []string{"server TestShutdown_racingDials"},
	},

	{
		ID: "N1", Star: true, Fault: "closing with unread input, on every path that ends a connection", Sees: "0 of 100 answers truncated",
		Elsewhere: []string{"server TestClose_unreadInput", "server TestClose_unreadInputShutdown", "server TestTLS_unreadInput"},
		Shows:     []string{"answers of 400 KiB truncated, in 6 ways to end, with and without TLS"},
	},
	{ID: "N2", Fault: "a client that vanishes without a word", Sees: "it is gone in about 30 s, not in 15 minutes"},
	{
		ID: "N3", Fault: "latency, slicing and 100 KB/s in between", Sees: "the same bytes",
		Instead: "made by a proxy in the test, as this machine's kernel has no netem",
	},
	{
		ID: "N8", Fault: "listening on 0.0.0.0, [::], :port, localhost, a unix path",
		Sees:      "what is listened on is what was written; IPv4 clients are logged as such",
		Elsewhere: []string{"server TestListen"},
	},

	{
		ID: "S1", Star: true, Fault: "PROXY headers when off, from a stranger, none from a proxy, or malformed in whatever way",
		Shows:     []string{"headers that are none, shut out without a word"},
		Sees:      "no way around a limit or list; both addresses are logged",
		Elsewhere: []string{"server TestProxy_bad"},
	},
	{
		ID: "S2", Fault: "control characters and escapes in whatever a client sends",
		Sees:      "nothing but printable ASCII reaches a log or another client's terminal",
		Elsewhere: []string{"handler TestChat_hostile", "handler TestRegister_hostile"},
	},
	{
		ID: "S3", Fault: "100,000 clients of 10,000 addresses",
		Sees:      "as many series as before",
		Elsewhere: []string{"server TestMetrics_manyAddresses"},
	},
	{
		ID: "S4", Fault: "the admin side: who reaches it, what it shows, a 1 GB POST",
		Sees:      "on loopback only, no pprof unless asked for, 405 and nothing read",
		Elsewhere: []string{"admin TestHugePostUnread"},
	},
	{
		ID: "S5", Fault: "old TLS, stalled handshakes, a renewed certificate",
		Sees:      "1.2 or above; nobody is delayed; the new one for new connections",
		Elsewhere: []string{"server TestTLS_stalls", "cmd/parley/internal/certs TestSource_renewed"},
	},
	{
		ID: "S6", Fault: "a cap for each address, and IPv6 addresses without number",
		Sees:      "counted by /64; the table is bounded, and empty at the end",
		Elsewhere: []string{"server TestMaxConnsPerIP"},
	},
	{
		ID: "S12", Fault: "a hostile server, for our own clients",
		Sees:      "bounded in time and memory, what it says is escaped",
		Elsewhere: []string{"client TestConnHostile"},
	},
}
