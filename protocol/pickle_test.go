package protocol_test

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parley/protocol"
)

// refused is the line of a transcript for an opcode that is refused.
func refused(name string) string {
	return malformed("pickle opcode " + name + " is refused: taken are None, bool, int, float, str, bytes, list, tuple, dict")
}

// unread is the line of a transcript for a pickle that og-rek does not take.
func unread(reason string) string { return malformed("pickle: " + reason) }

// What Python makes of values, by protocol.
const (
	pickledAnn0  = "(dp0\nVname\np1\nVAnn\np2\nsVtags\np3\n(lp4\nI1\naI01\nasVnone\np5\nNs."
	pickledAnn1  = "}q\x00(X\x04\x00\x00\x00nameq\x01X\x03\x00\x00\x00Annq\x02X\x04\x00\x00\x00tagsq\x03]q\x04(K\x01I01\neX\x04\x00\x00\x00noneq\x05Nu."
	pickledAnn2  = "\x80\x02}q\x00(X\x04\x00\x00\x00nameq\x01X\x03\x00\x00\x00Annq\x02X\x04\x00\x00\x00tagsq\x03]q\x04(K\x01\x88eX\x04\x00\x00\x00noneq\x05Nu."
	pickledAnn4  = "\x80\x04\x95\x28\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x04name\x94\x8c\x03Ann\x94\x8c\x04tags\x94]\x94(K\x01\x88e\x8c\x04none\x94Nu."
	annRepr      = "{'name': 'Ann', 'none': None, 'tags': [1, True]}"
	python2Ann   = "(dp1\nS'name'\np2\nS'Ann'\np3\nsS'id'\np4\nI17\nsS'long'\np5\nL4294967296L\ns."
	python2Repr  = "{'id': 17, 'long': 4294967296, 'name': 'Ann'}"
	bytes0       = "c_codecs\nencode\np0\n(V\xe9\x00'\np1\nVlatin1\np2\ntp3\nRp4\n."
	bytes2       = "\x80\x02c_codecs\nencode\nq\x00X\x04\x00\x00\x00\xc3\xa9\x00'q\x01X\x06\x00\x00\x00latin1q\x02\x86q\x03Rq\x04."
	emptyBytes0  = "c__builtin__\nbytes\np0\n(tRp1\n."
	emptyBytes2  = "\x80\x02c__builtin__\nbytes\nq\x00)Rq\x01."
	sharedTuple  = "\x80\x02]q\x00(K\x01K\x02\x86q\x01h\x01\x85q\x02h\x01e."
	sharedList   = "\x80\x02]q\x00(]q\x01(K\x01K\x02eh\x01\x85q\x02h\x01e."
	callSystem   = "cos\nsystem\n(S'true'\ntR."
	selfInList   = "]\x94h\x00a."
	selfInTuple  = "]\x94h\x00\x85a."
	selfInDict   = "}\x94K\x01h\x00s."
	selfByDup    = "]2a."
	maxLimit     = 1 << 20
	headOfString = "X\x02\x00"
)

// laughs is a pickle that is nested depth times, in each tuple ten times the tuple below it.
func laughs(depth int) string {
	var b strings.Builder
	b.WriteString(")\x94")
	for i := range depth {
		b.WriteString("(" + strings.Repeat("h"+string(byte(i)), 10) + "t\x94")
	}
	return b.String() + "."
}

