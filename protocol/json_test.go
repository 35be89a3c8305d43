package protocol_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/protocol"
)

// malformed is the line of a transcript for an error that gives reason.
func malformed(reason string) string { return "error: malformed message: " + reason }

func TestJSONDecoder(t *testing.T) {
	t.Parallel()
	testConversations(t, protocol.JSON{}, []conversation{
		{name: "nothing", pieces: nil, want: nil},
		{name: "empty piece", pieces: []string{"", ""}, want: nil},
		{name: "white space", pieces: []string{" \t\r\n", "\n", " "}, want: nil},

		// What ends a value.
		{name: "object", pieces: []string{`{"a":1}`}, want: []string{`{"a":1}`}},
		{name: "object and newline", pieces: []string{"{\"a\":1}\n"}, want: []string{`{"a":1}`}},
		{name: "array", pieces: []string{`[1, 2]`}, want: []string{`[1, 2]`}},
		{name: "objects without anything between", pieces: []string{`{}[]{"a":[]}`}, want: []string{`{}`, `[]`, `{"a":[]}`}},
		{name: "objects with anything between", pieces: []string{" {}\r\n\t[]\n\n{}"}, want: []string{`{}`, `[]`, `{}`}},
		{name: "object in lines", pieces: []string{"{\n \"a\": 1\r\n}\n"}, want: []string{"{\n \"a\": 1\r\n}"}},
		{name: "brackets in strings", pieces: []string{`{"}":"]","\"}":"\\"}[]`}, want: []string{`{"}":"]","\"}":"\\"}`, `[]`}},
		{name: "object in pieces", pieces: []string{`{"a`, `\`, `"":`, `1}[`, `]`}, want: []string{`{"a\"":1}`, `[]`}},
		{name: "number", pieces: []string{"17\n-4.5e3\n"}, want: []string{"17", "-4.5e3"}},
		{name: "string", pieces: []string{"\"hi there\"\n\"\"\n"}, want: []string{`"hi there"`, `""`}},
		{name: "literals", pieces: []string{"true\nfalse\r\nnull\n"}, want: []string{"true", "false", "null"}},
		{name: "white space around a number", pieces: []string{" 17 \t\r\n"}, want: []string{"17"}},
		{name: "number in pieces", pieces: []string{"1", "7", "\n1\n"}, want: []string{"17", "1"}},
		{name: "newline a piece", pieces: []string{`"hi"`, "\n"}, want: []string{`"hi"`}},
		{name: "string and object", pieces: []string{"\"a\"\n{}\"b\"\n"}, want: []string{`"a"`, `{}`, `"b"`}},

		// The end, and silence.
		{name: "unfinished number", pieces: []string{"1"}, want: []string{"end: 1"}},
		{name: "unfinished number behind lines", pieces: []string{"{}\n1 "}, want: []string{"{}", "end: 1"}},
		{name: "unfinished object", pieces: []string{`{"a":1`}, want: []string{unfinished}},
		{name: "unfinished object behind another", pieces: []string{`{}{`}, want: []string{"{}", unfinished}},
		{name: "unfinished string", pieces: []string{`"hi`}, want: []string{unfinished}},
		{name: "unfinished string in an object", pieces: []string{`["hi]`}, want: []string{unfinished}},
		{name: "unfinished literal", pieces: []string{`tru`}, want: []string{malformed("invalid character ' ' in literal true (expecting 'e')")}},
		{name: "quiet", pieces: []string{"17", quiet, "18", quiet}, want: []string{"quiet: 17", "quiet: 18"}},
		{name: "quiet string", pieces: []string{`"hi"`, quiet}, want: []string{`quiet: "hi"`}},
		{name: "quiet in a string", pieces: []string{`"hi`, quiet, ` there"`, quiet}, want: []string{`quiet: "hi there"`}},
		{name: "quiet behind an escaped quote", pieces: []string{`"hi\"`, quiet, `"`, quiet}, want: []string{`quiet: "hi\""`}},
		{name: "quiet in an object", pieces: []string{`{"a"`, quiet, `:1}`}, want: []string{`{"a":1}`}},
		{name: "quiet behind an object", pieces: []string{`{}`, quiet, `1`, quiet}, want: []string{`{}`, "quiet: 1"}},
		{name: "quiet behind a newline", pieces: []string{"{}\n1", quiet, "7\n"}, want: []string{`{}`, "17"}},
		{name: "quiet behind a newline in an object", pieces: []string{"{\n}1", quiet, "7\n"}, want: []string{"{\n}", "17"}},
		{name: "quiet behind a newline alone", pieces: []string{"\n1", quiet, "7\n"}, want: []string{"17"}},
		{name: "quiet and malformed", pieces: []string{"hi", quiet}, want: []string{malformed("invalid character 'h' looking for beginning of value")}},
		{name: "late newline", pieces: []string{"1", quiet, "\r\n", "2\n"}, want: []string{"quiet: 1", "2"}},

		// Limits (B8).
		{name: "below the limit", limit: 7, pieces: []string{`[1, 2]`}, want: []string{`[1, 2]`}},
		{name: "at the limit", limit: 6, pieces: []string{`[1, 2]`}, want: []string{`[1, 2]`}},
		{name: "above the limit", limit: 5, pieces: []string{`[1, 2]`}, want: []string{tooLong}},
		{name: "above the limit, in pieces", limit: 5, pieces: []string{`[1,`, ` 2]`}, want: []string{tooLong}},
		{name: "number at the limit", limit: 4, pieces: []string{"1234\n"}, want: []string{"1234"}},
		{name: "number at the limit, CR LF", limit: 4, pieces: []string{"1234\r\n"}, want: []string{"1234"}},
		{name: "number above the limit", limit: 4, pieces: []string{"12345\n"}, want: []string{tooLong}},
		{name: "unfinished number at the limit", limit: 4, pieces: []string{"1234\r"}, want: []string{"end: 1234"}},
		{name: "unfinished number above the limit", limit: 4, pieces: []string{"12345"}, want: []string{tooLong}},
		{name: "unfinished object above the limit", limit: 4, pieces: []string{"[[[[["}, want: []string{tooLong}},
		{name: "white space does not count", limit: 2, pieces: []string{"         {}      \n\n\n\n  []"}, want: []string{"{}", "[]"}},
		{name: "each value by itself", limit: 2, pieces: []string{"{}[]{", "}12\n"}, want: []string{"{}", "[]", "{}", "12"}},
		{name: "messages before the error", limit: 2, pieces: []string{"{}[]{ }"}, want: []string{"{}", "[]", tooLong}},

		// What is no JSON.
		{name: "text", pieces: []string{"hello\n"}, want: []string{malformed("invalid character 'h' looking for beginning of value")}},
		{name: "not ASCII", pieces: []string{"\xe9\n"}, want: []string{malformed("invalid character '__' looking for beginning of value")}},
		{name: "brackets", pieces: []string{"[1}"}, want: []string{malformed("invalid character '}' after array element")}},
		{name: "closing bracket", pieces: []string{"]\n"}, want: []string{malformed("invalid character ']' looking for beginning of value")}},
		{name: "comma", pieces: []string{`{"a":1,}`}, want: []string{malformed("invalid character '}' looking for beginning of object key string")}},
		{name: "single quotes", pieces: []string{`{'a':1}`}, want: []string{malformed(`invalid character '\'' looking for beginning of object key string`)}},
		{name: "missing quote", pieces: []string{"{\"a:1}\n{\"a\":1}\n"}, want: []string{malformed("a control character within a string")}},
		{name: "missing quote of a string", pieces: []string{"\"a\n"}, want: []string{malformed("a control character within a string")}},
		{name: "two values in a line", pieces: []string{"1 2\n"}, want: []string{malformed("invalid character '2' after top-level value")}},
		{name: "byte order mark", pieces: []string{"\ufeff{}\n"}, want: []string{malformed("invalid character '__' looking for beginning of value")}},
		{name: "HTTP", pieces: []string{"GET / HTTP/1.1\r\n"}, want: []string{malformed("invalid character 'G' looking for beginning of value")}},
		{name: "messages before what is none", pieces: []string{"{}\n1\nx\n{}"}, want: []string{"{}", "1", malformed("invalid character 'x' looking for beginning of value")}},

		// Hostile, but JSON (B9).
		{name: "duplicate keys", pieces: []string{`{"a":1,"a":2}`}, want: []string{`{"a":1,"a":2}`}},
		{name: "large exponent", pieces: []string{"1e999999\n"}, want: []string{"1e999999"}},
		{name: "half a surrogate pair", pieces: []string{`["\ud800","\udc00\ud800"]`}, want: []string{`["\ud800","\udc00\ud800"]`}},
		{name: "NUL", pieces: []string{`["\u0000"]`}, want: []string{`["\u0000"]`}},
		{name: "not UTF-8", pieces: []string{"[\"\xff\"]"}, want: []string{"[\"\xff\"]"}},
		{name: "trailing junk", pieces: []string{`{"a":1}x` + "\n"}, want: []string{`{"a":1}`, malformed("invalid character 'x' looking for beginning of value")}},
		{name: "trailing bracket", pieces: []string{`{"a":1}}` + "\n"}, want: []string{`{"a":1}`, malformed("invalid character '}' looking for beginning of value")}},
		{
			name:   "deepest",
			pieces: []string{strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)},
			want:   []string{strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)},
		},
		{name: "deeper", pieces: []string{strings.Repeat("[", 10_001)}, want: []string{malformed("nested deeper than 10000")}},
		{name: "deeper, objects", pieces: []string{strings.Repeat(`{"a":`, 10_001)}, want: []string{malformed("nested deeper than 10000")}},
	})
}

func TestJSONDecoder_anyCut(t *testing.T) {
	t.Parallel()
	for _, input := range []string{
		"{\"a\": [1, {}], \"b\\\"}\": \"]\\\\\"}[]\n{}",
		" 17 \r\n\"hi \\\" there\"\r\n\t[1]\ntrue\nfalse",
		"\n\n1\n{\n}\n2",
		"1\n\"abc",
		"[1,\"a",
		"{}\nnull\n{\"a\":tru}\n{}",
		"[\"a\nb\"]",
		"12345\r\n1234\r\n[1,2]\r\n123456\n",
		"1234\r5\n",
		"[12]\r\r\r[123]",
		"1 2\n",
		"\xff\xfe\n",
	} {
		for _, limit := range []int{0, 2, 3, 4, 5, 6, 7, 8} {
			testAnyCut(t, protocol.JSON{}, limit, input)
		}
	}
}

func TestJSONDecoder_pending(t *testing.T) {
	t.Parallel()
	tests := []struct {
		input string
		want  protocol.Pending
	}{
		{"", protocol.Nothing},
		{" \r\n", protocol.Nothing},
		{"1", protocol.Quiet},
		{"1 ", protocol.Quiet},
		{`"a"`, protocol.Quiet},
		{`"a`, protocol.Unfinished},
		{"{", protocol.Unfinished},
		{"{}", protocol.Nothing},
		{"{}1", protocol.Quiet},
		{"\n1", protocol.Unfinished},
		{"1\n", protocol.Nothing},
		{"1\n1", protocol.Unfinished},
		{"{}\n", protocol.Nothing},
	}
	for _, tt := range tests {
		d := protocol.JSON{}.NewDecoder(0)
		d.Feed([]byte(tt.input))
		for ok := true; ok; {
			_, ok, _ = d.Next()
		}
		if got := d.Pending(); got != tt.want {
			t.Errorf("%q: Pending = %v, want %v", tt.input, got, tt.want)
		}
	}
}

func TestJSON_append(t *testing.T) {
	t.Parallel()
	var w protocol.Wire = protocol.JSON{}
	number := func(s string) protocol.Field { return protocol.Field{Key: "n", Value: s, Number: true} }
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{
			"greeting", w.AppendGreeting([]byte("> "), protocol.Greeting{
				ClientID: 17, You: "203.0.113.9:51544", Me: "10.2.1.4:12000", Name: "pod-x", Handler: "echo",
			}), `> {"clientid":17,"you":"203.0.113.9:51544","me":"10.2.1.4:12000","name":"pod-x","handler":"echo"}`,
		},
		{"greeting of little", w.AppendGreeting(nil, protocol.Greeting{ClientID: math.MaxUint64}), `{"clientid":18446744073709551615}`},
		{"odd greeting", w.AppendGreeting(nil, protocol.Greeting{Me: "/run/a b", Name: "\"\\\n\xffé"}), `{"clientid":0,"me":"/run/a_b","name":"\"\\____"}`},
		{"error", w.AppendError([]byte("> "), protocol.Error{Reason: "idle_timeout"}), `> {"error":"idle_timeout"}`},
		{"error with a limit", w.AppendError(nil, protocol.Error{Reason: "line_too_long", Limit: 8192}), `{"error":"line_too_long","limit":8192}`},
		{
			"error with a detail", w.AppendError(nil, protocol.Error{Reason: "a b", Detail: "invalid character '\"'\né"}),
			`{"error":"a_b","detail":"invalid character '\"'___"}`,
		},
		{"text", w.AppendText([]byte("> "), "hi"), `> "hi"`},
		{"empty text", w.AppendText(nil, ""), `""`},
		{"odd text", w.AppendText(nil, "\"\\/<>&\n\r\t\x00\x1b\x7f\u0085\u2028é☃😀\xff\xed\xa0\x80"), `"\"\\/<>&\n\r\t\u0000\u001b\u007f\u0085\u2028é☃😀` + strings.Repeat("\ufffd", 4) + `"`},
		{"echo", w.AppendEcho([]byte("> "), "ECHO: ", []byte(`"hi\n\ud800"`)), `> "ECHO: hi\n\ud800"`},
		{"echo of an object", w.AppendEcho(nil, "ECHO: ", []byte("{\"a b\" :\n1}")), `"ECHO: {\"a b\":1}"`},
		{"echo of a number", w.AppendEcho(nil, "\"", []byte("1e9")), `"\"1e9"`},
		{"echo of what is no UTF-8", w.AppendEcho(nil, "ECHO: ", []byte("\"a\xffb\"")), "\"ECHO: a\ufffdb\""},
		{"verbatim echo", w.AppendEcho(nil, "", []byte("{\"a\": \xff1}")), "{\"a\": \xff1}"},
		{
			"record", w.AppendRecord([]byte("> "), "ACK", []protocol.Field{
				{Key: "clientid", Value: "17", Number: true}, {Key: "name", Value: "Ann \"Other\""}, {Key: "1\n"},
			}), `> {"ack":true,"clientid":17,"name":"Ann \"Other\"","1\n":""}`,
		},
		{"record without fields", w.AppendRecord(nil, "É\n", nil), `{"É\n":true}`},
		{"numbers", w.AppendRecord(nil, "A", []protocol.Field{number("0"), number("-4.5e+3")}), `{"a":true,"n":0,"n":-4.5e+3}`},
		{"no numbers", w.AppendRecord(nil, "A", []protocol.Field{number("07"), number(""), number("nan"), number(" 1")}), `{"a":true,"n":"07","n":"","n":"nan","n":" 1"}`},
	}
	for _, tt := range tests {
		if string(tt.got) != tt.want+"\n" {
			t.Errorf("%s: got %s, want %s", tt.name, tt.got, tt.want)
		}
		if got := []byte(strings.TrimPrefix(string(tt.got), "> ")); !json.Valid(got) && tt.name != "verbatim echo" {
			t.Errorf("%s: no JSON: %s", tt.name, got)
		}
	}
	if w.Verbatim() {
		t.Error("Verbatim, but a newline is added")
	}
}

