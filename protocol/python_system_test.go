//go:build system

package protocol_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"parley/protocol"
)

// python runs a script with input as its standard input, and returns the lines that it prints.
func python(t *testing.T, script, input string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "python3", "-c", script)
	cmd.Stdin = strings.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v\n%s", err, stderr.Bytes())
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// unhex reads what bytes.hex wrote.
func unhex(t *testing.T, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// pyValues makes a list called values, of every type that a pickle may have.
const pyValues = `
shared, tuples, dicts = [1, 2], (1, 2), {'k': 1}
value = ['deep']
for i in range(98): value = [value]
values = [
    '', 'hi', "it's", '"', "both ' and \"", 'é', '\u200b\xad\x85\xa0\u2028', '☃😀', '\ud800', '\ude00\ud83d', '\U000e0001',
    'a\nb\tc\r\\\x00\x1a\x7f\\u0041', 'x' * 300, 'é' * 70000,
    0, 1, -1, 127, 128, 255, 256, -256, 65535, 65536, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**63 - 1, 2**63, -2**63, -2**63 - 1,
    2**64 - 1, 2**64, 10**50, -10**50, 2**1015, -2**1016, 2**2039 - 1, 1 - 2**2039, 2**2040, -2**2040, 10**4299,
    0.0, -0.0, 1.0, 1.5, -2.25, 1e15, 1e16, 123456789012345678.0, 1e-4, 1e-5, 1.5e-7, 1e22, 1e300, 5e-324, 0.1,
    float('inf'), float('-inf'), float('nan'),
    True, False, None,
    b'', b'x', b"it's", b"\x00\xff\"'\\\n", bytes(range(256)), b'x' * 300, b'\xff' * 70000,
    [], [1], [1, 'two', 3.0, None, True, b'5'], [[]], [[], [[]]], list(range(3000)), [shared, shared, (shared,)], value,
    (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((), ((),)), tuple(range(3000)),
    {}, {'a': 1}, {'b': 2, 'a': 1, 'c': {'d': [1, {'e': ()}], 'f': {}}}, {1: 2, (1, (2,)): 4}, {1: 2, None: 3, b'x': 5, 1.5: 6, 'é': 7, 10**30: 8},
    {False: 0, True: 1, b'y': ()}, [(1, 2), {'t': (3,)}], [tuples, tuples, {'a': tuples, 'b': [tuples]}], [dicts, dicts],
    {i: str(i) for i in range(3000)}, {'x': shared, 'y': shared}, [b'', b'x', b'y', b''], [{'name': 'Ann', 'id': i} for i in range(50)],
]
`

// pyOrdered sorts the keys of dicts by their repr, as og-rek does not keep their order.
const pyOrdered = `
def ordered(v):
    if isinstance(v, dict): return {k: ordered(v[k]) for k in sorted(v, key=repr)}
    return type(v)(map(ordered, v)) if isinstance(v, (list, tuple)) else v
`

// TestPickle_fromPython is B10: what Python pickles says here what Python itself shows, whatever the protocol and however the
// network cuts it.
func TestPickle_fromPython(t *testing.T) {
	t.Parallel()
	lines := python(t, pyValues+`
import pickle, pickletools, re
`+pyOrdered+`def refused(v, protocol): # what og-rek can't read, or reads wrong
    if type(v) is int: return protocol >= 2 and abs(v) >= 2**2039 # more than 255 bytes
    if type(v) is str: return protocol == 0 and re.search('[\ud800-\udfff]', v) # an escaped half of a pair
    if type(v) is dict: return (1, (2,)) in v or v.get('x') is shared
    return type(v) is list and v[:1] == [shared]
for v in values:
    text = v if isinstance(v, str) else repr(ordered(v))
    for protocol in range(6):
        if refused(v, protocol): continue
        for pickled in pickle.dumps(v, protocol), pickle._dumps(v, protocol), pickletools.optimize(pickle.dumps(v, protocol)):
            print(protocol, pickled.hex(), text.encode('utf-8', 'surrogatepass').hex())
`, "")
	if len(lines) < 6*3*80 {
		t.Fatalf("%d pickles", len(lines))
	}
	var w protocol.Pickle
	random := rand.New(rand.NewPCG(1, 2))
	for _, line := range lines {
		words := strings.Split(line, " ")
		pickled, want := unhex(t, words[1]), unhex(t, words[2])
		for range 3 {
			got := transcript(t, w.NewDecoder(len(pickled)), split(random, pickled)...)
			if len(got) != 1 || got[0] != pickled {
				t.Fatalf("protocol %s, %.200q in pieces: got %.300q, of %.200q", words[0], pickled, got, want)
			}
		}
		if got := w.Text([]byte(pickled)); got != want {
			t.Errorf("protocol %s: got %.200q, want %.200q", words[0], got, want)
		}
	}
}

// split cuts s into up to eight pieces.
func split(random *rand.Rand, s string) []string {
	var pieces []string
	for range random.IntN(8) {
		n := random.IntN(len(s) + 1)
		pieces = append(pieces, s[:n])
		s = s[n:]
	}
	return append(pieces, s)
}

// TestPickle_toPython: what is written loads in Python as what it should be.
func TestPickle_toPython(t *testing.T) {
	t.Parallel()
	var w protocol.Pickle
	str := func(s string) []byte { return w.AppendText(nil, s) }
	number := func(s string) []byte {
		return w.AppendRecord(nil, "ACK", []protocol.Field{{Key: "n", Value: s, Number: true}})
	}
	tests := []struct {
		sent []byte
		want string
	}{
		{
			w.AppendGreeting(nil, protocol.Greeting{ClientID: 17, You: "203.0.113.9:51544", Me: "10.2.1.4:12000", Name: "pod-x", Handler: "echo"}),
			`{'clientid': 17, 'you': '203.0.113.9:51544', 'me': '10.2.1.4:12000', 'name': 'pod-x', 'handler': 'echo'}`,
		},
		{w.AppendGreeting(nil, protocol.Greeting{ClientID: 1<<64 - 1, Me: "/run/my socket"}), `{'clientid': 18446744073709551615, 'me': '/run/my_socket'}`},
		{w.AppendError(nil, protocol.Error{Reason: "idle_timeout"}), `{'error': 'idle_timeout'}`},
		{w.AppendError(nil, protocol.Error{Reason: "line_too_long", Limit: 8192}), `{'error': 'line_too_long', 'limit': 8192}`},
		{w.AppendError(nil, protocol.Error{Reason: "x", Limit: -1, Detail: "it's no\npickle"}), `{'error': 'x', 'limit': -1, 'detail': "it's no_pickle"}`},
		{str(""), `''`},
		{str("ACK é☃😀"), `'ACK é☃😀'`},
		{str("a\xffb"), "'a\ufffdb'"},
		{str("a\xed\xa0\x80b"), `'a\ud800b'`},
		{str(strings.Repeat("x", 70000)), "'" + strings.Repeat("x", 70000) + "'"},
		{w.AppendEcho(nil, "ECHO: ", str("hi")), `'ECHO: hi'`},
		{w.AppendEcho(nil, "", str("hi")), `'hi'`},
		{w.AppendEcho(nil, "ECHO: ", w.AppendError(nil, protocol.Error{Reason: "x"})), `"ECHO: {'error': 'x'}"`},
		{
			w.AppendRecord(nil, "ACK", []protocol.Field{{Key: "clientid", Value: "17", Number: true}, {Key: "name", Value: "Ann"}}),
			`{'ack': True, 'clientid': 17, 'name': 'Ann'}`,
		},
	}
	for _, n := range []string{
		"0", "1", "255", "256", "65535", "65536", "2147483647", "2147483648", "4294967296", "9223372036854775808", "-1", "-128", "-2147483648",
		"-2147483649", "-9223372036854775808", "18446744073709551615", "1.5", "-0.25", "1e+300",
	} {
		tests = append(tests, struct {
			sent []byte
			want string
		}{number(n), "{'ack': True, 'n': " + n + "}"})
	}
	// More than 64 bits, and what is no number at all, stay text.
	for _, n := range []string{"18446744073709551616", "-9223372036854775809", "1e999", "nan", "07", "", "0x10"} {
		tests = append(tests, struct {
			sent []byte
			want string
		}{number(n), "{'ack': True, 'n': '" + n + "'}"})
	}
	var input strings.Builder
	for _, tt := range tests {
		fmt.Fprintf(&input, "%x\n", tt.sent)
	}
	got := python(t, `
import pickle, sys
for line in sys.stdin:
    print(repr(pickle.loads(bytes.fromhex(line))).encode().hex())
`, input.String())
	if len(got) != len(tests) {
		t.Fatalf("%d lines, want %d", len(got), len(tests))
	}
	for i, tt := range tests {
		if text := unhex(t, got[i]); text != tt.want {
			t.Errorf("Python loads %.200q, want %.200q", text, tt.want)
		}
	}
}

// TestPickle_againstPython: whatever a stranger makes up and this package takes for a value, Python takes for the same one,
// if it takes it at all.
func TestPickle_againstPython(t *testing.T) {
	t.Parallel()
	lines := python(t, pyValues+`
import pickle
for v in values:
    for protocol in range(6):
        pickled = pickle.dumps(v, protocol)
        if len(pickled) < 200: print(pickled.hex())
`, "")
	// Python 3 writes no such strings any more.
	seeds := []string{python2Ann, "(lp1\nS'\\\\\\'\\n\\x7f\\0'\np2\naS\"\\177\\q\"\np3\naU\x02hiq\x04aT\x02\x00\x00\x00\xc3\xa9q\x05a."}
	for _, line := range lines {
		seeds = append(seeds, unhex(t, line))
	}
	var w protocol.Pickle
	random := rand.New(rand.NewPCG(3, 4))
	var accepted []string
	var input strings.Builder
	for len(accepted) < 20_000 {
		pickled := mutate(random, seeds)
		got := transcript(t, w.NewDecoder(1000), pickled)
		if len(got) == 1 && got[0] == pickled {
			accepted = append(accepted, pickled)
			fmt.Fprintf(&input, "%x\n", pickled)
		}
	}
	// Python 3 has to be told what a str of Python 2 is: each by itself is UTF-8 or, if it can't be, Latin-1.
	texts := python(t, `
import codecs, io, pickle, sys
`+pyOrdered+`def decode(b, errors):
    try: return bytes(b).decode(), len(b)
    except UnicodeDecodeError: return bytes(b).decode('latin-1'), len(b)
codecs.register(lambda name: codecs.CodecInfo(None, decode) if name == 'python2' else None)
class Unpickler(pickle._Unpickler): # C's makes room for as many values as the highest index
    def find_class(self, module, name):
        return {'_codecs encode': codecs.encode, '__builtin__ bytes': bytes}[module + ' ' + name]
def load(pickled):
    try: return Unpickler(io.BytesIO(pickled), encoding='python2').load()
    except Exception as e: return e
sys.set_int_max_str_digits(0)
for line in sys.stdin:
    v = load(bytes.fromhex(line))
    text = 'error' if isinstance(v, Exception) else v if isinstance(v, str) else repr(ordered(v))
    print(text.encode('utf-8', 'surrogatepass').hex())
`, input.String())
	if len(texts) != len(accepted) {
		t.Fatalf("%d lines, want %d", len(texts), len(accepted))
	}
	for i, pickled := range accepted {
		if got, want := w.Text([]byte(pickled)), unhex(t, texts[i]); got != want && want != "error" {
			t.Errorf("%q: got %q, want %q", pickled, got, want)
		}
	}
}

// TestJSON_fromPython: what Python writes says what it should, in whatever form and however the network cuts it.
func TestJSON_fromPython(t *testing.T) {
	t.Parallel()
	lines := python(t, pyValues+`
import json, re
for v in values:
    try:
        text = compact = json.dumps(v, separators=(',', ':'), allow_nan=False)
    except (TypeError, ValueError):
        continue # bytes, tuples as keys, what is no number
    if isinstance(v, str):
        text = re.sub('[\ud800-\udfff]', '\ufffd', v)
    for dumped in compact, json.dumps(v), json.dumps(v, indent=2):
        print((dumped + '\n').encode().hex(), text.encode().hex())
`, "")
	if len(lines) < 3*60 {
		t.Fatalf("%d values", len(lines))
	}
	var w protocol.JSON
	random := rand.New(rand.NewPCG(5, 6))
	for _, line := range lines {
		words := strings.Split(line, " ")
		dumped, want := unhex(t, words[0]), unhex(t, words[1])
		for range 3 {
			got := transcript(t, w.NewDecoder(len(dumped)), split(random, dumped)...)
			if len(got) != 1 || got[0]+"\n" != dumped {
				t.Fatalf("%.200q in pieces: got %.300q", dumped, got)
			}
		}
		if got := w.Text([]byte(strings.TrimSuffix(dumped, "\n"))); got != want {
			t.Errorf("got %.200q, want %.200q", got, want)
		}
	}
}

// TestJSON_toPython: what is written Python reads as what it should be.
func TestJSON_toPython(t *testing.T) {
	t.Parallel()
	var w protocol.JSON
	fields := []protocol.Field{{Key: "clientid", Value: "18446744073709551616", Number: true}, {Key: "f", Value: "-4.5e-3", Number: true}, {Key: "é\n", Value: "\"\\"}}
	tests := []struct {
		sent []byte
		want string
	}{
		{w.AppendGreeting(nil, protocol.Greeting{ClientID: 17, You: "203.0.113.9:51544", Name: "a\"b\\c d"}), `{'clientid': 17, 'you': '203.0.113.9:51544', 'name': 'a"b\\c_d'}`},
		{w.AppendError(nil, protocol.Error{Reason: "line_too_long", Limit: 8192, Detail: "it's\n\"long\""}), `{'error': 'line_too_long', 'limit': 8192, 'detail': 'it\'s_"long"'}`},
		{w.AppendText(nil, "é☃😀\x00\x1b\x7f\u0085\u2028\"\\\xff"), `'é☃😀\x00\x1b\x7f\x85\u2028"\\` + "\ufffd'"},
		{w.AppendEcho(nil, "ECHO: ", []byte(`"\ud800 \u00e9"`)), `'ECHO: \ud800 é'`},
		{w.AppendEcho(nil, "ECHO: ", []byte("{\"a\":\n[1]}")), `'ECHO: {"a":[1]}'`},
		{w.AppendRecord(nil, "ACK", fields), `{'ack': True, 'clientid': 18446744073709551616, 'f': -0.0045, 'é\n': '"\\'}`},
	}
	var input strings.Builder
	for _, tt := range tests {
		fmt.Fprintf(&input, "%x\n", tt.sent)
	}
	got := python(t, `
import json, sys
for line in sys.stdin:
    text = bytes.fromhex(line).decode()
    assert text.endswith('\n') and len(text.splitlines()) == 1, text
    print(repr(json.loads(text)).encode().hex())
`, input.String())
	if len(got) != len(tests) {
		t.Fatalf("%d lines, want %d", len(got), len(tests))
	}
	for i, tt := range tests {
		if text := unhex(t, got[i]); text != tt.want {
			t.Errorf("Python reads %s, want %s", text, tt.want)
		}
	}
}

// mutate makes a pickle of a seed, or of pieces of several.
func mutate(random *rand.Rand, seeds []string) string {
	seed := func() []byte { return []byte(seeds[random.IntN(len(seeds))]) }
	const opcodes = "(.012BCFGIJKLMNRSTUVXacdeghjlpqrstu)]}\x80\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x94\x95"
	b := seed()
	for range 1 + random.IntN(4) {
		i := random.IntN(len(b))
		switch random.IntN(6) {
		case 0:
			b[i] = opcodes[random.IntN(len(opcodes))]
		case 1:
			b[i] = byte(random.IntN(256))
		case 2:
			b = append(b[:i:i], b[min(len(b), i+1+random.IntN(4)):]...)
		case 3:
			b = append(b[:i:i], append([]byte{opcodes[random.IntN(len(opcodes))]}, b[i:]...)...)
		case 4: // something of another pickle, without its head and its STOP
			other := seed()
			j := random.IntN(len(other))
			k := j + random.IntN(len(other)-j)
			b = append(b[:i:i], append(other[j:k:k], b[i:]...)...)
		case 5: // something of its own, once more
			k := i + random.IntN(len(b)-i)
			b = append(b[:k:k], append(bytes.Clone(b[i:k]), b[k:]...)...)
		}
		if len(b) == 0 {
			b = []byte{'.'}
		}
	}
	return string(b)
}