func TestPickleDecoder(t *testing.T) {
	t.Parallel()
	testConversations(t, protocol.Pickle{}, []conversation{
		{name: "nothing", pieces: nil, want: nil},
		{name: "one", pieces: []string{pickledAnn2}, want: []string{pickledAnn2}},
		{
			name: "all protocols", pieces: []string{pickledAnn0 + pickledAnn1 + pickledAnn2 + pickledAnn4 + python2Ann + bytes0},
			want: []string{pickledAnn0, pickledAnn1, pickledAnn2, pickledAnn4, python2Ann, bytes0},
		},
		{name: "STOP in a string", pieces: []string{"X\x02\x00\x00\x00...V.\n.C\x01..I1\n."}, want: []string{"X\x02\x00\x00\x00...", "V.\n.", "C\x01..", "I1\n."}},
		{name: "no bytes", pieces: []string{"C\x00.B\x00\x00\x00\x00."}, want: []string{"C\x00.", "B\x00\x00\x00\x00."}},
		{name: "quiet", pieces: []string{"K", quiet, "\x01", quiet, "."}, want: []string{"K\x01."}},
		{name: "unfinished", pieces: []string{"K\x01.K\x01"}, want: []string{"K\x01.", unfinished}},
		{name: "unfinished argument", pieces: []string{headOfString}, want: []string{unfinished}},
		{name: "unfinished global", pieces: []string{"c_codecs\nenc"}, want: []string{unfinished}},

		// Limits (B8).
		{name: "below the limit", limit: 8, pieces: []string{"C\x04abcd."}, want: []string{"C\x04abcd."}},
		{name: "at the limit", limit: 7, pieces: []string{"C\x04abcd."}, want: []string{"C\x04abcd."}},
		{name: "above the limit", limit: 6, pieces: []string{"C\x04abcd."}, want: []string{tooLong}},
		{name: "above the limit, as announced", limit: 6, pieces: []string{"C\x04"}, want: []string{tooLong}},
		{name: "above the limit, not announced", limit: 6, pieces: []string{"NNNNNNN"}, want: []string{tooLong}},
		{name: "above the limit, a line", limit: 6, pieces: []string{"Vabcdef"}, want: []string{tooLong}},
		{name: "above the limit by a CR", limit: 4, pieces: []string{"Vabc\r\n."}, want: []string{tooLong}},
		{name: "each by itself", limit: 3, pieces: []string{"K\x01.K", "\x02.K\x03."}, want: []string{"K\x01.", "K\x02.", "K\x03."}},
		{name: "messages before the error", limit: 3, pieces: []string{"K\x01.M\x01\x01."}, want: []string{"K\x01.", tooLong}},
		{name: "announced 2^31", limit: maxLimit, pieces: []string{"X\x00\x00\x00\x80"}, want: []string{tooLong}},
		{name: "announced 2^40", limit: maxLimit, pieces: []string{"\x8d\x00\x00\x00\x00\x00\x01\x00\x00"}, want: []string{refused("BINUNICODE8")}},
		{name: "announced 2^63", limit: maxLimit, pieces: []string{"\x8e\x00\x00\x00\x00\x00\x00\x00\x80"}, want: []string{refused("BINBYTES8")}},
		{name: "announced 2^64-1", limit: maxLimit, pieces: []string{"\x8e\xff\xff\xff\xff\xff\xff\xff\xff"}, want: []string{refused("BINBYTES8")}},
		{name: "announced 2^63, no limit", pieces: []string{"\x8e\x00\x00\x00\x00\x00\x00\x00\x80"}, want: []string{refused("BINBYTES8")}},
		{name: "frame of 2^63", pieces: []string{"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x80N."}, want: []string{"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x80N."}},
		{name: "frame of 2^64-1", pieces: []string{"\x95\xff\xff\xff\xff\xff\xff\xff\xffN."}, want: []string{"\x95\xff\xff\xff\xff\xff\xff\xff\xffN."}},
		{name: "empty frame", pieces: []string{"\x95\x00\x00\x00\x00\x00\x00\x00\x00N."}, want: []string{"\x95\x00\x00\x00\x00\x00\x00\x00\x00N."}},
		{name: "frame too short", pieces: []string{"\x95\x01\x00\x00\x00\x00\x00\x00\x00K\x01."}, want: []string{"\x95\x01\x00\x00\x00\x00\x00\x00\x00K\x01."}},
		{name: "two frames", pieces: []string{"\x95\x01\x00\x00\x00\x00\x00\x00\x00N\x95\x01\x00\x00\x00\x00\x00\x00\x00."}, want: []string{"\x95\x01\x00\x00\x00\x00\x00\x00\x00N\x95\x01\x00\x00\x00\x00\x00\x00\x00."}},

		// What is refused by name (B10).
		{name: "call", pieces: []string{callSystem}, want: []string{refused("GLOBAL")}},
		{name: "global like the one that is not refused", pieces: []string{"c_codecs\ndecode\n"}, want: []string{refused("GLOBAL")}},
		{name: "global that begins like it", pieces: []string{"c_codecs\nencoder\n"}, want: []string{refused("GLOBAL")}},
		{name: "empty global", pieces: []string{"c\n"}, want: []string{refused("GLOBAL")}},
		{name: "builtins", pieces: []string{"c__builtin__\nbytearray\n"}, want: []string{refused("GLOBAL")}},
		{name: "global as a value", pieces: []string{"c_codecs\nencode\n."}, want: []string{refused("GLOBAL")}},
		{name: "global in a list", pieces: []string{"](c_codecs\nencode\ne."}, want: []string{refused("GLOBAL")}},
		{name: "global as a key", pieces: []string{"}c_codecs\nencode\nNs."}, want: []string{refused("GLOBAL")}},
		{name: "call of no function", pieces: []string{"N)R."}, want: []string{unread("reduce: invalid class: None")}},
		{name: "call with no tuple", pieces: []string{"c__builtin__\nbytes\nNR."}, want: []string{unread("reduce: invalid args: None")}},
		{name: "bytes of a size", pieces: []string{"c__builtin__\nbytes\nJ\x00\x00\x00\x7f\x85R."}, want: []string{refused("REDUCE")}},
		{name: "encode nothing", pieces: []string{"c_codecs\nencode\n)R."}, want: []string{refused("REDUCE")}},
		{name: "encode without an encoding", pieces: []string{"c_codecs\nencode\nVa\n\x85R."}, want: []string{refused("REDUCE")}},
		{name: "another encoding", pieces: []string{"c_codecs\nencode\nVa\nVzip\n\x86R."}, want: []string{refused("REDUCE")}},
		{name: "encode with errors", pieces: []string{"c_codecs\nencode\nVa\nVlatin1\nVignore\n\x87R."}, want: []string{refused("REDUCE")}},
		{name: "encode no str", pieces: []string{"c_codecs\nencode\nC\x01aVlatin1\n\x86R."}, want: []string{unread("_codecs.encode: latin1: arg must be string, not Bytes")}},
		{name: "encode what is not Latin-1", pieces: []string{"c_codecs\nencode\nV\\u0100\nVlatin1\n\x86R."}, want: []string{unread("_codecs.encode: latin1: cannot encode 'Ā'")}},
		{name: "POP", pieces: []string{"NN0."}, want: []string{refused("POP")}},
		{name: "POP_MARK", pieces: []string{"N(N1."}, want: []string{refused("POP_MARK")}},
		{name: "DUP", pieces: []string{"N2."}, want: []string{refused("DUP")}},
		{name: "LONG4", pieces: []string{"\x8b\x01\x00\x00\x00\x05."}, want: []string{refused("LONG4")}},
		{name: "PERSID", pieces: []string{"Pid\n."}, want: []string{refused("PERSID")}},
		{name: "BINPERSID", pieces: []string{"NQ."}, want: []string{refused("BINPERSID")}},
		{name: "BUILD", pieces: []string{"N}b."}, want: []string{refused("BUILD")}},
		{name: "INST", pieces: []string{"(ios\nsystem\n."}, want: []string{refused("INST")}},
		{name: "OBJ", pieces: []string{"(No."}, want: []string{refused("OBJ")}},
		{name: "NEWOBJ", pieces: []string{"N)\x81."}, want: []string{refused("NEWOBJ")}},
		{name: "NEWOBJ_EX", pieces: []string{"N)}\x92."}, want: []string{refused("NEWOBJ_EX")}},
		{name: "EXT1", pieces: []string{"\x82\x01."}, want: []string{refused("EXT1")}},
		{name: "EXT2", pieces: []string{"\x83\x01\x00."}, want: []string{refused("EXT2")}},
		{name: "EXT4", pieces: []string{"\x84\x01\x00\x00\x00."}, want: []string{refused("EXT4")}},
		{name: "STACK_GLOBAL", pieces: []string{"\x80\x04\x8c\x02os\x8c\x06system\x93."}, want: []string{refused("STACK_GLOBAL")}},
		{name: "EMPTY_SET", pieces: []string{"\x80\x04\x8f\x94."}, want: []string{refused("EMPTY_SET")}},
		{name: "ADDITEMS", pieces: []string{"N(N\x90."}, want: []string{refused("ADDITEMS")}},
		{name: "FROZENSET", pieces: []string{"(N\x91."}, want: []string{refused("FROZENSET")}},
		{name: "BYTEARRAY8", pieces: []string{"\x96\x00\x00\x00\x00\x00\x00\x00\x00."}, want: []string{refused("BYTEARRAY8")}},
		{name: "NEXT_BUFFER", pieces: []string{"\x97."}, want: []string{refused("NEXT_BUFFER")}},
		{name: "READONLY_BUFFER", pieces: []string{"N\x98."}, want: []string{refused("READONLY_BUFFER")}},

		// What is no pickle.
		{name: "text", pieces: []string{"hello\n"}, want: []string{malformed("this is text, not a pickle")}},
		{name: "STOP alone", pieces: []string{"."}, want: []string{malformed("this is text, not a pickle")}},
		{name: "newline", pieces: []string{"K\x01.\n"}, want: []string{"K\x01.", malformed("0x0a is no pickle opcode")}},
		{name: "JSON", pieces: []string{`{"a":1}`}, want: []string{malformed("this is text, not a pickle")}},
		{name: "HTTP", pieces: []string{"GET / HTTP/1.1\r\n"}, want: []string{refused("PERSID")}},
		{name: "TLS", pieces: []string{"\x16\x03\x01\x00\xf4\x01"}, want: []string{malformed("0x16 is no pickle opcode")}},
		{name: "SSH", pieces: []string{"SSH-2.0-OpenSSH_9.9\r\n"}, want: []string{malformed("a string without quotes")}},
		{name: "protocol 6", pieces: []string{"\x80\x06N."}, want: []string{unread("invalid pickle version")}},

		// Programs that make no sense.
		{name: "nothing made", pieces: []string{"\x80\x02."}, want: []string{unread("stack underflow")}},
		{name: "only a mark", pieces: []string{"N(."}, want: []string{unread("MARK object cannot be exposed")}},
		{name: "append to nothing", pieces: []string{"Na."}, want: []string{unread("stack underflow")}},
		{name: "append across a mark", pieces: []string{"](Na."}, want: []string{unread("loadAppend: expected a list, got mark")}},
		{name: "append to None", pieces: []string{"NNa."}, want: []string{unread("loadAppend: expected a list, got None")}},
		{name: "append to a tuple", pieces: []string{")(Ne."}, want: []string{unread("loadAppends: expected a list, got Tuple")}},
		{name: "appends without a mark", pieces: []string{"]Ne."}, want: []string{unread("no marker in stack")}},
		{name: "appends to nothing", pieces: []string{"(Ne."}, want: []string{unread("stack underflow")}},
		{name: "tuple of too few", pieces: []string{"NN\x87."}, want: []string{unread("stack underflow")}},
		{name: "tuple without a mark", pieces: []string{"Nt."}, want: []string{unread("no marker in stack")}},
		{name: "list without a mark", pieces: []string{"Nl."}, want: []string{unread("no marker in stack")}},
		{name: "dict without a mark", pieces: []string{"Nd."}, want: []string{unread("no marker in stack")}},
		{name: "item of a list", pieces: []string{"]NNs."}, want: []string{unread("loadSetItem: expected a map or Dict, got []interface {}")}},
		{name: "item of nothing", pieces: []string{"NNs."}, want: []string{unread("stack underflow")}},
		{name: "key without a value", pieces: []string{"(Nd."}, want: []string{unread("loadDict: odd # of elements")}},
		{name: "key without a value, items", pieces: []string{"}(NNNu."}, want: []string{unread("loadSetItems: odd # of elements")}},
		{name: "list as a key", pieces: []string{"}]Ns."}, want: []string{unread("loadSetItem: map: invalid key type []interface {}")}},
		{name: "dict as a key", pieces: []string{"(}Nd."}, want: []string{unread("loadDict: map: invalid key type map[interface {}]interface {}")}},
		{name: "list in a tuple as a key", pieces: []string{"}(N]tNs."}, want: []string{unread("loadSetItem: map: invalid key type Tuple")}},
		{name: "no such value", pieces: []string{"Nh\x00."}, want: []string{unread("memo: key error 0")}},
		{name: "no such value, a line", pieces: []string{"Ng7\n."}, want: []string{unread("memo: key error \"7\"")}},
		{name: "no number of a value", pieces: []string{"Ng-1\n."}, want: []string{unread(`"-1" is no place in the memo`)}},
		{name: "no such value, long", pieces: []string{"Np5\nj\xff\xff\xff\xff."}, want: []string{unread("memo: key error 4294967295")}},
		{name: "no such value among others", pieces: []string{"Nq\x05h\x04."}, want: []string{unread("memo: key error 4")}},
		{name: "place that is written otherwise", pieces: []string{"Np1\ng01\n."}, want: []string{unread(`"01" is no place in the memo`)}},
		{name: "place beyond all", pieces: []string{"Np4294967296\n."}, want: []string{unread(`"4294967296" is no place in the memo`)}},
		{name: "memo by PUT and MEMOIZE", pieces: []string{"Nq\x00\x94h\x00\x86."}, want: []string{unread("both PUT and MEMOIZE")}},
		{name: "memo by MEMOIZE and PUT", pieces: []string{"N\x94p1\n."}, want: []string{unread("both PUT and MEMOIZE")}},
		{name: "put of nothing", pieces: []string{"N(q\x00."}, want: []string{unread("MARK object cannot be exposed")}},
		{name: "memoize nothing", pieces: []string{"\x80\x04\x94."}, want: []string{unread("stack underflow")}},
		{name: "call of nothing", pieces: []string{"NR."}, want: []string{unread("stack underflow")}},

		// Arguments that say nothing.
		{name: "no int", pieces: []string{"Ia\n."}, want: []string{unread("invalid syntax")}},
		{name: "no long", pieces: []string{"L5LL\n."}, want: []string{unread("loadLong: invalid string")}},
		{name: "large float", pieces: []string{"F1e999\n."}, want: []string{unread("value out of range")}},
		{name: "string without its end", pieces: []string{"S'a\n."}, want: []string{unread("unexpected EOF")}},
		{name: "string of one quote", pieces: []string{"S'\n."}, want: []string{unread("unexpected EOF")}},
		{name: "string that ends in an escape", pieces: []string{"S'\\'\n."}, want: []string{unread("invalid syntax")}},
		{name: "string with half an escape", pieces: []string{"S'\\x1'\n."}, want: []string{unread("invalid syntax")}},
		{name: "half an escape", pieces: []string{"V\\u12\n."}, want: []string{unread("invalid syntax")}},
		{name: "no character", pieces: []string{"V\\U00110000\n."}, want: []string{unread("invalid syntax")}},
		{name: "not UTF-8", pieces: []string{"\x8c\x01\xff."}, want: []string{malformed("a str that is not UTF-8")}},
		{name: "long integer", limit: maxLimit, pieces: []string{"I1" + strings.Repeat("0", 4302)}, want: []string{malformed("pickle opcode INT with more than 4302 bytes")}},
		{name: "long long", limit: maxLimit, pieces: []string{"\x8b\xfb\x06\x00\x00"}, want: []string{refused("LONG4")}},
		{name: "long float", limit: maxLimit, pieces: []string{"F1." + strings.Repeat("0", 400)}, want: []string{malformed("pickle opcode FLOAT with more than 400 bytes")}},

		// Values that are larger than they look.
		// og-rek v1.3.0 would run the bytes of an integer of more than 127 as opcodes.
		{name: "longest LONG1", pieces: []string{"\x8a\xff" + strings.Repeat("N", 255) + "."}, want: []string{"\x8a\xff" + strings.Repeat("N", 255) + "."}},
		{name: "key twice", pieces: []string{"}(Fnan\nNFnan\nNu."}, want: []string{malformed("a dict with a key twice")}},
		{name: "key twice, a number", pieces: []string{"}(K\x01NF1\nNu."}, want: []string{malformed("a dict with a key twice")}},
		{name: "key twice, a bool", pieces: []string{"}(I00\nNF-0\nNu."}, want: []string{malformed("a dict with a key twice")}},
		{name: "key twice, a long", pieces: []string{"}(L1000000000000000000000L\nNF1e21\nNu."}, want: []string{malformed("a dict with a key twice")}},
		{name: "numbers as keys", pieces: []string{"}(K\x01NF1.5\nNI00\nNFinf\nNVa\nNu."}, want: []string{"}(K\x01NF1.5\nNI00\nNFinf\nNVa\nNu."}},
		{name: "shared tuple", pieces: []string{sharedTuple}, want: []string{sharedTuple}},
		{name: "list put again when filled", pieces: []string{"](Neq\x00h\x00\x86."}, want: []string{malformed("a list that is in two places, or within itself")}},
		{name: "shared", pieces: []string{sharedList}, want: []string{malformed("a list that is in two places, or within itself")}},
		{name: "in itself, a list", pieces: []string{selfInList}, want: []string{malformed("a list that is in two places, or within itself")}},
		{name: "in itself, in a tuple", pieces: []string{selfInTuple}, want: []string{malformed("a list that is in two places, or within itself")}},
		{name: "in itself, a dict", pieces: []string{selfInDict}, want: []string{malformed("nested deeper than 100, or within itself")}},
		{name: "in itself, by DUP", pieces: []string{selfByDup}, want: []string{refused("DUP")}},
		{name: "deepest", pieces: []string{strings.Repeat("(", 100) + strings.Repeat("l", 100) + "."}, want: []string{strings.Repeat("(", 100) + strings.Repeat("l", 100) + "."}},
		{name: "deeper", pieces: []string{strings.Repeat("(", 101) + strings.Repeat("l", 101) + "."}, want: []string{malformed("nested deeper than 100, or within itself")}},
		{name: "deeper tuples as a key", pieces: []string{"})" + strings.Repeat("\x85", 101) + "Ns."}, want: []string{unread("loadSetItem: map: invalid key type Tuple")}},
		{name: "marks", pieces: []string{strings.Repeat("(", 1000) + "N" + strings.Repeat("l", 1000) + "."}, want: []string{malformed("nested deeper than 100, or within itself")}},
		{name: "more marks", pieces: []string{strings.Repeat("(", 1001) + "N" + strings.Repeat("l", 1001) + "."}, want: []string{malformed("more than 1000 marks")}},
		{name: "three laughs", pieces: []string{laughs(3)}, want: []string{laughs(3)}},
		{name: "a thousand million laughs", pieces: []string{laughs(9)}, want: []string{malformed("it amounts to more than 8 times its length")}},
		{name: "laughs in a key", pieces: []string{"})" + strings.Repeat("2\x86", 40) + "Ns."}, want: []string{refused("DUP")}},
	})
}

