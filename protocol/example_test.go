package protocol_test

import (
	"errors"
	"fmt"

	"parley/protocol"
)

// A server writes with the listener's wire; who reads it needs no more than a decoder of the same one.
func ExampleWire() {
	var wire protocol.Wire = protocol.Text{}

	var sent []byte
	sent = wire.AppendGreeting(sent, protocol.Greeting{ClientID: 17, Name: "pod-x", Handler: "echo"})
	sent = wire.AppendEcho(sent, "ECHO: ", []byte("hi"))
	sent = wire.AppendText(sent, "bye")
	sent = wire.AppendError(sent, protocol.Error{Reason: "shutting_down"})
	fmt.Printf("%s", sent)
	// Output:
	// HELLO clientid=17 name=pod-x handler=echo
	// ECHO: hi
	// bye
	// ERR shutting_down
}

// The wire of a listener is asked for by its name.
func ExampleWires() {
	for _, name := range []string{protocol.TextName, protocol.JSONName, protocol.PickleName, protocol.RawName} {
		wire := protocol.Wires[name]
		fmt.Printf("%s: %q, verbatim %v\n", name, wire.AppendText(nil, "hi"), wire.Verbatim())
	}
	// Output:
	// text: "hi\n", verbatim false
	// json: "\"hi\"\n", verbatim false
	// pickle: "\x80\x02X\x02\x00\x00\x00hi.", verbatim true
	// raw: "hi\n", verbatim true
}

// A line may come in any number of pieces, and a piece may hold any number of lines.
func ExampleDecoder() {
	decoder := protocol.Text{}.NewDecoder(8192)
	for _, piece := range []string{"hi\nth", "ere\r\nbye"} {
		decoder.Feed([]byte(piece))
		for {
			msg, ok, err := decoder.Next()
			if err != nil {
				fmt.Println(err)
				return
			}
			if !ok {
				break
			}
			fmt.Printf("%q\n", msg)
		}
	}
	// The peer has ended its side.
	if msg, ok, _ := decoder.Finish(); ok {
		fmt.Printf("%q\n", msg)
	}
	// Output:
	// "hi"
	// "there"
	// "bye"
}

// A client that knows no newline is answered when it has been quiet for a while.
func ExampleDecoder_Pending() {
	decoder := protocol.Text{}.NewDecoder(8192)
	decoder.Feed([]byte("Test"))
	_, ok, _ := decoder.Next()
	fmt.Println(ok, decoder.Pending() == protocol.Quiet)

	// The reader of the socket has waited and nothing came.
	msg, ok, _ := decoder.Finish()
	fmt.Printf("%q %v\n", msg, ok)
	// Output:
	// false true
	// "Test" true
}

// Who stops in the middle of a piece has it held, and may then do with the piece what it likes.
func ExampleDecoder_Hold() {
	decoder := protocol.Text{}.NewDecoder(8192)
	piece := []byte("one\ntwo\n")
	decoder.Feed(piece)
	msg, _, _ := decoder.Next()
	fmt.Printf("%s\n", msg)

	decoder.Hold()
	clear(piece)
	msg, _, _ = decoder.Next()
	fmt.Printf("%s\n", msg)
	// Output:
	// one
	// two
}

func ExampleErrTooLong() {
	decoder := protocol.Text{}.NewDecoder(4)
	decoder.Feed([]byte("too long\n"))
	_, _, err := decoder.Next()
	fmt.Println(errors.Is(err, protocol.ErrTooLong))
	// Output: true
}

// Telnet's negotiation is dropped, so that it is never sent back.
func ExampleText() {
	decoder := protocol.Text{}.NewDecoder(8192)
	decoder.Feed([]byte("\xff\xfd\x03hi\xff\xf4\xff\xfd\x06 there\r\n"))
	msg, _, _ := decoder.Next()
	fmt.Printf("%q\n", msg)
	// Output: "hi there"
}

