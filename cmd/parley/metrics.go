package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"parley/cmd/parley/internal/logging"
)

func buildInfo() prometheus.Collector {
	b := thisBuild()
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "parley_build_info",
		Help:        "Always 1; the labels say what was built from what.",
		ConstLabels: prometheus.Labels{"version": b.version, "commit": b.commit, "goversion": b.goVersion},
	}, func() float64 { return 1 })
}

// certificateExpiries are the dates of the listeners that speak TLS.
func certificateExpiries(all []serving) (gauges []prometheus.Collector) {
	for _, s := range all {
		if s.certs == nil {
			continue
		}
		gauges = append(gauges, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "parley_tls_certificate_not_after_timestamp_seconds",
			Help:        "When the certificate of a listener expires, in Unix time.",
			ConstLabels: prometheus.Labels{"listener": s.config.Label},
		}, func() float64 { return float64(s.certs.NotAfter().Unix()) }))
	}
	return gauges
}

func droppedLines(logs *logging.Log) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "parley_log_dropped_total",
		Help: "Log lines lost because nobody took them.",
	}, func() float64 { return float64(logs.Dropped()) })
}