func TestPickleDecoder_anyCut(t *testing.T) {
	t.Parallel()
	for _, input := range []string{
		pickledAnn0 + pickledAnn4 + pickledAnn2,
		python2Ann + bytes0 + bytes2 + emptyBytes0 + emptyBytes2,
		"K\x01.G\x00\x01\x02\x03\x04\x05\x06\x07.M\x01\x02.J\x01\x02\x03\x04.I01\n.L5L\n.F1.5\n.\x8a\x02\x00\x01.\x8b\x02\x00\x00\x00\x00\x01.N",
		"C\x01a.B\x01\x00\x00\x00a.T\x01\x00\x00\x00a.U\x01a.\x8c\x01a.\x8d\x01\x00\x00\x00\x00\x00\x00\x00a.\x8e\x01\x00\x00\x00\x00\x00\x00\x00a.S'a'\n.",
		"K\x01.Va\rb\r\r.\n.",
		"Vabc\r\n.Vabcd\r\n.",
		"K\x01.X\x00\x00\x00\x80",
		"N." + callSystem,
		"N.c_codecs\ndecode\n",
		"N.c__builtin__\nbytes\n)RR.",
		"N.]NNs.N.",
		"N.X\x06\x00\x00\x00abcdefX\x06\x00\x00\x00abcdef.",
		"NNNNNNNNNN\r\r\r.",
		"\r.",
		"Ssh\n",
	} {
		for _, limit := range []int{0, 3, 5, 6, 7, 8, 9, 12, 20, len(pickledAnn2)} {
			testAnyCut(t, protocol.Pickle{}, limit, input)
		}
	}
	testAnyCut(t, protocol.Pickle{}, maxLimit, "I"+strings.Repeat("1", 4303))
}

