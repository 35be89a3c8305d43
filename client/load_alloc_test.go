// The race detector has sync.Pool drop things at random, so that what is pooled cannot be counted.
//go:build !race

package client_test

import (
	"net"
	"runtime"
	"testing"

	"parley/client"
)

// TestLoadNoAllocation is not parallel, as it counts what the whole process allocates.
//
// A longer load may allocate no more than a shorter one, but for what the watch and the runtime do as time passes.
func TestLoadNoAllocation(t *testing.T) {
	address := serve(t, func(nc *net.TCPConn) {
		buf := make([]byte, 4<<10)
		for {
			n, err := nc.Read(buf)
			if err != nil {
				return
			}
			if _, err := nc.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	for name, dialer := range dialers() {
		dialer.NoGreeting = true
		for _, rate := range []float64{0, 5000} {
			count := func(l client.Load) (messages, allocations uint64) {
				l.Address, l.Dialer, l.Rate, l.Connections = address, dialer, rate, 10
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				r := load(t, l)
				runtime.ReadMemStats(&after)
				if r.ErrorCount() != 0 {
					t.Fatalf("%s, rate %g: %v", name, rate, r)
				}
				return r.Messages, after.Mallocs - before.Mallocs
			}
			fewMessages, few := count(client.Load{Duration: brief})
			moreMessages, more := count(client.Load{Duration: 4 * brief})
			messages := moreMessages - fewMessages
			if moreMessages < fewMessages+500 {
				t.Fatalf("%s, rate %g: %d messages in %v, and %d in %v", name, rate, fewMessages, brief, moreMessages, 4*brief)
			}
			if per := (float64(more) - float64(few)) / float64(messages); per > 0.05 {
				t.Errorf("%s, rate %g: %.3f allocations a message (%d and %d for %d and %d)", name, rate, per, few, more, fewMessages, moreMessages)
			} else {
				t.Logf("%s, rate %g: %.4f allocations a message over %d messages", name, rate, per, messages)
			}
		}
	}
}