// An object ends by itself, wherever the network cuts it.
func ExampleJSON() {
	var wire protocol.JSON
	decoder := wire.NewDecoder(8192)
	for _, piece := range []string{`{"name": "A`, `nn"}{"name": "Bob"}`} {
		decoder.Feed([]byte(piece))
		for {
			msg, ok, err := decoder.Next()
			if err != nil || !ok {
				break
			}
			fields, _ := wire.Fields(msg)
			fmt.Printf("%s=%s\n", fields[0].Key, fields[0].Value)
		}
	}
	fmt.Printf("%s", wire.AppendRecord(nil, "ACK", []protocol.Field{{Key: "clientid", Value: "17", Number: true}}))
	// Output:
	// name=Ann
	// name=Bob
	// {"ack":true,"clientid":17}
}

// What Python pickles is shown as Python shows it.
func ExamplePickle() {
	var wire protocol.Pickle
	decoder := wire.NewDecoder(8192)
	// pickle.dumps({'name': 'Ann', 'tags': [1, True]}, 2)
	decoder.Feed([]byte("\x80\x02}q\x00(X\x04\x00\x00\x00nameq\x01X\x03\x00\x00\x00Annq\x02X\x04\x00\x00\x00tagsq\x03]q\x04(K\x01\x88eu."))
	msg, _, _ := decoder.Next()
	fmt.Println(wire.Text(msg))
	fmt.Printf("%q\n", wire.AppendText(nil, "hi"))
	// Output:
	// {'name': 'Ann', 'tags': [1, True]}
	// "\x80\x02X\x02\x00\x00\x00hi."
}

// Reading a pickle runs nothing.
func ExampleErrMalformed() {
	decoder := protocol.Pickle{}.NewDecoder(8192)
	decoder.Feed([]byte("cos\nsystem\n(S'reboot'\ntR."))
	_, _, err := decoder.Next()
	fmt.Println(err)
	fmt.Println(errors.Is(err, protocol.ErrMalformed))
	// Output:
	// malformed message: pickle opcode GLOBAL is refused: taken are None, bool, int, float, str, bytes, list, tuple, dict
	// true
}

func ExampleErrUnfinished() {
	decoder := protocol.JSON{}.NewDecoder(8192)
	decoder.Feed([]byte(`{"name": "Ann"`))
	_, ok, _ := decoder.Next()
	_, _, err := decoder.Finish()
	fmt.Println(ok, err)
	// Output: false unfinished message
}

// On the raw wire nothing is cut and nothing is added.
func ExampleRaw() {
	decoder := protocol.Raw{}.NewDecoder(0)
	decoder.Feed([]byte("\x00\x01\r\n\xff"))
	msg, _, _ := decoder.Next()
	fmt.Printf("%q\n", protocol.Raw{}.AppendEcho(nil, "", msg))
	// Output: "\x00\x01\r\n\xff"
}

func ExampleParseGreeting() {
	g, err := protocol.ParseGreeting([]byte("HELLO clientid=17 you=203.0.113.9:51544 name=pod-x newer=value"))
	fmt.Println(g.ClientID, g.You, g.Name, err)

	_, err = protocol.ParseGreeting([]byte("SSH-2.0-OpenSSH_9.9"))
	fmt.Println(err)
	// Output:
	// 17 203.0.113.9:51544 pod-x <nil>
	// no greeting: it does not begin with "HELLO "
}

func ExampleParseError() {
	e, ok := protocol.ParseError([]byte("ERR line_too_long limit=8192"))
	fmt.Println(e.Reason, e.Limit, ok)

	_, ok = protocol.ParseError([]byte("ECHO: hi"))
	fmt.Println(ok)
	// Output:
	// line_too_long 8192 true
	// false
}

func ExampleError() {
	var err error = protocol.Error{Reason: "line_too_long", Limit: 8192}
	fmt.Println(err)
	// Output: ERR line_too_long limit=8192
}

func ExamplePrintable() {
	fmt.Println(protocol.Printable("\x1b[2J Grüße", false))
	fmt.Println(protocol.Printable("\x1b[2J Grüße", true))
	// Output:
	// \x1b[2J Gr\u00fc\u00dfe
	// \x1b[2J Grüße
}
