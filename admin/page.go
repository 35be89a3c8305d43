package admin

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed page.html
var pageSource string

// newPage renders the landing page, once: nothing on it changes while the
// daemon runs.
func newPage(opts Options) http.Handler {
	var page bytes.Buffer
	if err := template.Must(template.New("page").Parse(pageSource)).Execute(&page, opts); err != nil {
		panic(err) // the template asks for a field that Options has not
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		// The page loads nothing, runs nothing, sends nothing, and no other
		// frames it.
		w.Header().Set("Content-Security-Policy",
			"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		_, _ = w.Write(page.Bytes())
	})
}
