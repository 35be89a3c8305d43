package handler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/handler/handlertest"
	"parley/protocol"
)

// ack is what register answers.
func ack(w protocol.Wire, clientID, number, size int) string {
	return string(w.AppendRecord(nil, "ACK", []protocol.Field{
		{Key: "clientid", Value: fmt.Sprint(clientID), Number: true},
		{Key: "message", Value: fmt.Sprint(number), Number: true},
		{Key: "bytes", Value: fmt.Sprint(size), Number: true},
	}))
}

// What the labs' clients see, byte for byte.
func TestRegister_acknowledgement(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		wire       protocol.Wire
		send, want string
	}{
		"text": {protocol.Text{}, "name=Ann email=ann@example.org\n", "ACK clientid=1 message=1 bytes=30\n"},
		"json": {
			protocol.JSON{},
			`{"name":"Ann","email":"ann@example.org"}`,
			`{"ack":true,"clientid":1,"message":1,"bytes":40}` + "\n",
		},
		// pickle.dumps({'name': 'Ann'}, protocol=2), and the answer's dict in protocol 2.
		"pickle": {
			protocol.Pickle{},
			"\x80\x02}q\x00X\x04\x00\x00\x00nameq\x01X\x03\x00\x00\x00Annq\x02s.",
			"\x80\x02}(X\x03\x00\x00\x00ack\x88X\x08\x00\x00\x00clientidK\x01X\x07\x00\x00\x00messageK\x01X\x05\x00\x00\x00bytesK\x1cu.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := handlertest.Dial(t, newHandler(t, "register", nil), handlertest.Wire(tt.wire))
			c.Send(tt.send)
			c.Expect(tt.want)
			c.CloseWrite()
			c.ExpectEnd()
		})
	}
}

// Messages are counted for each client, those that say nothing of it too, and their size is theirs on the wire without
// what ends them.
func TestRegister_numbers(t *testing.T) {
	onWires(t, "register", func(t *testing.T, w protocol.Wire) {
		s := handlertest.NewServer(t, newHandler(t, "register", nil), handlertest.Wire(w))
		a, b := s.Dial(), s.Dial()
		texts := []string{"hi", "", strings.Repeat("x", 4000), "name=Ann"}
		for i, text := range texts {
			msg := w.AppendText(nil, text)
			for id, c := range map[int]*handlertest.Client{1: a, 2: b} {
				c.Send(string(msg))
				c.Expect(ack(w, id, i+1, len(strings.TrimSuffix(string(msg), "\n"))))
			}
		}
		for _, c := range []*handlertest.Client{a, b} {
			c.CloseWrite()
			c.ExpectEnd()
		}
	})
}

// Several messages in one piece are acknowledged one by one.
func TestRegister_atOnce(t *testing.T) {
	onWires(t, "register", func(t *testing.T, w protocol.Wire) {
		c := handlertest.Dial(t, newHandler(t, "register", nil), handlertest.Wire(w))
		var all, want string
		for i := range 50 {
			msg := message(w, "hello")
			all += msg
			want += ack(w, 1, i+1, len(strings.TrimSuffix(msg, "\n")))
		}
		c.Send(all)
		c.Expect(want)
		c.CloseWrite()
		c.ExpectEnd()
	})
}

