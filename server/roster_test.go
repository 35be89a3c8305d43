package server_test

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/handler"
	"parley/roster"
	"parley/server"
)

// keeping has the roster keep so many of the closed.
func keeping(n int) func(*role) {
	return func(r *role) { r.server.RosterClosed = n }
}

// all is the query for everybody.
var all = roster.Query{State: roster.All, Limit: roster.MaxLimit}

// ids are those of records.
func ids(records []roster.Record) []uint64 {
	ids := make([]uint64, len(records))
	for i, r := range records {
		ids[i] = r.ClientID
	}
	return ids
}

// The roster has what the log has of a connection: who it is as long as it is there, and then how it ended.
func TestRoster(t *testing.T) {
	everywhere(t, func(t *testing.T, n network) {
		s := serve(t, n, echo(""), greeting, keeping(10), func(r *role) { r.listener.WireName = "text" })
		began := time.Now()
		c := s.dial()
		hello, err := c.r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		c.send(text("hi", "there"))
		c.want("hi", "there")
		you := c.LocalAddr().String()
		sent := uint64(len(hello) + 9) // Which is counted when the system has it, and the client may have read it before.
		got := s.selects(func(s roster.Selection) bool { return len(s.Clients) == 1 && s.Clients[0].SentBytes == sent }, all)
		r := got.Clients[0]
		want := roster.Record{
			ClientID: 1, You: you, Me: c.RemoteAddr().String(), Listener: "test://:0", Handler: "test", Wire: "text",
			MessagesReceived: 2, MessagesSent: 2, ReceivedBytes: 9, SentBytes: sent,
			Since: r.Since, LastActive: r.LastActive,
		}
		if n.secure {
			want.TLS, want.SNI = "1.3", serverName
		}
		if diff := cmp.Diff(want, r); diff != "" {
			t.Errorf("while it is there (-want +got):\n%s", diff)
		}
		if r.Since.Before(began.Add(-time.Millisecond)) || r.Since.After(time.Now()) || r.LastActive.Before(r.Since.Time) {
			t.Errorf("it came at %v and was active at %v", r.Since, r.LastActive)
		}
		if got.Matched != (roster.Matched{Open: 1}) || got.Totals.Active != 1 || got.Totals.MessagesReceived != 2 || got.Totals.SentBytes != want.SentBytes {
			t.Errorf("%+v of %+v", got.Matched, got.Totals)
		}

		c.closeWrite()
		c.wantEnd()
		s.wantEnd(server.ClientClosed)
		got = s.selects(func(s roster.Selection) bool { return s.Totals.Active == 0 }, all)
		r = got.Clients[0]
		want.LastActive, want.End, want.Duration, want.Reason = r.LastActive, r.End, r.Duration, "client_closed"
		if diff := cmp.Diff(want, r); diff != "" {
			t.Errorf("when it is gone (-want +got):\n%s", diff)
		}
		if r.Duration == nil || r.End.Sub(r.Since.Time).Seconds() != *r.Duration {
			t.Errorf("from %v to %v it lasted %v", r.Since, r.End, r.Duration)
		}
		if got.Matched != (roster.Matched{Closed: 1}) || got.Totals.ClosedByReason["client_closed"] != 1 || got.Totals.ReceivedBytes != 9 {
			t.Errorf("%+v of %+v", got.Matched, got.Totals)
		}
	})
}

// selects asks until the answer is as it has to become.
func (s *stage) selects(enough func(roster.Selection) bool, q roster.Query) roster.Selection {
	s.t.Helper()
	for by := time.Now().Add(s.patience()); ; time.Sleep(time.Millisecond) {
		got := s.srv.Roster().Select(q)
		if enough(got) {
			return got
		}
		if time.Now().After(by) {
			s.t.Fatalf("the roster has %+v", got)
		}
	}
}