func TestPickle_Text(t *testing.T) {
	t.Parallel()
	tests := []struct{ msg, want string }{
		{pickledAnn0, annRepr},
		{pickledAnn1, annRepr},
		{pickledAnn2, annRepr},
		{pickledAnn4, annRepr},
		{python2Ann, python2Repr},
		{bytes0, `b"\xe9\x00'"`},
		{bytes2, `b"\xe9\x00'"`},
		{emptyBytes0, "b''"},
		{emptyBytes2, "b''"},
		{sharedTuple, "[(1, 2), ((1, 2),), (1, 2)]"},
		{sharedList, ""}, // og-rek v1.3.0 would read the second and third as empty.
		{"N.", "None"},
		{"I00\n.", "False"},
		{"\x80\x04\x89.", "False"},
		{"I-17\n.", "-17"},
		{"J\xff\xff\xff\xff.", "-1"},
		{"M\xff\xff.", "65535"},
		{"\x8a\x00.", "0"},
		{"\x8a\x01\xff.", "-1"},
		{"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.", "-9223372036854775808"},
		{"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00.", "9223372036854775808"},
		{"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\xff.", "-18446744073709551616"},
		{"\x8a\x81" + strings.Repeat("\x00", 128) + "\x01.", new(big.Int).Lsh(big.NewInt(1), 1024).String()},
		{"F-1e-05\n.", "-1e-05"},
		{"Fnan\n.", "nan"},
		{"G\x3f\xf8\x00\x00\x00\x00\x00\x00.", "1.5"},
		{"G\x80\x00\x00\x00\x00\x00\x00\x00.", "-0.0"},
		{"X\x03\x00\x00\x00a\nb.", "a\nb"},
		{"X\x03\x00\x00\x00\xed\xa0\x80.", "\xed\xa0\x80"},
		{"X\x03\x00\x00\x00\xed\xa0\x80\x85.", `('\ud800',)`},
		{"V\\u0041\\\\u0041\xe9\\n\\\n.", "A\\\\u0041é\\n\\"},
		{`S"\"\'\\\a\b\f\n\r\t\v\000\0018\377\x41\q"` + "\n.", "\"'\\\a\b\f\n\r\t\v\x00\x018ÿA\\q"},
		{"U\x02\xc3\xa9.", "é"},
		{"T\x01\x00\x00\x00\xe9.", "é"},
		{"(K\x01K\x02K\x03K\x04t.", "(1, 2, 3, 4)"},
		{"().", "()"},
		{"}(K\x01K\x02C\x011K\x05X\x01\x00\x00\x001K\x06u.", "{'1': 6, 1: 2, b'1': 5}"},
		{"}((ttNN(Nttd.", ""}, // no mark left for the dict
		{"", ""},
		{"K", ""},
		{"K\x01", ""},
		{callSystem, ""},
		{selfInList, ""},
	}
	for _, tt := range tests {
		if got := (protocol.Pickle{}).Text([]byte(tt.msg)); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.msg, got, tt.want)
		}
	}
}

