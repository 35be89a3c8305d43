package client_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"
	"time"

	"parley/client"
)

// TestPickle_hostileServer: what the dearest pickles of 64 KiB, the longest that are read, cost as a greeting and as an
// answer. It is not parallel, as it counts what the whole process allocates.
func TestPickle_hostileServer(t *testing.T) {
	const (
		longest   = 64 << 10
		mostBytes = 128 << 20       // in all, of which the collector takes most back on the way
		most      = 2 * time.Second // On a machine with nothing else to do it is a twentieth of that.
	)
	keys := []byte("}(")
	for i := uint32(0); len(keys) < longest-8; i++ {
		keys = append(binary.LittleEndian.AppendUint32(append(keys, 'J'), 1<<20+i), 'N')
	}
	keys = append(keys, "u."...)
	dicts := []byte("\x80\x02](" + strings.Repeat("}", longest-6) + "e.")
	greeting := []byte("\x80\x02}X\x08\x00\x00\x00clientidK\x07s.")
	tooLong := append(bytes.Clone(dicts[:len(dicts)-2]), "}e."...)

	tests := []struct {
		name     string
		greeting []byte
		answer   []byte
		text     int // bytes of it at least that the answer says; 0: it is refused
	}{
		{"greeting of many dicts", dicts, nil, 0},
		{"greeting of many keys", keys, nil, 0},
		{"answer of many dicts", greeting, dicts, longest},
		{"answer of many keys", greeting, keys, longest},
		{"answer that is too long", greeting, tooLong, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			d := patiently(client.Dialer{Wire: "pickle"})
			conn, err := d.Converse(t.Context(), &tape{pieces: [][]byte{tt.greeting, tt.answer}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Greeting(); (err == nil) != (tt.answer != nil) {
				t.Errorf("Greeting = %v", err)
			}
			text := ""
			msg, err := conn.Receive(context.Background())
			if err == nil {
				text = conn.Text(msg)
			}
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			allocated := after.TotalAlloc - before.TotalAlloc
			t.Logf("%d MiB allocated in %v", allocated>>20, took)
			if allocated > mostBytes || took > most {
				t.Errorf("%d bytes and %v, want at most %d and %v", allocated, took, mostBytes, most)
			}
			if tt.answer != nil && (err == nil) != (tt.text > 0) || len(text) < tt.text {
				t.Errorf("it says %d bytes, %v", len(text), err)
			}
		})
	}
}
