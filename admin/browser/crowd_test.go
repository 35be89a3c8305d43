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

// scroll goes through the roll, so many pixels a frame, for so many ms, and counts frames and the rows that are in the page.
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
		roll.scrollTop += way * %[2]d;
		if (now - start < %[1]d) requestAnimationFrame(frame);
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
	idle := serve(t, "127.0.0.1:0", "echo://127.0.0.1:0")
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
		fault := v.round(d.addresses[1], idle.addresses[0])
		if fault == nil {
			break
		}
		t.Logf("round %d: %v", round, fault)
		if round == rounds {
			t.Fatalf("none of %d rounds was well", rounds)
		}
	}
	v.await("the rows it stands at", allKnown)
	v.do(`document.getElementById("roll").scrollTop = 0`)
	v.await("the first", `document.querySelector("#rows").textContent.includes("Student-")`)
	v.shoot("page-10000")
}

// A song is what a canary tells: a process of its own, which has a line echoed a hundred times a second, and counts from when it was
// due.
type song struct {
	Messages int
	Echo     struct{ P50, P99 float64 } `json:"echo_ms"`
}

func (s song) p99() time.Duration { return time.Duration(s.Echo.P99 * float64(time.Millisecond)) }

// sing lets a canary sing, and returns what waits for its end.
func sing(t *testing.T, echo string) func() song {
	t.Helper()
	done := make(chan song, 1)
	go func() {
		var s song
		out, err := exec.Command(parley, "bench", "-c", "1", "--rate", "100", "--duration", scrolling.String(), "--json", echo).Output()
		if err == nil {
			err = json.Unmarshal(out, &s)
		}
		if err != nil || s.Messages < 100 {
			t.Errorf("the canary: %v\n%s", err, out)
		}
		done <- s
	}()
	return func() song { return <-done }
}

// A motion is what became of scrolling.
type motion struct{ Frames, Seconds, Longest, Rows float64 }

func (m motion) rate() float64 { return m.Frames / m.Seconds }

// scroll scrolls by so many pixels a frame.
func (v *tab) scroll(pixels int, d time.Duration) motion {
	v.t.Helper()
	return js[motion](v, fmt.Sprintf(scroll, d.Milliseconds(), pixels))
}

// round scrolls for a while, and returns which promise was not kept. A second canary sings to a daemon that has nothing else to do, and
// before that the page stands still: how long that daemon has to wait, and how many frames that makes, are this machine's doing.
func (v *tab) round(echo, idle string) error {
	v.t.Helper()
	still := v.scroll(0, time.Second)
	canary, control := sing(v.t, echo), sing(v.t, idle)
	moved := v.scroll(200, scrolling)
	heard, machine := canary(), control()
	v.t.Logf("%.0f frames a second, the longest %.0f ms, and %.0f while it stands still; %.0f rows in the page; an echo p50 %.2f ms, p99 %v, of an idle daemon p99 %v",
		moved.rate(), moved.Longest, still.rate(), moved.Rows, heard.Echo.P50, heard.p99(), machine.p99())
	switch {
	case moved.Rows > 100:
		v.t.Errorf("%.0f rows are in the page", moved.Rows)
	case moved.rate() <= framesBound && moved.rate() < 0.6*still.rate():
		return fmt.Errorf("%.1f frames a second while scrolling, want more than %d", moved.rate(), framesBound)
	case heard.p99()-2*machine.p99() >= canaryBound:
		return fmt.Errorf("an echo took %v at p99, want less than %v and twice what one of an idle daemon took, %v", heard.p99(), canaryBound, machine.p99())
	}
	return nil
}