// What clients say of themselves is shown so that no terminal acts on it, and cut.
func TestRoster_names(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		long := strings.Repeat("ä", 200)
		s := serve(t, overPipe, handler.Func(func(s handler.Session) error {
			for msg := range s.Messages() {
				s.Register(string(msg), long)
				_ = s.Reply("ok")
			}
			return nil
		}), func(r *role) { r.server.LogMessages = true })
		for _, name := range []string{"Ada\x1b[31m", "<b>", "\u202eevil\x9b"} {
			c := s.dial()
			c.send(text(name))
			c.want("ok")
		}
		synctest.Wait()
		got := s.srv.Roster().Select(all).Clients
		email := strings.Repeat("ä", 128) + "..."
		for i, want := range []string{`Ada\x1b[31m`, "<b>", `\u202eevil\x9b`} {
			if got[i].Name != want || got[i].Email != email || got[i].Message != want {
				t.Errorf("got %q %q %q, want %q", got[i].Name, got[i].Email, got[i].Message, want)
			}
		}
		// A second name is news, and so is told by the stamp; the same one again is not, but for the message.
		before := s.srv.Roster().Stamp()
		c := s.dial()
		c.send(text("Grace"))
		c.want("ok")
		if after := s.srv.Roster().Stamp(); after.Introduced != before.Introduced+1 {
			t.Errorf("stamp %+v became %+v", before, after)
		}
	})
}

// Messages are kept only where they are logged.
func TestRoster_message(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""))
		c := s.dial()
		c.send(text("secret"))
		c.want("secret")
		synctest.Wait()
		if got := s.srv.Roster().Select(all).Clients[0].Message; got != "" {
			t.Errorf("got %q", got)
		}
	})
}

// A message is on the roster no later than its count: a page that has the count and the message before would be taken for new.
func TestRoster_messageBeforeCount(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		logged := 0
		s := serve(t, overPipe, echo(""), func(r *role) { r.server.LogMessages = true })
		s.log.notify(func(message string) {
			if message != "message" {
				return
			}
			got := s.srv.Roster().Select(all).Clients[0]
			if got.MessagesReceived != uint64(logged) || got.Message != fmt.Sprint(logged) {
				t.Errorf("when %d are counted: %q, and %d are", logged, got.Message, got.MessagesReceived)
			}
			logged++
		})
		c := s.dial()
		c.send(text("0", "1"))
		c.want("0", "1")
		c.send("2") // Which silence or the end is to end.
		c.closeWrite()
		c.want("2")
		if logged != 3 {
			t.Errorf("%d were logged", logged)
		}
	})
}

// The stamp changes when last_active does: also after a handler that takes its time over a message, and at the end of a stall.
func TestRoster_stampActive(t *testing.T) {
	for name, f := range map[string]func(*role) (sends string){
		"slow handler": func(*role) string { return text("x") },
		"stall":        func(r *role) string { r.listener.Faults.Stall = 5 * time.Second; return "" },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				var sends string
				s := serve(t, overPipe, handler.Func(func(s handler.Session) error {
					for range s.Messages() {
						time.Sleep(5 * time.Second)
					}
					return nil
				}), func(r *role) { sends = f(r) })
				if c := s.dial(); sends != "" {
					c.send(sends)
				}
				time.Sleep(time.Second)
				stamp, then := s.srv.Roster().Stamp(), s.srv.Roster().Select(all)
				time.Sleep(5 * time.Second)
				after, now := s.srv.Roster().Stamp(), s.srv.Roster().Select(all)
				if then.Clients[0].LastActive == now.Clients[0].LastActive || stamp == after {
					t.Errorf("%+v %+v became %+v %+v", stamp, then.Clients[0], after, now.Clients[0])
				}
			})
		})
	}
}

