package handler_test

import (
	"flag"
	"fmt"
	"testing"

	"go.uber.org/goleak"
)

// portable says that servers are to have the portable transport where they would have a faster one.
var portable bool

// TestMain runs the tests twice, but for fuzzing, the second time over the portable transport.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(twice{m})
}

type twice struct{ m *testing.M }

func (t twice) Run() int {
	if status := t.m.Run(); status != 0 || flag.Lookup("test.fuzz").Value.String() != "" {
		return status
	}
	fmt.Println("again, over the portable transport:")
	portable = true
	return t.m.Run()
}
