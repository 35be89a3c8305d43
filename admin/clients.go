package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"
	"sync"

	"parley/roster"
)

// clients answers /clients.
type clients struct {
	*board
	one     sync.Mutex // Pages are made one at a time, so that, however many are asked for, a core is left for the service.
	answers answers
}

func (c *clients) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, err := roster.Parse(r.URL.Query(), c.words)
	if err != nil {
		reply(w, http.StatusBadRequest, err.Error()+"\n")
		return
	}
	body, tag := c.answer(q, r.Header.Get("If-None-Match"))
	header := w.Header()
	header.Set("Cache-Control", "no-cache") // It may be kept, and be shown again if a 304 says so.
	header.Set("ETag", tag)
	if body == nil {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", "application/json")
	c.answers.write(w, body)
}

// answer returns the page that q asks for and its tag; no page if the tag is among those that the visitor has.
func (c *clients) answer(q roster.Query, have string) (body []byte, tag string) {
	c.one.Lock()
	defer c.one.Unlock()
	tag = c.tag(q) // Before the page is made: if it is too old for that, the visitor gets the same page once more.
	if tagged(have, tag) {
		return nil, tag
	}
	return encode(c.page(q)), tag
}

// tag is another one whenever the answer to q is, but for how time passes.
func (c *clients) tag(q roster.Query) string {
	sum := fnv.New128a()
	_, _ = fmt.Fprintf(sum, "%s %t %+v %+v", c.epoch, c.draining(), c.roster.Stamp(), q)
	return fmt.Sprintf(`W/"%x"`, sum.Sum(nil))
}

// tagged reports whether an If-None-Match names the tag.
func tagged(have, tag string) bool {
	return slices.ContainsFunc(strings.Split(have, ","), func(t string) bool { return strings.TrimSpace(t) == tag })
}

// encode writes a type of package roster as one line.
func encode(v any) []byte {
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(v); err != nil {
		panic(err) // Nothing in there is without a form in JSON.
	}
	return line.Bytes()
}