// When the clock is set, the times go with it: they are as old as before.
func TestRoster_clock(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), keeping(1))
		gone := s.dial()
		time.Sleep(time.Second)
		gone.closeWrite()
		gone.wantEnd()
		time.Sleep(time.Second)
		c := s.dial()
		time.Sleep(time.Second)
		c.send(text("x"))
		c.want("x")
		time.Sleep(time.Second)
		synctest.Wait()
		began := time.Now().Add(-4 * time.Second)
		for _, by := range []time.Duration{0, 8 * time.Hour, -time.Hour} {
			at := func(seconds int) roster.Time {
				return roster.Time{Time: began.Add(by + time.Duration(seconds)*time.Second)}
			}
			got, news := s.srv.Roster().Later(by, all)
			open, closed := got.Clients[0], got.Clients[1]
			for what, times := range map[string][2]roster.Time{
				"time":               {got.Time, at(4)},
				"since":              {open.Since, at(2)},
				"last_active":        {open.LastActive, at(3)},
				"end":                {closed.End, at(1)},
				"time of the news":   {news.Time, at(4)},
				"since, in the news": {news.Joined[0].Since, at(2)},
				"end, in the news":   {news.Left[0].End, at(1)},
			} {
				if !times[0].Equal(times[1].Time) {
					t.Errorf("clock put forward by %v: %s is %v, want %v", by, what, times[0], times[1])
				}
			}
			if !open.End.IsZero() || *closed.Duration != 1 {
				t.Errorf("clock put forward by %v: got %+v and %+v", by, open, closed)
			}
		}
	})
}

// As long as a proxy has not named its client, the roster has the proxy; whoever looks meanwhile looks at no memory that the
// handshake writes to, as the race detector knows.
func TestRoster_handshake(t *testing.T) {
	inTheClear(t, func(t *testing.T, n network) {
		s := serve(t, n, echo(""), everyone, keeping(10), secured(serverTLS))
		looked, stop := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(looked)
			for {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Microsecond):
					s.srv.Roster().Select(all)
				}
			}
		}()
		c := s.dial()
		proxy := c.LocalAddr().String()
		waiting := s.selects(func(s roster.Selection) bool { return len(s.Clients) == 1 }, all).Clients[0]
		if waiting.You != proxy || waiting.Via != "" || waiting.Me != "" {
			t.Errorf("before the header: %+v", waiting)
		}
		c.send(header2("203.0.113.5:51000", "192.0.2.99:443"))
		client := c.speaks(&tls.Config{RootCAs: clientTLS.RootCAs, ServerName: serverName})
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		got := s.selects(func(s roster.Selection) bool { return s.Clients[0].TLS != "" }, all).Clients[0]
		if got.You != "203.0.113.5:51000" || got.Via != proxy || got.Me != "192.0.2.99:443" || got.SNI != serverName {
			t.Errorf("after the handshake: %+v", got)
		}
		found := func(q roster.Query) int {
			q.Limit = 10
			return s.srv.Roster().Select(q).Matched.Open
		}
		for _, text := range []string{"203.0.113.5", proxy, strings.ToUpper(serverName)} {
			if found(roster.Query{Text: text}) != 1 {
				t.Errorf("%q is not found", text)
			}
		}
		close(stop)
		<-looked
	})
}

// The last ones that left are kept, the latest first, and no more than was said. Who was turned away is among them.
func TestRoster_closed(t *testing.T) {
	for _, keep := range []int{0, 1, 3, 100} {
		t.Run(fmt.Sprint(keep), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := serve(t, overPipe, echo(""), keeping(keep), limits(server.Limits{Deny: prefixes("203.0.113.0/24")}))
				for i := range 7 {
					if i == 5 {
						s.dialFrom(netip.MustParseAddr("203.0.113.1")).wantEnd()
						synctest.Wait()
						continue
					}
					c := s.dial()
					c.closeWrite()
					c.wantEnd()
					synctest.Wait()
				}
				got := s.srv.Roster().Select(all)
				want := []uint64{7, 6, 5, 4, 3, 2, 1}
				want = want[:min(keep, len(want))]
				if !slices.Equal(ids(got.Clients), want) || got.Matched.Closed != len(want) || got.Totals.Closed != 7 {
					t.Errorf("got %v, matched %+v of %d; want %v", ids(got.Clients), got.Matched, got.Totals.Closed, want)
				}
				if keep > 1 && got.Clients[1].Reason != "denied" {
					t.Errorf("the sixth ended with %q", got.Clients[1].Reason)
				}
				part := s.srv.Roster().Select(roster.Query{State: roster.All, Offset: 1, Limit: 2})
				if rest := want[min(1, len(want)):min(3, len(want))]; !slices.Equal(ids(part.Clients), rest) {
					t.Errorf("got %v, want %v", ids(part.Clients), rest)
				}
			})
		})
	}
}

