package browser

import "testing"

// The page says that it has lost the server, and catches up when that is back, which knows nothing of the one before.
func TestRestart(t *testing.T) {
	d := serve(t, "127.0.0.1:0", "register://127.0.0.1:0")
	v := open(t, d.admin, projector)
	d.dial(d.addresses[0], "name=Before\n")
	v.awaitNames("Before")
	// A choice that will make no sense to the next server.
	v.do(`const choice = document.getElementById("listener"); choice.selectedIndex = 1; choice.dispatchEvent(new Event("change"))`)
	v.await("the choice", `filter.listener === "register://127.0.0.1:0"`)
	v.awaitNames("Before")

	v.tolerate(true)
	d.stop()
	v.await("that the server is lost", `/^lost since \d+ s, trying again$/.test(document.getElementById("status").textContent)`)
	v.await("for how long", `/^lost since [2-9] s, /.test(document.getElementById("status").textContent)`)
	v.awaitNames("Before")

	again := serve(t, d.admin, "register://"+d.addresses[0])
	again.dial(d.addresses[0], "name=After\n")
	v.awaitNames("After")
	v.await("live", `document.getElementById("status").textContent === "live"`)
	v.tolerate(false)
	defer v.tolerate(true)
	again.dial(d.addresses[0], "name=Later\n")
	v.awaitNames("After", "Later")
}

// A stream of events that is dead, and says nothing of it, is begun again when the page finds that something has changed.
func TestDeadStream(t *testing.T) {
	d := serve(t, "127.0.0.1:0", "register://127.0.0.1:0")
	v := open(t, d.admin, projector)
	d.dial(d.addresses[0], "name=Ada\n")
	v.awaitNames("Ada")
	v.do(`live.events.close(); live.lastEvent = 0`)
	d.dial(d.addresses[0], "name=Bob\n")
	v.await("that there are no events", `!document.querySelector("#rows").textContent.includes("Bob")`)
	v.do(`live.refresh(0)`)
	v.awaitNames("Ada", "Bob")
	v.await("events", `live.events.readyState === EventSource.OPEN && live.lastEvent > 0`)
	d.dial(d.addresses[0], "name=Carl\n")
	v.awaitNames("Ada", "Bob", "Carl")

	// Of a server that it takes for another run, it keeps the ID of the first event.
	v.do(`live.events.close(); live.epoch = "another"; live.lastID = undefined; live.listen()`)
	v.await("the ID of the hello", `live.lastID?.startsWith(live.epoch + "-")`)
}
