//go:build unix

package main_test

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A thousand bad messages a second make few log lines, which account for each of them, and those of others are not among what
// is left out.
func TestLogRate(t *testing.T) {
	t.Parallel()
	const bad = 2000
	d := serve(t, "echo://127.0.0.1:0?wire=json")
	began := time.Now()
	for i := range bad {
		c := dial(t, d.addresses[0])
		must(t, c.send("{no JSON\n"))
		must(t, c.halfClose())
		_, _ = io.Copy(io.Discard, c.in)
		c.Close()
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Millisecond)))
	}
	good := dial(t, d.addresses[0])
	if _, err := good.line(); err != nil {
		t.Fatal(err)
	}
	must(t, good.send("{}\n"))
	must(t, good.halfClose())
	_, _ = io.Copy(io.Discard, good.in)
	lasted := time.Since(began)
	d.stop()

	log := d.stdout.String()
	written := strings.Count(log, `"reason":"bad_message","error"`)
	reports := regexp.MustCompile(`"msg":"log lines left out","of":"connection closed","left_out":(\d+),"reason":"bad_message"`).FindAllStringSubmatch(log, -1)
	leftOut := 0
	for _, report := range reports {
		n, err := strconv.Atoi(report[1])
		must(t, err)
		leftOut += n
	}
	t.Logf("%d bad messages in %v: %d lines, %d left out, said in %d lines", bad, lasted, written, leftOut, len(reports))
	if written+leftOut != bad {
		t.Errorf("%d lines and %d left out, want %d together", written, leftOut, bad)
	}
	if most := 100 + 10*int(lasted/time.Second+2); written > most {
		t.Errorf("%d lines, want at most %d", written, most)
	}
	if most := int(lasted/time.Second) + 2; len(reports) == 0 || len(reports) > most {
		t.Errorf("%d lines about those left out, want 1 to %d", len(reports), most)
	}
	if n := strings.Count(log, `"reason":"client_closed"`); n != 1 {
		t.Errorf("%d lines about the usual end, want 1", n)
	}
}
