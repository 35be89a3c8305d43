package browser

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// A page for which there are no events, as too many are watching, asks every two seconds, and has events when there is room.
func TestTooManyViewers(t *testing.T) {
	d := serve(t, "127.0.0.1:0", "register://127.0.0.1:0")
	var viewers []*http.Response
	leave := func() {
		for _, response := range viewers {
			response.Body.Close()
		}
		viewers = nil
	}
	defer leave()
	for {
		response, err := http.Get("http://" + d.admin + "/events")
		if err != nil {
			t.Fatal(err)
		}
		viewers = append(viewers, response)
		if response.StatusCode == http.StatusServiceUnavailable {
			break
		}
		if line, err := bufio.NewReader(response.Body).ReadString('\n'); err != nil || !strings.HasPrefix(line, "retry:") {
			t.Fatalf("%q, %v", line, err)
		}
	}
	v := open(t, d.admin, projector)
	v.tolerate(true)
	v.await("that there are no events", `document.getElementById("status").textContent === "live, every 2 s"`)
	d.dial(d.addresses[0], "name=Ada\n")
	v.awaitNames("Ada")
	leave()
	v.await("events", `document.getElementById("status").textContent === "live"`)
}