func TestJSON_Text(t *testing.T) {
	t.Parallel()
	tests := []struct{ msg, want string }{
		{`"hi"`, "hi"},
		{`"\"\u00e9\ud83d\ude00\n"`, "\"é😀\n"},
		{`"\ud800"`, "\ufffd"},
		{`17`, "17"},
		{`1e999999`, "1e999999"},
		{`null`, "null"},
		{"{ \"a b\" : [ 1,\n\t2 ],\r\n\"\\\"} \":\" \" }", `{"a b":[1,2],"\"} ":" "}`},
		{"", ""},
		{`"`, `"`},
	}
	for _, tt := range tests {
		if got := (protocol.JSON{}).Text([]byte(tt.msg)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.msg, got, tt.want)
		}
	}
}

func TestJSON_Fields(t *testing.T) {
	t.Parallel()
	tests := []struct {
		msg  string
		want []protocol.Field
	}{
		{`{"name": "Ann", "email":"a@example.org"}`, []protocol.Field{{Key: "name", Value: "Ann"}, {Key: "email", Value: "a@example.org"}}},
		{
			`{"i":17,"f":-4.50,"e":1e999,"s":"17"}`,
			[]protocol.Field{{Key: "i", Value: "17", Number: true}, {Key: "f", Value: "-4.50", Number: true}, {Key: "e", Value: "1e999", Number: true}, {Key: "s", Value: "17"}},
		},
		{
			`{"t":true,"n":null,"l":[1, "2"],"o":{"a" : {}}}`,
			[]protocol.Field{{Key: "t", Value: "true"}, {Key: "n", Value: "null"}, {Key: "l", Value: `[1,"2"]`}, {Key: "o", Value: `{"a":{}}`}},
		},
		{`{"":"","\u00e9\n":"\n"}`, []protocol.Field{{}, {Key: "é\n", Value: "\n"}}},
		{`{"a":1,"a":"2","A":3}`, []protocol.Field{{Key: "a", Value: "1", Number: true}, {Key: "a", Value: "2"}, {Key: "A", Value: "3", Number: true}}},
		{`{}`, nil},
		{`[]`, nil},
		{`["a",1]`, nil},
		{`"a=b"`, nil},
		{`17`, nil},
		{``, nil},
		{`{`, nil},
		{`{"a":1}{`, nil},
	}
	for _, tt := range tests {
		got, ok := protocol.JSON{}.Fields([]byte(tt.msg))
		if diff := cmp.Diff(tt.want, got); diff != "" || ok != (tt.want != nil) {
			t.Errorf("%s: %v (-want +got):\n%s", tt.msg, ok, diff)
		}
	}
}