func TestPickle_Fields(t *testing.T) {
	t.Parallel()
	tests := []struct {
		msg  string
		want []protocol.Field
	}{
		{pickledAnn2, []protocol.Field{{Key: "name", Value: "Ann"}, {Key: "none", Value: "None"}, {Key: "tags", Value: "[1, True]"}}},
		{python2Ann, []protocol.Field{{Key: "id", Value: "17", Number: true}, {Key: "long", Value: "4294967296", Number: true}, {Key: "name", Value: "Ann"}}},
		{"}(Vf\nF1.5\nVi\nFinf\nVb\nI01\nVs\nV17\nu.", []protocol.Field{{Key: "b", Value: "True"}, {Key: "f", Value: "1.5", Number: true}, {Key: "i", Value: "inf"}, {Key: "s", Value: "17"}}},
		{"}(Va\nK\x01Va\nK\x02u.", []protocol.Field{{Key: "a", Value: "2", Number: true}}},
		{"}.", nil},
		{"}(Va\nK\x01K\x02K\x03u.", nil},
		{"]Va\na.", nil},
		{"Va=b\n.", nil},
		{"N.", nil},
		{"", nil},
		{callSystem, nil},
	}
	for _, tt := range tests {
		got, ok := protocol.Pickle{}.Fields([]byte(tt.msg))
		if diff := cmp.Diff(tt.want, got); diff != "" || ok != (tt.want != nil) {
			t.Errorf("%q: %v (-want +got):\n%s", tt.msg, ok, diff)
		}
	}
}

