package browser

import (
	"bufio"
	"net"
	"strings"
	"testing"
)

// A page for which there are no events, as too many are watching, asks every two seconds, and has events when there is room.
func TestTooManyViewers(t *testing.T) {
	d := serve(t, "127.0.0.1:0", "register://127.0.0.1:0")
	var viewers []net.Conn
	for full := false; !full; {
		viewer := d.dial(d.admin, "GET /events HTTP/1.1\r\nHost: "+d.admin+"\r\n\r\n")
		viewers = append(viewers, viewer)
		status, err := bufio.NewReader(viewer).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		full = strings.Contains(status, " 503 ")
	}
	v := openWith(t, d.admin, projector, true)
	v.await("that there are no events", `document.getElementById("status").textContent === "live, every 2 s"`)
	d.dial(d.addresses[0], "name=Ada\n")
	v.awaitNames("Ada")
	for _, viewer := range viewers {
		viewer.Close()
	}
	v.await("events", `document.getElementById("status").textContent === "live"`)
}
