package protocol_test

import (
	"slices"
	"strings"
	"testing"

	"parley/protocol"
)

// FuzzJSONDecoder cuts input into pieces of the lengths in cuts. See fuzzValues for what must hold.
func FuzzJSONDecoder(f *testing.F) {
	for _, input := range []string{
		"{\"a\": [1, {}], \"b\\\"}\": \"]\\\\\"}[]\n{}", " 17 \r\n\"hi \\\" there\"\r\n\t[1]\ntrue\nfalse", "\n1\n{\n}\n2", "[1,\"a", "\"a\xff\xed\xa0\x80b\"",
		`["\ud800","\ud83d\ude00",1e999999,-0.0E-1,null]`, `{"a":1,"a":"2","n":-4.50,"o":{ "a" : {}}}`, "1 2\n", "[\"a\nb\"]", "{]", "12345\r\n1234\r\n",
		`{"clientid":17,"you":"203.0.113.9:51544"}`, `{"error":"line_too_long","limit":8192,"detail":"x"}`,
	} {
		f.Add([]byte(input), []byte("\x01\x01\x01\x01\x01\x01\x01\x01"), uint16(0))
		f.Add([]byte(input), []byte("\x03\x00\x02\x05\xff"), uint16(4))
	}
	f.Fuzz(func(t *testing.T, input, cuts []byte, limit uint16) {
		for _, msg := range fuzzValues(t, protocol.JSON{}, input, cuts, int(limit)) {
			if text := (protocol.JSON{}).Text([]byte(msg)); len(text) > 3*len(msg) {
				t.Fatalf("%q says %q", msg, text)
			}
		}
	})
}

// FuzzPickleDecoder is for pickles what FuzzJSONDecoder is for JSON. Besides, silence ends no pickle.
func FuzzPickleDecoder(f *testing.F) {
	for _, input := range []string{
		pickledAnn0, pickledAnn1, pickledAnn2, pickledAnn4, python2Ann, bytes0, bytes2, emptyBytes0, emptyBytes2, sharedList, callSystem, selfInList, selfInTuple,
		selfInDict, selfByDup, laughs(3), laughs(9), "K\x01.M\x01\x02.", "I01\n.L5L\n.F1.5\n.\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00.",
		"X\x00\x00\x00\x80", "\x8e\x00\x00\x00\x00\x00\x00\x00\x80", "\x95\x01\x00\x00\x00\x00\x00\x00\x00N.", "V\\u0041\\\\u0041\xe9\n.", `S"\"\'\\\18\377\x41\q"` + "\n.",
		"}(L9223372036854775808L\nK\x01F9223372036854775808.0\nK\x02F1.5\nNFnan\nK\x03u.", "(N(N1((00l2\x86.", "X\x03\x00\x00\x00\xed\xa0\x80.", "}K\x01\x85K\x02s.",
		"G\x7f\xf8\x00\x00\x00\x00\x00\x00.", "(K\x01K\x02d.", "U\x02\xc3\xa9.T\x01\x00\x00\x00\xe9.",
	} {
		f.Add([]byte(input), []byte("\x01\x01\x01\x01\x01\x01\x01\x01"), uint16(0))
		f.Add([]byte(input), []byte("\x03\x00\x02\x05\xff"), uint16(20))
	}
	f.Fuzz(func(t *testing.T, input, cuts []byte, limit uint16) {
		var w protocol.Pickle
		for _, msg := range fuzzValues(t, w, input, cuts, int(limit)) {
			if text := w.Text([]byte(msg)); len(text) > mostText(msg) {
				t.Fatalf("%q says %d bytes", msg, len(text))
			}
		}
		var withSilence []string
		for _, p := range cut(string(input), cuts) {
			withSilence = append(withSilence, p, quiet)
		}
		whole := events(t, w.NewDecoder(int(limit)), string(input))
		if divided := events(t, w.NewDecoder(int(limit)), withSilence...); !slices.Equal(whole, divided) {
			t.Fatalf("%q: %q, with silence %q", input, whole, divided)
		}
	})
}

