// Package admin is the HTTP side of the daemon, for those who watch it: what
// Prometheus scrapes, what a load balancer or the kubelet asks, and a page for
// a person who wonders what listens here and how to try it.
//
//	GET /metrics        what the gatherer gathers
//	GET /healthz        200 as long as the process serves
//	GET /readyz         200, or 503 as soon as it should get no new clients
//	GET /               the listeners, and how to try each
//	GET /debug/pprof/   only when asked for
//
// It is read-only: GET and HEAD are all it answers, and it never reads a
// body. It knows nothing of the service it reports on but what [Options] hands
// it, and no visitor of it, however slow or numerous, can keep others out or
// take more than a bounded share of the process: see crowd.go.
package admin
