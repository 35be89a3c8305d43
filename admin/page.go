package admin

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"net/http"
	"strings"
)

//go:embed page
var pageFiles embed.FS

// pageScripts are the files of the page's one script, in order: what a later one calls stands in an earlier one.
var pageScripts = []string{"words.js", "plots.js", "recipes.js", "roll.js", "live.js", "page.js"}

// newPage returns the page: one file that has its style and its script in it, and gets everything it shows from /clients and
// /events.
func newPage() http.Handler {
	style, script := pageFile("page.css"), ""
	for _, name := range pageScripts {
		script += pageFile(name)
	}
	page := pageFile("page.html")
	page = strings.Replace(page, "/* page.css */", style, 1)
	page = strings.Replace(page, "/* page.js */", script, 1)

	// This style and this script, and no others, wherever they may come from; no text may become markup; nothing is
	// asked of another host, and no other page frames this one.
	policy := strings.Join([]string{
		"default-src 'none'",
		"style-src " + hashSource(style),
		"script-src " + hashSource(script),
		"connect-src 'self'",
		"img-src data:", // the icon, which is in the page
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	}, "; ")
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Security-Policy", policy)
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		_, _ = w.Write([]byte(page))
	})
}

func pageFile(name string) string {
	text, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		panic(err) // It is compiled in.
	}
	return string(text)
}

// hashSource is what a Content-Security-Policy calls an inline style or script with this text.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
