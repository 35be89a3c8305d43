package protocol_test

import (
	"bytes"
	"strings"
	"testing"

	"parley/protocol"
)

func BenchmarkDecoder(b *testing.B) {
	line := append(bytes.Repeat([]byte("x"), 63), '\n')
	full := bytes.Repeat(line, 32<<10/len(line))
	object := []byte(`{"clientid": 17, "name": "Ann Other", "email": "ann@example.org"}` + "\n")
	dict := []byte(pickledAnn2)
	benchmarks := []struct {
		name   string
		wire   protocol.Wire
		pieces [][]byte
	}{
		{"text/64B", protocol.Text{}, [][]byte{line}},
		{"text/64B-in-two", protocol.Text{}, [][]byte{line[:32], line[32:]}},
		{"text/32KiB-of-64B", protocol.Text{}, [][]byte{full}},
		{"json/object", protocol.JSON{}, [][]byte{object}},
		{"json/object-in-two", protocol.JSON{}, [][]byte{object[:32], object[32:]}},
		{"json/string-8KiB", protocol.JSON{}, [][]byte{[]byte(`"` + strings.Repeat("x", 8000) + "\"\n")}},
		{"pickle/dict", protocol.Pickle{}, [][]byte{dict}},
		{"pickle/dict-in-two", protocol.Pickle{}, [][]byte{dict[:32], dict[32:]}},
		{"pickle/str-8KiB", protocol.Pickle{}, [][]byte{protocol.Pickle{}.AppendText(nil, strings.Repeat("x", 8000))}},
		{"raw/64B", protocol.Raw{}, [][]byte{line}},
		{"raw/32KiB", protocol.Raw{}, [][]byte{full}},
	}
	for _, bb := range benchmarks {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(int64(len(bytes.Join(bb.pieces, nil))))
			b.ReportAllocs()
			d := bb.wire.NewDecoder(8192)
			for b.Loop() {
				for _, p := range bb.pieces {
					d.Feed(p)
					for {
						_, ok, err := d.Next()
						if err != nil {
							b.Fatal(err)
						}
						if !ok {
							break
						}
					}
				}
			}
		})
	}
}

func BenchmarkAppendEcho(b *testing.B) {
	for _, name := range []string{protocol.TextName, protocol.JSONName, protocol.PickleName, protocol.RawName} {
		b.Run(name+"/64B", func(b *testing.B) {
			w := protocol.Wires[name]
			msg := bytes.TrimSuffix(w.AppendText(nil, strings.Repeat("x", 64)), []byte("\n"))
			dst := make([]byte, 0, 128)
			b.SetBytes(int64(len(msg)))
			b.ReportAllocs()
			for b.Loop() {
				dst = w.AppendEcho(dst[:0], "ECHO: ", msg)
			}
		})
	}
}

func BenchmarkGreeting(b *testing.B) {
	g := protocol.Greeting{ClientID: 17, You: "203.0.113.9:51544", Me: "10.2.1.4:12000", Name: "pod-x", Handler: "echo"}
	line := protocol.Text{}.AppendGreeting(nil, g)
	b.Run("append", func(b *testing.B) {
		dst := make([]byte, 0, 128)
		b.SetBytes(int64(len(line)))
		b.ReportAllocs()
		for b.Loop() {
			dst = protocol.Text{}.AppendGreeting(dst[:0], g)
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.SetBytes(int64(len(line)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := protocol.ParseGreeting(line[:len(line)-1]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkFields(b *testing.B) {
	benchmarks := []struct {
		name string
		wire protocol.Wire
		msg  string
	}{
		{"text", protocol.Text{}, "name=Ann tags=1,True none=None"},
		{"json", protocol.JSON{}, `{"name":"Ann","tags":[1,true],"none":null}`},
		{"pickle", protocol.Pickle{}, pickledAnn2},
	}
	for _, bb := range benchmarks {
		b.Run(bb.name, func(b *testing.B) {
			msg := []byte(bb.msg)
			b.SetBytes(int64(len(msg)))
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := bb.wire.Fields(msg); !ok {
					b.Fatal("no fields")
				}
			}
		})
	}
}
