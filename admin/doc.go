// Package admin is the HTTP side of the daemon, for those who watch it: what
// Prometheus scrapes, what a load balancer or the kubelet asks, and a page for
// those who want to see who is connected and how to connect.
//
//	GET /metrics        what the gatherer gathers
//	GET /healthz        200 as long as the process serves
//	GET /readyz         200, or 503 as soon as it should get no new clients
//	GET /               a page that shows /clients and follows /events
//	GET /clients        who is connected, and who was until lately (package roster)
//	GET /events         what changes of that, as server-sent events
//	GET /debug/pprof/   only when asked for
//
// It is read-only: GET and HEAD are all it answers, and it never reads a
// body. It knows nothing of the service it reports on but what [Options] hands
// it, and no visitor of it, however slow or numerous, can keep others out or
// take more than a bounded share of the process: see crowd.go and answers.go.
// Pages of other sites learn nothing by way of a visitor's browser: see
// access.go. TLS and basic auth are the exporters' toolkit's: see webconfig.go.
//
//	Roster --- Select ---> clients ---> a page of /clients, one made at a time
//	   |
//	   +------ News -----> newsroom --> an event, made once -+-> viewer
//	                       looks four times a second,        +-> viewer
//	                       as long as anybody watches        +-> ... /events
package admin
