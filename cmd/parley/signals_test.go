package main_test

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	parley "parley/cmd/parley"
)

// Signals of a kind that come within 50 ms of the first are one.
func TestMergeSignals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, out := make(chan os.Signal), make(chan os.Signal, 10)
		go func() {
			parley.MergeSignals(in, out)
			close(out)
		}()
		after := func(d time.Duration, sig os.Signal) {
			time.Sleep(d)
			in <- sig
		}
		after(0, syscall.SIGTERM)
		after(0, syscall.SIGTERM)
		after(49*time.Millisecond, syscall.SIGTERM)
		after(0, syscall.SIGINT)                   // another kind
		after(time.Millisecond, syscall.SIGTERM)   // 50 ms behind the first
		after(49*time.Millisecond, syscall.SIGINT) // 50 ms behind the first
		after(0, syscall.SIGINT)
		close(in)
		var got []os.Signal
		for sig := range out {
			got = append(got, sig)
		}
		want := []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGTERM, syscall.SIGINT}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