func TestPickle_append(t *testing.T) {
	t.Parallel()
	var w protocol.Wire = protocol.Pickle{}
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{
			"greeting", w.AppendGreeting([]byte("> "), protocol.Greeting{ClientID: 17, Name: "pod x"}),
			"> \x80\x02}(X\x08\x00\x00\x00clientidK\x11X\x04\x00\x00\x00nameX\x05\x00\x00\x00pod_xu.",
		},
		{
			"error", w.AppendError([]byte("> "), protocol.Error{Reason: "x", Limit: 256}),
			"> \x80\x02}(X\x05\x00\x00\x00errorX\x01\x00\x00\x00xX\x05\x00\x00\x00limitM\x00\x01u.",
		},
		{"text", w.AppendText([]byte("> "), "hi"), "> \x80\x02X\x02\x00\x00\x00hi."},
		{"echo", w.AppendEcho([]byte("> "), "E: ", []byte("K\x11.")), "> \x80\x02X\x05\x00\x00\x00E: 17."},
		{"verbatim echo", w.AppendEcho([]byte("> "), "", []byte("K\x11.")), "> K\x11."},
		{"echo of no message", w.AppendEcho(nil, "E: ", []byte("K")), "\x80\x02X\x03\x00\x00\x00E: ."},
		{
			"record", w.AppendRecord([]byte("> "), "ACK", []protocol.Field{{Key: "n", Value: "-1", Number: true}, {Key: "s"}}),
			"> \x80\x02}(X\x03\x00\x00\x00ack\x88X\x01\x00\x00\x00nJ\xff\xff\xff\xffX\x01\x00\x00\x00sX\x00\x00\x00\x00u.",
		},
	}
	for _, tt := range tests {
		if string(tt.got) != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	if !w.Verbatim() {
		t.Error("not Verbatim, but nothing is added")
	}
}