// Who a client says it is stands in the log when it says so, and when it has left.
func TestRegister_log(t *testing.T) {
	type who struct{ name, email string }
	for name, tt := range map[string]struct {
		messages [][]protocol.Field
		want     []who // as it is logged
	}{
		"both":          {[][]protocol.Field{{{Key: "name", Value: "Ann"}, {Key: "email", Value: "ann@example.org"}}}, []who{{"Ann", "ann@example.org"}}},
		"name alone":    {[][]protocol.Field{{{Key: "name", Value: "Ann"}}}, []who{{"Ann", ""}}},
		"email alone":   {[][]protocol.Field{{{Key: "email", Value: "a@b.c"}}}, []who{{"", "a@b.c"}}},
		"one by one":    {[][]protocol.Field{{{Key: "name", Value: "Ann"}}, {{Key: "email", Value: "a@b.c"}}}, []who{{"Ann", ""}, {"Ann", "a@b.c"}}},
		"among others":  {[][]protocol.Field{{{Key: "age", Value: "7", Number: true}, {Key: "name", Value: "Ann"}, {Key: "x", Value: "y"}}}, []who{{"Ann", ""}}},
		"neither":       {[][]protocol.Field{{{Key: "age", Value: "7", Number: true}}}, nil},
		"other letters": {[][]protocol.Field{{{Key: "Name", Value: "Ann"}, {Key: "EMAIL", Value: "a@b.c"}}}, nil},
		"empty":         {[][]protocol.Field{{{Key: "name", Value: ""}, {Key: "email", Value: ""}, {Key: "x", Value: "y"}}}, nil},
		"a number":      {[][]protocol.Field{{{Key: "name", Value: "7", Number: true}}}, []who{{"7", ""}}},
		"again":         {[][]protocol.Field{{{Key: "name", Value: "Ann"}}, {{Key: "name", Value: "Ann"}}, {{Key: "name", Value: "Bob"}}}, []who{{"Ann", ""}, {"Bob", ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			onWires(t, "register", func(t *testing.T, w protocol.Wire) {
				watch := newWatch(t)
				c := handlertest.Dial(t, newHandler(t, "register", nil), handlertest.Wire(w), handlertest.Log(watch.logger()))
				for i, fields := range tt.messages {
					msg := record(w, fields)
					c.Send(msg)
					c.Expect(ack(w, 1, i+1, len(strings.TrimSuffix(msg, "\n"))))
				}
				c.CloseWrite()
				c.ExpectEnd()
				watch.wantEnded("client_closed")

				var got []who
				for _, line := range watch.lines("client registered") {
					if line["clientid"] != uint64(1) || line["peer"] != "198.51.100.7:50001" {
						t.Errorf("a line of nobody: %v", line)
					}
					got = append(got, who{line["name"].(string), line["email"].(string)})
				}
				if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(who{})); diff != "" {
					t.Errorf("registered (-want +got):\n%s", diff)
				}
				last := watch.lines("connection closed")[0]
				if len(tt.want) == 0 {
					if last["name"] != nil || last["email"] != nil {
						t.Errorf("the last line has a name: %v", last)
					}
				} else if got := (who{last["name"].(string), last["email"].(string)}); got != tt.want[len(tt.want)-1] {
					t.Errorf("the last line has %v", got)
				}
			})
		})
	}
}

// record returns a message with fields, as a client sends it.
func record(w protocol.Wire, fields []protocol.Field) string {
	if w == (protocol.Text{}) {
		var words []string
		for _, f := range fields {
			words = append(words, f.Key+"="+f.Value)
		}
		return strings.Join(words, " ") + "\n"
	}
	return string(w.AppendRecord(nil, "REGISTER", fields))
}

// A name is a client's own text: what it has of terminal commands, it does not have in the log. How that is escaped is the
// log's business, as for any message.
func TestRegister_hostile(t *testing.T) {
	onWires(t, "register", func(t *testing.T, w protocol.Wire) {
		watch := newWatch(t)
		c := handlertest.Dial(t, newHandler(t, "register", nil), handlertest.Wire(w), handlertest.Log(watch.logger()))
		// Turned around, a C1 control character, a tag character, and more than anybody's name is.
		hostile := "\u202etxt.exe\u009b31m\U000e0041" + strings.Repeat("x", 1000)
		c.Send(record(w, []protocol.Field{{Key: "name", Value: hostile}}))
		c.CloseWrite()
		watch.wantEnded("client_closed")
		for _, line := range append(watch.lines("client registered"), watch.lines("connection closed")...) {
			name := line["name"].(string)
			if strings.ContainsAny(name, "\u202e\u009b\U000e0041") || len(name) > 300 || !strings.HasSuffix(name, "...") {
				t.Errorf("logged as %q", name)
			}
		}
	})
}

// What is no message of the wire ends the conversation as it does everywhere; register adds nothing to it.
func TestRegister_malformed(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]string{protocol.JSONName: "{\"name\":}\n", protocol.PickleName: "\x80\x02cos\nsystem\n."} {
		watch := newWatch(t)
		w := protocol.Wires[name]
		c := handlertest.Dial(t, newHandler(t, "register", nil), handlertest.Wire(w), handlertest.Log(watch.logger()))
		c.Send(message(w, "hi"))
		c.Expect(ack(w, 1, 1, len(strings.TrimSuffix(message(w, "hi"), "\n"))))
		c.Send(bad)
		c.CloseWrite()
		watch.wantEnded("bad_message")
	}
}
