package server_test

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"parley/handler"
	"parley/server"
)

// FuzzFaults has any faults that lose and change nothing, and a handler that sends in any pieces: the same bytes arrive, in the
// same order, and no later than all faults together allow.
func FuzzFaults(f *testing.F) {
	f.Add(uint16(200), uint16(50), uint32(1<<10), uint16(3), uint16(10), uint64(1), []byte("hello, world"), uint16(5), true)
	f.Add(uint16(0), uint16(0), uint32(0), uint16(1), uint16(0), uint64(2), bytes.Repeat([]byte("x"), 3000), uint16(1), false)

	f.Add(uint16(1), uint16(0), uint32(1<<31), uint16(65535), uint16(1), uint64(4), bytes.Repeat([]byte("abcdefg"), 20_000), uint16(65535), false)
	f.Fuzz(func(t *testing.T, delay, jitter uint16, rate uint32, chop, stall uint16, seed uint64, text []byte, part uint16, shared bool) {
		if len(text) > 200_000 || rate != 0 && len(text)/int(max(1, rate/50)) > 1000 {
			return // It would take too long.
		}
		faults := server.Faults{
			Delay: time.Duration(delay) * time.Millisecond, Jitter: time.Duration(jitter) * time.Millisecond, Rate: int64(rate),
			Chop: int64(chop), Stall: time.Duration(stall) * time.Millisecond, Seed: seed,
			CloseAfter: 24 * time.Hour, ResetAfter: int64(len(text)) + 1, HalfCloseAfter: int64(len(text)) + 1,
		}
		size := max(1, int(part))
		if chop != 0 && len(text)/int(chop)+len(text)/size > 1000 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			s := serve(t, overPipe, handler.Func(func(s handler.Session) error {
				for rest := bytes.Clone(text); len(rest) > 0; rest = rest[min(size, len(rest)):] {
					if err := s.Echo("", rest[:min(size, len(rest))]); err != nil {
						return err
					}
				}
				if shared {
					return nil // The rest arrives behind the handler's back.
				}
				return discards(s)
			}), raw, misbehaving(faults))
			c := s.dial()
			if !shared {
				c.closeWrite()
			}
			began := time.Now()
			got, err := io.ReadAll(c.r)
			if err != nil || !bytes.Equal(got, text) {
				t.Fatalf("got %d bytes, %v; want the %d that were sent", len(got), err, len(text))
			}
			most := faults.Stall + 2*faults.Delay + time.Second + time.Duration(len(text))*chopPause
			if rate != 0 {
				most += time.Duration(len(text)) * time.Second / time.Duration(rate)
			}
			if len(text) > 64<<10 {
				most += time.Duration(len(text)/(32<<10)) * 2 * faults.Delay
			}
			if took := time.Since(began); took > most || len(text) > 0 && took < faults.Stall {
				t.Errorf("%d bytes took %v, want at most %v", len(text), took, most)
			}
		})
	})
}

// chopPause is what stands between two pieces at least.
const chopPause = time.Millisecond