func TestPickle_ParseGreeting(t *testing.T) {
	t.Parallel()
	tests := []struct {
		msg  string
		want protocol.Greeting
		err  string
	}{
		{msg: "}(Vname\nVpod x\nVclientid\nK\x11Vsince\n]u.", want: protocol.Greeting{ClientID: 17, Name: "pod x"}},
		{msg: "}(Vclientid\nL18446744073709551615L\nu.", want: protocol.Greeting{ClientID: math.MaxUint64}},
		{msg: "", err: "no greeting: it has no keys"},
		{msg: "K\x11.", err: "no greeting: it has no keys"},
		{msg: "}Vname\nVx\ns.", err: "no greeting: it names no clientid"},
		{msg: "}Vclientid\nV17\ns.", err: `no greeting: clientid="17" is no number`},
		{msg: "}Vclientid\nF17.0\ns.", err: `no greeting: clientid="17.0" is no number`},
		{msg: "}Vclientid\nI01\ns.", err: `no greeting: clientid="True" is no number`},
		{msg: "}(Vclientid\nK\x01Vme\nV\x1b[31m\nu.", err: "no greeting: its me is not printable ASCII"},
	}
	for _, tt := range tests {
		got, err := protocol.Pickle{}.ParseGreeting([]byte(tt.msg))
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || err.Error() != tt.err) || err == nil && got != tt.want {
			t.Errorf("%q: got %+v, %v; want %+v, %s", tt.msg, got, err, tt.want, tt.err)
		}
	}
	if e, ok := (protocol.Pickle{}).ParseError([]byte("}(Verror\nVx\nVlimit\nK\x01Vdetail\nVa b\nu.")); !ok || e != (protocol.Error{Reason: "x", Limit: 1, Detail: "a b"}) {
		t.Errorf("ParseError = %+v, %v", e, ok)
	}
}

// What a pickle unfolds to is not held for a client who does not read it.
func TestPickle_Text_cut(t *testing.T) {
	t.Parallel()
	// A tuple of twenty times the same tuple of a hundred times False.
	msg := []byte("(" + strings.Repeat("\x89", 100) + "t\x94(" + strings.Repeat("h\x00", 20) + "t.")
	d := protocol.Pickle{}.NewDecoder(0)
	d.Feed(append([]byte(nil), msg...))
	if got, ok, err := d.Next(); !ok || err != nil {
		t.Fatalf("Next = %q, %v, %v", got, ok, err)
	}
	got := protocol.Pickle{}.Text(msg)
	if most := 4*len(msg) + 1024 + len("..."); len(got) > most || !strings.HasSuffix(got, "...") {
		t.Errorf("the text of %d bytes is %d bytes long, want at most %d", len(msg), len(got), most)
	}
}
