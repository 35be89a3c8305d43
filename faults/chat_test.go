//go:build system && linux

package faults_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"parley/faults/daemontest"
)

// spokenLine is what a speaker of TestH3_stalledChat says, as others hear it: who, the how-manyeth, and when.
var spokenLine = regexp.MustCompile(`speaker=(\d+) line=(\d+) at=(\d+) `)

// In a chat of 50 who never read and 50 who converse, these lose nothing, hear each other in order, and soon.
func TestH3_stalledChat(t *testing.T) {
	eachTransport(t, func(f *fault) {
		const stalled, healthy = 50, 50
		lasts := sized(f, 4*time.Second, 30*time.Second)
		// Their share of what the system and the room hold is small, so that it is full in time.
		p := f.serve("chat://127.0.0.1:0?greeting=off&queue=256&send_buffer=16KiB")
		p.clientsAbort = true // Who never reads leaves it all unread.
		for range stalled {
			conn, err := (&net.Dialer{Control: setsockopt(unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10)}).Dial("tcp", p.Addresses[0])
			f.must(err)
			f.Cleanup(func() { conn.Close() })
			f.must(sends(conn, "I do not read\n"))
		}
		members := make([]*daemontest.Client, healthy)
		for i := range members {
			members[i] = f.dial(p.Addresses[0])
			f.must(members[i].Send(fmt.Sprintf("/name m%d\n", i)))
		}
		f.eventually("all are in the room", func() bool { return p.own("parley_messages_total") == stalled+healthy })

		ctx, cancel := context.WithTimeout(f.Context(), lasts)
		defer cancel()
		padding := strings.Repeat("~", 1000)
		var said [healthy]atomic.Int64
		var heard [healthy][healthy]int64
		var mu sync.Mutex
		var took []time.Duration
		var speaking, listening sync.WaitGroup
		for i, member := range members {
			speaking.Go(func() {
				time.Sleep(time.Second / 2 * time.Duration(i) / healthy) // People do not speak all at once.
				daemontest.Every(ctx, time.Second/2, func(n int) {
					if err := member.Send(fmt.Sprintf("speaker=%d line=%d at=%d %s\n", i, n, time.Now().UnixNano(), padding)); err != nil {
						f.Errorf("speaker %d: %v", i, err)
					}
					said[i].Add(1)
				})
			})
			listening.Go(func() {
				for {
					line, err := member.Line()
					if err != nil {
						if !errors.Is(err, io.EOF) {
							f.Errorf("listener %d: %v", i, err)
						}
						return
					}
					match := spokenLine.FindStringSubmatch(line)
					if match == nil {
						continue // Somebody comes or leaves.
					}
					who, _ := strconv.Atoi(match[1])
					n, _ := strconv.ParseInt(match[2], 10, 64)
					at, _ := strconv.ParseInt(match[3], 10, 64)
					if n != heard[i][who] {
						f.Errorf("%d heard line %d of %d, want %d", i, n, who, heard[i][who])
					}
					heard[i][who] = n + 1
					mu.Lock()
					took = append(took, time.Since(time.Unix(0, at)))
					mu.Unlock()
				}
			})
		}
		speaking.Wait()
		dropped := p.ended("slow_reader", "write_timeout")
		want := 0
		for i := range said {
			want += int(said[i].Load()) * (healthy - 1)
		}
		f.eventually("all that was said is heard", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(took) >= want
		})
		for _, member := range members {
			f.must(member.HalfClose())
		}
		listening.Wait()
		p99 := daemontest.Quantile(took, .99)
		f.figure("in a chat with 50 who never read: lines heard, of as many sent", "%s", fmt.Sprintf("%d of %d", len(took), want))
		f.figure("in a chat with 50 who never read: 99 % heard within", "%v", p99)
		f.figure("in a chat with 50 who never read: dropped, of those", "%d", dropped)
		if dropped != stalled {
			f.Errorf("%d who do not read were dropped, want %d", dropped, stalled)
		}
		if len(took) != want {
			f.Errorf("%d lines were heard, want %d", len(took), want)
		}
		if bound := boundBeside(p.witness.P99()); p99 >= bound && !raceDetector {
			f.Errorf("99 %% of the lines were heard within %v, want less than %v", p99, bound)
		}
	})
}