func TestJSON_ParseGreeting(t *testing.T) {
	t.Parallel()
	tests := []struct {
		msg  string
		want protocol.Greeting
		err  string
	}{
		{msg: `{"clientid":17,"name":"pod x","since":{"a":1}}`, want: protocol.Greeting{ClientID: 17, Name: "pod x"}},
		{msg: `{"you":"a","clientid":18446744073709551615}`, want: protocol.Greeting{ClientID: math.MaxUint64, You: "a"}},
		{msg: ``, err: "no greeting: it has no keys"},
		{msg: `[]`, err: "no greeting: it has no keys"},
		{msg: `"HELLO clientid=17"`, err: "no greeting: it has no keys"},
		{msg: `{}`, err: "no greeting: it has no keys"},
		{msg: `{"name":"x"}`, err: "no greeting: it names no clientid"},
		{msg: `{"CLIENTID":17}`, err: "no greeting: it names no clientid"},
		{msg: `{"clientid":"17"}`, err: `no greeting: clientid="17" is no number`},
		{msg: `{"clientid":-1}`, err: `no greeting: clientid="-1" is no number`},
		{msg: `{"clientid":17.0}`, err: `no greeting: clientid="17.0" is no number`},
		{msg: `{"clientid":null}`, err: `no greeting: clientid="null" is no number`},
		{msg: `{"clientid":18446744073709551616}`, err: `no greeting: clientid="18446744073709551616" is no number`},
		{msg: `{"clientid":1,"name":"\u001b[31m"}`, err: "no greeting: its name is not printable ASCII"},
	}
	for _, tt := range tests {
		got, err := protocol.JSON{}.ParseGreeting([]byte(tt.msg))
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || err.Error() != tt.err) || err == nil && got != tt.want {
			t.Errorf("%s: got %+v, %v; want %+v, %s", tt.msg, got, err, tt.want, tt.err)
		}
	}
}