// Filters, orders and pages. Of five, 1 and 4 have gone.
func TestRoster_select(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, handler.Func(func(s handler.Session) error {
			for msg := range s.Messages() {
				if name, ok := strings.CutPrefix(string(msg), "name="); ok {
					s.Register(name, name+"@example.org")
				}
				_ = s.Reply("ok")
			}
			return nil
		}), keeping(10))
		clients := make(map[int]*client)
		for i, says := range [][]string{{"name=Émile", "x"}, {"name=bob"}, {}, {"name=ada", "x", "y"}, {"name=Carol", "long enough"}} {
			c := s.dialFrom(netip.MustParseAddr(fmt.Sprintf("10.0.0.%d", 9-i)))
			for _, line := range says {
				c.send(text(line))
				c.want("ok")
			}
			clients[i+1] = c
			time.Sleep(time.Second)
		}
		for _, i := range []int{4, 1} {
			clients[i].closeWrite()
			clients[i].wantEnd()
			time.Sleep(time.Second)
		}
		for _, test := range []struct {
			name         string
			q            roster.Query
			open, closed int
			want         []uint64
		}{
			{"all", roster.Query{}, 3, 2, []uint64{2, 3, 5, 1, 4}},
			{"open", roster.Query{State: roster.Open}, 3, 0, []uint64{2, 3, 5}},
			{"closed", roster.Query{State: roster.Closed}, 0, 2, []uint64{1, 4}},
			{"first page", roster.Query{Limit: 2}, 3, 2, []uint64{2, 3}},
			{"a page of both", roster.Query{Offset: 2, Limit: 2}, 3, 2, []uint64{5, 1}},
			{"last page", roster.Query{Offset: 4, Limit: 2}, 3, 2, []uint64{4}},
			{"beyond", roster.Query{Offset: 5}, 3, 2, nil},
			{"a page of both, sorted", roster.Query{Sort: "clientid", Offset: 2, Limit: 2}, 3, 2, []uint64{5, 1}},
			{"by ID", roster.Query{Sort: "clientid", Descending: true}, 3, 2, []uint64{5, 3, 2, 4, 1}},
			{"by name, whatever the case", roster.Query{Sort: "name"}, 3, 2, []uint64{2, 5, 3, 4, 1}},
			{"by name, from behind", roster.Query{Sort: "name", Descending: true}, 3, 2, []uint64{3, 5, 2, 1, 4}},
			{"by address", roster.Query{Sort: "you"}, 3, 2, []uint64{5, 3, 2, 4, 1}},
			{"by messages", roster.Query{Sort: "messages", Descending: true}, 3, 2, []uint64{5, 2, 3, 4, 1}},
			{"by bytes", roster.Query{Sort: "bytes"}, 3, 2, []uint64{3, 2, 5, 1, 4}},
			{"by since", roster.Query{Sort: "since", Descending: true}, 3, 2, []uint64{5, 3, 2, 4, 1}},
			{"by activity", roster.Query{Sort: "last_active"}, 3, 2, []uint64{2, 3, 5, 1, 4}},
			{"by duration", roster.Query{Sort: "duration"}, 3, 2, []uint64{5, 3, 2, 4, 1}},
			{"by reason: all the same", roster.Query{Sort: "reason", Descending: true}, 3, 2, []uint64{2, 3, 5, 1, 4}},
			{"by listener: all the same", roster.Query{Sort: "listener"}, 3, 2, []uint64{2, 3, 5, 1, 4}},
			{"listener", roster.Query{Listeners: []string{"other", "test://:0"}}, 3, 2, []uint64{2, 3, 5, 1, 4}},
			{"no listener", roster.Query{Listeners: []string{"other"}}, 0, 0, nil},
			{"handler", roster.Query{Handlers: []string{"test"}}, 3, 2, []uint64{2, 3, 5, 1, 4}},
			{"reason", roster.Query{Reasons: []string{"done", "client_closed"}}, 0, 2, []uint64{1, 4}},
			{"no reason", roster.Query{Reasons: []string{"done"}}, 0, 0, nil},
			{"text in a name", roster.Query{Text: "ADA"}, 0, 1, []uint64{4}},
			{"text in an email", roster.Query{Text: "l@EXAMPLE"}, 1, 0, []uint64{5}},
			{"text not of ASCII", roster.Query{Text: "ÉMI"}, 0, 1, []uint64{1}},
			{"text in an address", roster.Query{Text: "10.0.0.7:"}, 1, 0, []uint64{3}},
			{"text in a listener", roster.Query{Text: "Test://"}, 3, 2, []uint64{2, 3, 5, 1, 4}},
			{"text in a reason", roster.Query{Text: "ent_cl"}, 0, 2, []uint64{1, 4}},
			{"text nowhere", roster.Query{Text: "nobody"}, 0, 0, nil},
		} {
			q := test.q
			if q.State == "" {
				q.State = roster.All
			}
			if q.Limit == 0 {
				q.Limit = 100
			}
			got := s.srv.Roster().Select(q)
			if got.Matched != (roster.Matched{Open: test.open, Closed: test.closed}) || !slices.Equal(ids(got.Clients), test.want) {
				t.Errorf("%s: got %v, %+v; want %v, %d and %d", test.name, ids(got.Clients), got.Matched, test.want, test.open, test.closed)
			}
		}
	})
}

