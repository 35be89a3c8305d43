package browser

import (
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// A crowd is many clients, and what is promised for it.
const (
	crowd       = 10_000
	framesBound = 30                    // a second while the roll is scrolled, at least
	canaryBound = 50 * time.Millisecond // p99 of an echo meanwhile, at most
	scrolling   = 3 * time.Second
)

// scroll goes through the roll, some rows a frame, for so many ms, and counts frames and the rows that were not known when they were
// shown.
const scroll = `new Promise((resolve) => {
	const roll = document.getElementById("roll");
	let frames = 0, longest = 0, nodes = 0, before = 0, start = 0, way = 1;
	const frame = (now) => {
		start ||= now;
		if (before) { frames++; longest = Math.max(longest, now - before); }
		before = now;
		nodes = Math.max(nodes, document.querySelectorAll("#rows tr").length);
		if (roll.scrollTop + roll.clientHeight >= roll.scrollHeight - 2) way = -1;
		if (roll.scrollTop === 0) way = 1;
		roll.scrollTop += way * 200;
		if (now - start < %d) requestAnimationFrame(frame);
		else resolve({Frames: frames, Seconds: (now - start) / 1000, Longest: longest, Rows: nodes});
	};
	requestAnimationFrame(frame);
})`

// Ten thousand clients, some of which talk, freeze neither the page nor the daemon.
func TestCrowd(t *testing.T) {
	listeners := []string{"register://127.0.0.1:0", "echo://127.0.0.1:0"}
	if *screenshots != "" {
		listeners = []string{"register://:12000", "echo://:12001"}
	}
	d := serve(t, "127.0.0.1:0", listeners...)
	v := open(t, d.admin, projector)
	conns := make([]net.Conn, crowd)
	var dialling sync.WaitGroup
	for part := range 8 {
		dialling.Go(func() {
			for i := part; i < crowd; i += 8 {
				conn, err := net.Dial("tcp", d.addresses[0])
				if err != nil {
					t.Error(err)
					return
				}
				conns[i] = conn
				fmt.Fprintf(conn, "name=Student-%05d email=s%05d@example.org\n", i, i)
			}
		})
	}
	dialling.Wait()
	if t.Failed() {
		t.FailNow()
	}
	defer func() {
		for _, conn := range conns {
			conn.Close()
		}
	}()
	v.await("all of them", `document.getElementById("here").textContent === "10,000"`)

	// Some talk, all the while.
	done := make(chan struct{})
	var talking sync.WaitGroup
	talking.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i += 10 {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			for j := range 10 {
				fmt.Fprintf(conns[(i+j)*7%crowd], "hello from %d\n", i)
			}
		}
	})
	defer talking.Wait()
	defer close(done)

	// What others do on this machine meanwhile makes a round worse and never better, so one that is well will do.
	for round := 1; ; round++ {
		fault := v.round(d.addresses[1])
		if fault == nil {
			break
		}
		t.Logf("round %d: %v", round, fault)
		if round == rounds {
			t.Fatalf("none of %d rounds was well", rounds)
		}
	}
	v.await("the rows it stands at", `!document.querySelector("#rows tr.is-unknown:not([hidden])")`)
	v.do(`document.getElementById("roll").scrollTop = 0`)
	v.await("the first", `document.querySelector("#rows").textContent.includes("Student-")`)
	time.Sleep(time.Second)
	v.shoot("page-10000")
}

// round scrolls for a while, with a canary that is a process of its own and waits for nobody here, and returns which promise was
// not kept.
func (v *tab) round(echo string) error {
	v.t.Helper()
	var out []byte
	var failed error
	var canary sync.WaitGroup
	canary.Go(func() {
		out, failed = exec.Command(parley, "bench", "-c", "1", "--rate", "100", "--duration", scrolling.String(), "--json", echo).Output()
	})
	moved := js[struct{ Frames, Seconds, Longest, Rows float64 }](v, fmt.Sprintf(scroll, scrolling.Milliseconds()))
	canary.Wait()
	var answer struct {
		Messages int
		Echo     struct{ P50, P99 float64 } `json:"echo_ms"`
	}
	if failed == nil {
		failed = json.Unmarshal(out, &answer)
	}
	if failed != nil {
		v.t.Fatalf("the canary: %v\n%s", failed, out)
	}
	rate := moved.Frames / moved.Seconds
	p99 := time.Duration(answer.Echo.P99 * float64(time.Millisecond))
	v.t.Logf("%.0f frames a second, the longest %.0f ms; %.0f rows in the page; an echo p50 %.2f ms, p99 %v of %d",
		rate, moved.Longest, moved.Rows, answer.Echo.P50, p99, answer.Messages)
	switch {
	case moved.Rows > 100:
		v.t.Errorf("%.0f rows are in the page", moved.Rows)
	case rate <= framesBound:
		return fmt.Errorf("%.1f frames a second while scrolling, want more than %d", rate, framesBound)
	case p99 >= canaryBound || answer.Messages < 100:
		return fmt.Errorf("an echo took %v at p99 of %d messages, want less than %v", p99, answer.Messages, canaryBound)
	}
	return nil
}
