// Package protocol is the wire of parley: how the greeting, the messages and the errors are written and read, in both
// directions. Server and client share it. It knows bytes, and nothing of sockets, time or policy.
//
// Everything on a connection is a message. First comes the server's greeting, then each side sends messages when it likes,
// and when the server ends the conversation for a reason that the client should know, its last message is an error. A
// listener speaks one wire format for all of this.
//
// # The text wire
//
// A message is a line. In this dialogue, C is the client, S the server, and the client ends its side at the end:
//
//	S: HELLO clientid=17 you=203.0.113.9:51544 me=10.2.1.4:12000 name=pod-x handler=echo LF
//	C: hi LF
//	S: ECHO: hi LF
//	C: there CR LF
//	S: ECHO: there LF
//	C: bye (end of its side)
//	S: ECHO: bye LF (end)
//
// The greeting is the word HELLO and words of the form key=value, in any order, one space between them, clientid always
// among them. Values have no spaces, and the line is printable ASCII: a line that is not is no greeting, and no error
// either. A reader ignores the keys it does not know.
//
// Further keys are there where they apply, behind handler: via is the proxy that told the client's address, tls the version
// of TLS, sni the name the client asked for, alpn the protocol agreed upon, client_cn the name in the client's certificate,
// fault how the server misbehaves towards this client on request:
//
//	S: HELLO clientid=18 you=203.0.113.9:51550 me=10.2.1.4:7443 name=pod-x handler=echo via=10.2.1.1:40000 tls=1.3 sni=lab.test LF
//	S: HELLO clientid=19 you=203.0.113.9:51552 me=10.2.1.4:12000 name=pod-x handler=echo fault=delay:200ms+reset_after:1KiB LF
//
// An error is the word ERR, the reason and words of the form key=value:
//
//	C: (9000 bytes without a newline)
//	S: ERR line_too_long limit=8192 LF (end)
//
// A line ends with LF, with CR LF, or with CR NUL, which some telnet clients send (RFC 1123, 3.3.1). Further CRs in front
// of that, and those at the end of an unfinished line, are dropped; a CR elsewhere, and a NUL that follows none, belong to the
// line. An empty line is a message. What is written ends with LF.
//
// What stands unfinished when the peer ends its side is a message too. So is, as long as the peer has never sent a
// newline, what stands unfinished when it has been quiet for a while; how long is for the reader of the socket to
// measure (Pending is Quiet). A newline that is the next thing to come then belongs to that message:
//
//	C: Test (quiet)
//	S: ECHO: Test LF
//	C: LF
//	C: again LF
//	S: ECHO: again LF
//
// Here the client has sent a newline, and from then on only newlines and the end of its side end a message, so that a
// lost packet never splits a line.
//
// The limit counts the bytes of a line without what ends it; further CRs do count. It holds for a line that has not ended
// yet, too.
//
// Telnet's commands (RFC 854: 255 and one to three bytes behind it, or a subnegotiation) are dropped wherever they stand, and
// never answered. The byte 255 itself is no part of any message, so that nothing sent back can begin a negotiation.
//
// # The JSON wire
//
// A message is a JSON value (RFC 8259). An object or an array ends by itself. Any other value ends with its line, and where
// nothing follows as the unfinished line of the text wire does: at the end of the client's side, or when it has been quiet
// as long as it has never sent a newline. Half a string is nothing that silence ends. White space between values is nothing.
// What is written is one value a line.
//
//	S: {"clientid":17,"you":"203.0.113.9:51544","me":"10.2.1.4:12000","name":"pod-x","handler":"echo"} LF
//	C: "hi" LF
//	S: "ECHO: hi" LF
//	C: {"a": 1}17 (end of its side)
//	S: "ECHO: {\"a\":1}" LF
//	S: "ECHO: 17" LF (end)
//
// A greeting is an object with a number called clientid, an error one with a string called error. A reader ignores the
// members it does not know. The strings of both are printable ASCII, and the word of an error has no space in it.
//
//	C: {"a: 1} LF
//	S: {"error":"bad_message","detail":"malformed message: a control character within a string"} LF (end)
//	C: {"a": 1 (end of its side)
//	S: {"error":"bad_message","detail":"unfinished message"} LF (end)
//
// What is JSON is let pass as it is, be it a number like 1e999999, half a surrogate pair or a key that comes twice. A value
// may be nested 10,000 deep. The limit counts the bytes of the value; of a value that is neither object nor array, it also
// counts white space behind it, other than a CR in front of the newline.
//
// # The pickle wire
//
// A message is a pickle of Python's, of protocol 0 to 5, and ends with its STOP; nothing stands between two. What is
// written is of protocol 2, which Python 2 and 3 both load. In this dialogue, each side shows the values:
//
//	S: {'clientid': 17, 'you': '203.0.113.9:51544', 'me': '10.2.1.4:12000', 'name': 'pod-x', 'handler': 'echo'}
//	C: 'hi'
//	S: 'ECHO: hi'
//	C: {'a': (1, None)}
//	S: "ECHO: {'a': (1, None)}"
//	C: datetime.date(2026, 11, 20)
//	S: {'error': 'bad_message', 'detail': 'malformed message: pickle opcode GLOBAL is refused: taken are ...'} (end)
//
// A message says the text of a str, or what Python's repr shows of another value; but the items of a dict are in the order of
// their keys' repr, not in the order they came in.
//
// A pickle is a program that Python runs. Here og-rek reads it, which makes plain values only: dict, list, tuple, str, bytes,
// int, float, bool and None. The opcodes that load, call or build anything else are refused by name. The two functions that
// protocols 0 to 2 name to make bytes are known, and not called. No length is believed: one that announces more than the
// limit allows is too long at once. So are malformed, to keep what a message costs within bounds: an integer of more than
// 255 bytes, or 4300 digits; a value nested more than 100 deep, or within itself; what shares so much that all of it, walked
// through, has more than 8 times the values and bytes of the message, and 1024; a tuple as the key of a dict. And, as
// og-rek would read them wrong: a list that is in two places, a dict with two keys that Python takes for one, like 1 and
// True, and, by protocol 0, half a surrogate pair.
//
// Within these bounds each look at a message, one when it is received and one for its text or its fields, allocates at most 200
// times its length, which is what many small values come to; one that is refused before og-rek runs it at most 64 KiB. For
// 8 KiB that takes 2 ms at worst. Its text is cut at 4 times its length, and 1024.
//
// # The raw wire
//
// A message is whatever one read returns, and is given back as it came; what the server says of its own ends with LF.
// There are no errors. A greeting comes only when it is asked for, and is then the line of the text wire:
//
//	C: 00 01 02
//	S: 00 01 02
package protocol
