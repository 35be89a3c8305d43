package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"parley/client"
	"parley/protocol"
	"parley/roster"
)

// Bounds of what is taken from an admin side.
const (
	maxPage  = 8 << 20 // bytes of an answer: that of roster.MaxLimit records, each as long as can be
	maxEvent = 1 << 20 // bytes of the data of an event, in one line or many: parley sends less than a tenth of it
	silence  = 40 * time.Second
)

// An adminClient asks the admin side of a server.
type adminClient struct {
	base           *url.URL
	address        client.Address // for errors
	http           *http.Client
	timeout        time.Duration // of an answer
	user, password string
}

// client returns what makes the requests. It follows no redirection: nobody else is to get the password.
func (a *whoAccess) client() (*http.Client, error) {
	config, err := a.tlsConfig()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	transport.Proxy = nil // An admin side is near, and the proxies of the environment are for the web.
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// clients asks for a page of /clients.
func (a *adminClient) clients(ctx context.Context, query url.Values) (*roster.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	response, err := a.get(ctx, "clients", query)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	if err != nil {
		return nil, client.NewRequestError(a.address, err)
	}
	page := new(roster.Page)
	if err := json.Unmarshal(body, page); err != nil || page.Epoch == "" {
		return nil, client.NewAnswerError(a.address, "its /clients is not what parley's would be: is that an admin side?")
	}
	return page, nil
}

// get asks for something. The error of an answer that is not 200 says what may be done about it.
func (a *adminClient) get(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	target := a.base.JoinPath(path)
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	if a.user != "" {
		request.SetBasicAuth(a.user, a.password)
	}
	response, err := a.http.Do(request)
	if err != nil {
		return nil, a.requestError(ctx, unwrapURL(err))
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(response.Body, 512))
	line, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
	return nil, client.NewAnswerError(a.address, a.why(response.StatusCode, line))
}

// why says what an answer means that is not 200; line is the first that came with it.
func (a *adminClient) why(status int, line string) string {
	switch {
	case status == http.StatusUnauthorized && a.user == "":
		return "it asks for a name and a password: --user and " + whoPassword
	case status == http.StatusUnauthorized:
		return fmt.Sprintf("it does not let in %q with that password (%s)", a.user, whoPassword)
	case status == http.StatusNotFound:
		return "it has no /clients or /events: is that an admin side?"
	case strings.Contains(line, "HTTP request to an HTTPS server"):
		return "it speaks TLS: --tls, --ca or --insecure"
	}
	why := fmt.Sprintf("it answers %d %s", status, http.StatusText(status))
	if line != "" && len(line) < 400 && !strings.HasPrefix(line, "<") {
		why += ": " + protocol.Printable(line, false)
	}
	return why
}

// requestError makes an Error of what went wrong with a request under ctx. Where patience was at an end it says so: what was
// cancelled looks like an interruption otherwise.
func (a *adminClient) requestError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, context.DeadlineExceeded) {
		err = cause
	}
	return client.NewRequestError(a.address, err)
}

// unwrapURL leaves out the request, which the error says otherwise.
func unwrapURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// An event is one of /events.
type event struct {
	name string
	id   string // empty: that of the one before
	data []byte
}

// events follows /events and calls take with each until that or the stream fails. The stream has failed, too, when nothing came for so
// long that even the comments by which the server says that it is there are missing. The ID is that of the last event seen.
func (a *adminClient) events(ctx context.Context, id *string, take func(event) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := time.AfterFunc(a.timeout, func() { cancel(context.DeadlineExceeded) })
	defer patience.Stop()
	query := url.Values{}
	if *id != "" {
		query.Set("last_event_id", *id)
	}
	response, err := a.get(ctx, "events", query)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, maxEvent)
	e := event{}
	for patience.Reset(silence); lines.Scan(); patience.Reset(silence) {
		key, value, _ := bytes.Cut(lines.Bytes(), []byte(": "))
		switch string(key) {
		case "event":
			e.name = string(value)
		case "id":
			e.id = string(value)
		case "data":
			if len(e.data)+len(value) > maxEvent {
				return client.NewAnswerError(a.address, "an event that does not end")
			}
			e.data = append(e.data, value...)
		case "":
			if len(lines.Bytes()) > 0 || e.name == "" { // a comment, or the end of an event without a name
				continue
			}
			if e.id != "" {
				*id = e.id // Not before its end, as it would be lost if the stream were cut in the middle of it.
			}
			if err := take(e); err != nil {
				return err
			}
			e = event{}
		}
	}
	err = lines.Err()
	if err == nil {
		err = io.EOF
	}
	return a.requestError(ctx, err)
}

// printJSON prints a line.
func printJSON(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}
