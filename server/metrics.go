package server

import (
	"github.com/prometheus/client_golang/prometheus"
)

// The labels of every metric of a listener. All values are known from the start; none ever comes from a client.
var listenerLabels = []string{"listener", "handler"}

var (
	acceptedDesc = desc("connections_accepted_total", "Connections accepted, turned away or not.")
	activeDesc   = desc("connections_active", "Connections in conversation, or on their way to one.")
	closedDesc   = prometheus.NewDesc("parley_connections_closed_total", "Connections ended, by the reason why.",
		append([]string{"reason"}, listenerLabels...), nil)
	receivedDesc     = desc("received_bytes_total", "Bytes received from clients.")
	sentDesc         = desc("sent_bytes_total", "Bytes sent to clients.")
	messagesDesc     = desc("messages_total", "Messages received from clients.")
	acceptErrorsDesc = desc("accept_errors_total", "Failures to accept a connection.")
	faultsDesc       = prometheus.NewDesc("parley_faults_total", "Conversations that were given a fault on request.",
		append([]string{"fault"}, listenerLabels...), nil)
	panicsDesc = desc("handler_panics_total", "Panics of handlers; each ended one connection.")
)

func desc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("parley_"+name, help, listenerLabels, nil)
}

// newHistograms returns the distributions of all listeners. Connections last from under a millisecond to days, a handshake
// from microseconds to its timeout.
func newHistograms() (durations, handshakes *prometheus.HistogramVec) {
	histogram := func(name, help string, buckets ...float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                        "parley_" + name,
			Help:                        help,
			Buckets:                     buckets,
			NativeHistogramBucketFactor: 1.1,
		}, listenerLabels)
	}
	durations = histogram("connection_duration_seconds", "How long connections lasted, from accept to close.",
		.001, .01, .1, 1, 10, 60, 600, 3600, 86400)
	handshakes = histogram("handshake_duration_seconds", "How long it took from accept until the client was greeted.",
		.0001, .001, .01, .1, 1, 10)
	return durations, handshakes
}

// traffic is what went over a connection, or over all of a listener's.
type traffic struct {
	received, sent      uint64 // bytes
	messagesIn, replies uint64
}

func (t *traffic) add(u traffic) {
	t.received += u.received
	t.sent += u.sent
	t.messagesIn += u.messagesIn
	t.replies += u.replies
}

// A tally is what is counted of one listener. But for the histograms it is guarded by Server.mu.
type tally struct {
	listener, handler   string
	duration, handshake prometheus.Observer

	accepted     uint64
	active       int
	closed       [numReasons]uint64
	acceptErrors uint64
	panics       uint64
	faults       [numFaults]uint64 // conversations that were given each of faultKinds
	traffic                        // of connections that have ended
}

// tallyOf returns the tally of the listeners of this label: two listeners on port 0 may have the same one. The caller holds
// mu.
func (s *Server) tallyOf(listener, handler string) *tally {
	for _, t := range s.tallies {
		if t.listener == listener && t.handler == handler {
			return t
		}
	}
	t := &tally{
		listener:  listener,
		handler:   handler,
		duration:  s.durations.WithLabelValues(listener, handler),
		handshake: s.handshakes.WithLabelValues(listener, handler),
	}
	s.tallies = append(s.tallies, t)
	return t
}

// snapshot returns the tallies as they stand, the connections that are there counted in.
func (s *Server) snapshot() []tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	live := make(map[*tally]*traffic, len(s.tallies))
	for _, t := range s.tallies {
		live[t] = new(traffic)
	}
	for c := range s.conns {
		live[c.ln.tally].add(c.traffic())
	}
	snapshot := make([]tally, len(s.tallies))
	for i, t := range s.tallies {
		snapshot[i] = *t
		snapshot[i].add(*live[t])
	}
	return snapshot
}

// Describe sends the descriptions of all metrics; see prometheus.Collector.
func (s *Server) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		acceptedDesc, activeDesc, closedDesc, receivedDesc, sentDesc, messagesDesc, acceptErrorsDesc, panicsDesc, faultsDesc,
	} {
		ch <- d
	}
	s.durations.Describe(ch)
	s.handshakes.Describe(ch)
}

// Collect sends all metrics; see prometheus.Collector. What the connections counted each for itself is summed up here, so
// that counting costs them nothing they share.
func (s *Server) Collect(ch chan<- prometheus.Metric) {
	for _, t := range s.snapshot() {
		count := func(d *prometheus.Desc, n uint64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), t.listener, t.handler)
		}
		count(acceptedDesc, t.accepted)
		ch <- prometheus.MustNewConstMetric(activeDesc, prometheus.GaugeValue, float64(t.active), t.listener, t.handler)
		for reason, n := range t.closed {
			ch <- prometheus.MustNewConstMetric(closedDesc, prometheus.CounterValue, float64(n),
				Reason(reason).String(), t.listener, t.handler)
		}
		count(receivedDesc, t.received)
		count(sentDesc, t.sent)
		count(messagesDesc, t.messagesIn)
		count(acceptErrorsDesc, t.acceptErrors)
		count(panicsDesc, t.panics)
		for i, n := range t.faults {
			ch <- prometheus.MustNewConstMetric(faultsDesc, prometheus.CounterValue, float64(n), faultKinds[i].word, t.listener, t.handler)
		}
	}
	s.durations.Collect(ch)
	s.handshakes.Collect(ch)
}
