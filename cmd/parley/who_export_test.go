package main

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// FollowEvents follows /events by a client, with a timeout for the answer, and calls take with the name of each event. It also returns the ID of
// the last one.
func FollowEvents(ctx context.Context, by *http.Client, timeout time.Duration, take func(name string)) (id string, err error) {
	a := adminClient{base: &url.URL{Scheme: "http", Host: "lab.test:12001"}, http: by, timeout: timeout}
	err = a.events(ctx, &id, func(e event) error {
		take(e.name)
		return nil
	})
	return id, err
}
