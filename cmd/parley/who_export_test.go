package main

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// FollowEvents follows /events by a client, with a timeout for the answer, and calls take with the name of each event.
func FollowEvents(ctx context.Context, by *http.Client, timeout time.Duration, take func(name string)) error {
	a := adminClient{base: &url.URL{Scheme: "http", Host: "lab.test:12001"}, http: by, timeout: timeout}
	return a.events(ctx, new(string), func(e event) error {
		take(e.name)
		return nil
	})
}