func TestJSON_ParseError(t *testing.T) {
	t.Parallel()
	tests := []struct {
		msg  string
		want protocol.Error
		ok   bool
	}{
		{`{"error":"idle_timeout"}`, protocol.Error{Reason: "idle_timeout"}, true},
		{`{"error":"line_too_long","limit":8192,"more":[]}`, protocol.Error{Reason: "line_too_long", Limit: 8192}, true},
		{`{"error":"x","limit":"8192","detail":"in words"}`, protocol.Error{Reason: "x", Detail: "in words"}, true},
		{`{"error":"x","limit":1e3}`, protocol.Error{Reason: "x"}, true},
		{`{"error":""}`, protocol.Error{}, false},
		{`{"error":"a b"}`, protocol.Error{}, false},
		{`{"error":"a\n"}`, protocol.Error{}, false},
		{`{"error":"a","detail":"\u001b"}`, protocol.Error{}, false},
		{`{"Error":"a"}`, protocol.Error{}, false},
		{`{}`, protocol.Error{}, false},
		{`"ERR x"`, protocol.Error{}, false},
		{``, protocol.Error{}, false},
	}
	for _, tt := range tests {
		if got, ok := (protocol.JSON{}).ParseError([]byte(tt.msg)); got != tt.want || ok != tt.ok {
			t.Errorf("%s: got %+v, %v; want %+v, %v", tt.msg, got, ok, tt.want, tt.ok)
		}
	}
}
