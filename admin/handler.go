package admin

import (
	"io"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/zap"
)

// newHandler returns the endpoints.
func newHandler(opts Options, news *newsroom) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metricsHandler(opts.Gatherer, opts.Log))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if opts.Ready() {
			reply(w, http.StatusOK, "ok\n")
		} else {
			reply(w, http.StatusServiceUnavailable, "not ready\n")
		}
	})
	mux.Handle("GET /{$}", newPage())
	if news != nil {
		mux.Handle("GET /clients", &clients{board: news.board})
		mux.Handle("GET /events", events{news})
	}
	if opts.Pprof { // its handlers move the write deadline by what they are asked to record
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return readOnly(newAccess(opts.Hosts).guard(mux))
}

// readOnly refuses every method but GET and HEAD, on any path, and has the
// connection closed, for the body that follows is not going to be read: by the
// mux's own refusal, net/http would first read up to 256 KiB of it.
func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			header.Set("Allow", "GET, HEAD")
			header.Set("Connection", "close")
			reply(w, http.StatusMethodNotAllowed, "only GET and HEAD\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// reply ignores that the visitor may be gone, as all here do.
func reply(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// metricsHandler shows what can be gathered, even if a collector fails. It logs
// that itself, because promhttp's own log has a line for every metric that it
// could not send to a visitor who left.
func metricsHandler(gatherer prometheus.Gatherer, log *zap.Logger) http.Handler {
	logged := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := gatherer.Gather()
		if err != nil {
			log.Warn("gathering metrics", zap.Error(err))
		}
		return families, err
	})
	return promhttp.HandlerFor(logged, promhttp.HandlerOpts{
		ErrorHandling:     promhttp.ContinueOnError,
		EnableOpenMetrics: true,
	})
}