// fuzzValues decodes input, and returns the messages. Cutting the input changes neither these nor the error. Each is no longer than
// the limit, is read again as what it is, and is written as an echo, and its text and its fields as messages, that say the
// same.
func fuzzValues(t *testing.T, w protocol.Wire, input, cuts []byte, limit int) []string {
	t.Helper()
	pieces := cut(string(input), cuts)
	whole := events(t, w.NewDecoder(limit), string(input))
	if inPieces := events(t, w.NewDecoder(limit), pieces...); !slices.Equal(whole, inPieces) {
		t.Fatalf("%q\nas %q\nwhole: %q\ncut:   %q", input, pieces, whole, inPieces)
	}
	// No message is needed for these not to panic.
	_, _ = w.Text(input), w.AppendEcho(nil, "> ", input)
	_, _ = w.Fields(input)
	_, _ = w.ParseGreeting(input)
	_, _ = w.ParseError(input)

	// one reads what was written back.
	one := func(sent []byte) []byte {
		got := events(t, w.NewDecoder(0), string(sent))
		if len(got) != 1 || got[0].how != "" {
			t.Fatalf("written %q, read %q", sent, got)
		}
		return []byte(got[0].text)
	}
	var msgs []string
	for _, e := range whole {
		if e.how == "error" {
			continue
		}
		msg := e.text
		msgs = append(msgs, msg)
		if limit > 0 && len(msg) > limit {
			t.Fatalf("%d bytes, limit %d: %q", len(msg), limit, msg)
		}
		if again := one(w.AppendEcho(nil, "", []byte(msg))); string(again) != msg {
			t.Fatalf("%q is read again as %q", msg, again)
		}
		text := w.Text([]byte(msg))
		if got := w.Text(one(w.AppendEcho(nil, "> ", []byte(msg)))); got != "> "+text && strings.ToValidUTF8(text, "") == text {
			t.Fatalf("%q says %q, its echo %q", msg, text, got)
		}
		if got := w.Text(one(w.AppendText(nil, text))); got != text && strings.ToValidUTF8(text, "") == text {
			t.Fatalf("%q says %q, written and read %q", msg, text, got)
		}
		fields, ok := w.Fields([]byte(msg))
		if ok != (len(fields) > 0) {
			t.Fatalf("%q: Fields = %v, %v", msg, fields, ok)
		}
		got, _ := w.Fields(one(w.AppendRecord(nil, "ACK", fields)))
		if !slices.ContainsFunc(got, func(f protocol.Field) bool { return f.Key == "ack" }) {
			t.Fatalf("%q: a record of its fields has %v", msg, got)
		}
	}
	return msgs
}

// FuzzValueGreeting: what is taken for a greeting or an error is written again as one that says the same, and each that can be
// written is one message that is read again.
func FuzzValueGreeting(f *testing.F) {
	f.Add([]byte(`{"clientid":17,"you":"203.0.113.9:51544","me":"10.2.1.4:12000","name":"pod-x","handler":"echo"}`), uint64(17), int64(8192), "pod-x", "it is too long")
	f.Add([]byte("\x80\x02}(X\x08\x00\x00\x00clientidK\x11X\x04\x00\x00\x00nameX\x05\x00\x00\x00pod_xu."), uint64(1<<64-1), int64(-1), "a\nb", "é\x7f\xff")
	f.Add([]byte(`{"error":"line_too_long","limit":8192,"detail":"a b\u00e9"}`), uint64(0), int64(0), "", "")
	f.Add([]byte("}(Verror\nVx\nVlimit\nL-9223372036854775808L\nVdetail\nVa b\nu."), uint64(1<<31), int64(-1<<63), "\"\\", " ")
	f.Fuzz(func(t *testing.T, msg []byte, id uint64, limit int64, word, detail string) {
		for _, w := range []protocol.Wire{protocol.JSON{}, protocol.Pickle{}} {
			one := func(sent []byte) []byte {
				got := events(t, w.NewDecoder(0), string(sent))
				if len(got) != 1 || got[0].how != "" {
					t.Fatalf("written %q, read %q", sent, got)
				}
				return []byte(got[0].text)
			}
			greet := func(g protocol.Greeting) {
				sent := w.AppendGreeting(nil, g)
				want := protocol.Greeting{
					ClientID: g.ClientID, You: clean(g.You), Me: clean(g.Me), Name: clean(g.Name), Handler: clean(g.Handler),
					Via: clean(g.Via), TLS: clean(g.TLS), SNI: clean(g.SNI), ALPN: clean(g.ALPN), ClientCN: clean(g.ClientCN), Fault: clean(g.Fault),
				}
				if got, err := w.ParseGreeting(one(sent)); got != want || err != nil {
					t.Fatalf("wrote %q, read %+v, %v; want %+v", sent, got, err, want)
				}
			}
			tell := func(e protocol.Error) {
				sent := w.AppendError(nil, e)
				want := protocol.Error{Reason: clean(e.Reason), Limit: e.Limit, Detail: cleanText(e.Detail)}
				if got, ok := w.ParseError(one(sent)); got != want || !ok {
					t.Fatalf("wrote %q, read %+v, %v; want %+v", sent, got, ok, want)
				}
			}
			if g, err := w.ParseGreeting(msg); err == nil {
				greet(g)
			}
			if e, ok := w.ParseError(msg); ok {
				tell(e)
			}
			greet(protocol.Greeting{ClientID: id, You: word, Me: detail, Name: detail, Handler: word})
			greet(protocol.Greeting{ClientID: id, Via: detail, TLS: word, SNI: detail, ALPN: word, ClientCN: detail, Fault: word})
			if word != "" {
				tell(protocol.Error{Reason: word, Limit: limit, Detail: detail})
			}
		}
	})
}

// clean makes a word of printable ASCII, as greetings and errors have them.
func clean(s string) string { return strings.ReplaceAll(cleanText(s), " ", "_") }

// cleanText makes printable ASCII.
func cleanText(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] < ' ' || b[i] > '~' {
			b[i] = '_'
		}
	}
	return string(b)
}