// An ID is found as a whole.
func TestRoster_findsID(t *testing.T) {
	t.Parallel()
	s := serve(t, overTCP, echo(""))
	other := server.New(server.Config{})
	other.Populate(s.listener, 30)
	got := ids(other.Roster().Select(roster.Query{State: roster.Open, Text: "3", Limit: 100}).Clients)
	if want := []uint64{3, 4, 7, 14, 21, 24, 28}; !slices.Equal(got, want) { // The addresses of the others have a 3.
		t.Errorf("got %v, want %v", got, want)
	}
}

// Each look has what has happened since the one before, and no more records than were asked for.
func TestRoster_news(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serve(t, overPipe, echo(""), keeping(3))
		var mark roster.Mark
		look := func(most int) roster.News {
			time.Sleep(time.Second)
			synctest.Wait()
			var news roster.News
			news, mark = s.srv.Roster().News(mark, most)
			return news
		}
		want := func(news roster.News, joined, left, changed []uint64, more roster.More) {
			t.Helper()
			if !slices.Equal(ids(news.Joined), joined) || !slices.Equal(ids(news.Left), left) || !slices.Equal(ids(news.Changed), changed) || news.More != more {
				t.Errorf("got %v %v %v %+v, want %v %v %v %+v", ids(news.Joined), ids(news.Left), ids(news.Changed), news.More, joined, left, changed, more)
			}
		}
		nobody := look(10)
		want(nobody, nil, nil, nil, roster.More{})
		a, b := s.dial(), s.dial()
		want(look(10), []uint64{1, 2}, nil, nil, roster.More{})
		quiet := look(10)
		want(quiet, nil, nil, nil, roster.More{})
		if quiet.Stamp == nobody.Stamp || look(10).Stamp != quiet.Stamp {
			t.Errorf("stamps: %+v, %+v", nobody.Stamp, quiet.Stamp)
		}
		a.send(text("x"))
		a.want("x")
		time.Sleep(time.Millisecond)
		b.send(text("x"))
		b.want("x")
		want(look(10), nil, nil, []uint64{2, 1}, roster.More{})

		b.closeWrite()
		b.wantEnd()
		c := s.dial() // Comes and goes between two looks.
		c.closeWrite()
		c.wantEnd()
		s.dial()
		want(look(10), []uint64{4}, []uint64{2, 3}, nil, roster.More{})

		for range 5 {
			c := s.dial()
			c.closeWrite()
			c.wantEnd()
		}
		for range 4 {
			c := s.dial()
			c.send(text("x"))
			c.want("x")
		}
		a.send(text("x"))
		a.want("x")
		want(look(2), []uint64{12, 13}, []uint64{8, 9}, []uint64{1}, roster.More{Joined: 2, Left: 3})
		want(look(0), nil, nil, nil, roster.More{})
	})
}
