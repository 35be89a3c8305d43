package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// What a viewer does: sort, search, choose, pause, all of it by the keyboard.
func TestView(t *testing.T) {
	d := serve(t, "127.0.0.1:0", "register://127.0.0.1:0", "echo://127.0.0.1:0")
	v := open(t, d.admin, projector)
	v.await("nobody", `document.getElementById("empty").checkVisibility()`)
	for _, line := range []string{"name=Carl", "name=Ada", "name=Bob"} {
		d.dial(d.addresses[0], line+"\n")
		v.await(line, `document.querySelector("#rows").textContent.includes("`+line[5:]+`")`)
	}
	v.awaitNames("Carl", "Ada", "Bob")

	// By name, and the other way round.
	v.run(focus("th.who button"), chromedp.KeyEvent(kb.Enter))
	v.awaitNames("Ada", "Bob", "Carl")
	v.await("the order said", `document.querySelector("th.who").getAttribute("aria-sort") === "ascending"`)
	v.run(chromedp.KeyEvent(kb.Enter))
	v.awaitNames("Carl", "Bob", "Ada")
	v.await("the order said", `document.querySelector("th.who").getAttribute("aria-sort") === "descending"`)
	v.run(focus("th.id button"), chromedp.KeyEvent(kb.Enter))
	v.awaitNames("Carl", "Ada", "Bob")

	v.run(focus("#search"), chromedp.KeyEvent("bo"))
	v.awaitNames("Bob")
	v.run(chromedp.KeyEvent("x"))
	v.awaitNames()
	v.await("nobody like that", `document.getElementById("empty").textContent === "Nobody like that."`)
	v.run(chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent(kb.Backspace), chromedp.KeyEvent(kb.Backspace))
	v.awaitNames("Carl", "Ada", "Bob")

	// What is typed to connect is right for the listener that is chosen.
	v.await("netcat", `document.getElementById("recipes").textContent.includes("nc 127.0.0.1 `+d.port()+`")`)
	v.await("python", `document.getElementById("recipes").textContent.includes("(\"127.0.0.1\", `+d.port()+`)")`)
	v.run(focus("#connect-host"), chromedp.KeyEvent("lab.test"))
	v.await("the host typed", `document.getElementById("recipes").textContent.includes("parley connect --name Ada lab.test:`+d.port()+`")`)

	// In a pause the page stands still; then it catches up.
	v.run(focus("#pause"), chromedp.KeyEvent(kb.Enter))
	d.dial(d.addresses[0], "name=Dora\n")
	v.await("the pause and what is missed", `document.getElementById("status").textContent === "paused: 1 came, 0 left since"`)
	v.awaitNames("Carl", "Ada", "Bob")
	v.run(chromedp.KeyEvent(kb.Enter))
	v.awaitNames("Carl", "Ada", "Bob", "Dora")

	// Only who has left.
	if err := hangUp(d.dial(d.addresses[1], "hi\n")); err != nil {
		t.Fatal(err)
	}
	v.run(focus("input[value=all]"), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight))
	v.await("one who left", `document.querySelectorAll("#rows tr:not([hidden])").length === 1 && document.querySelector("#rows tr.is-left .address .main")`)

	// The theme goes from auto to light and to dark, and stays.
	v.run(focus("#theme"), chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Enter))
	v.await("dark", `getComputedStyle(document.body).backgroundColor === "rgb(17, 19, 23)"`)
	v.run(chromedp.Reload())
	v.await("still dark", `getComputedStyle(document.body).backgroundColor === "rgb(17, 19, 23)"`)

	// Rows are higher on a phone, and none lies on another, also when the window has become that narrow.
	v.await("rows again", `document.querySelectorAll("#rows tr:not([hidden])").length === 5`)
	v.turn(phone)
	v.await("rows one below the other", `(() => {
		const boxes = [...document.querySelectorAll("#rows tr:not([hidden])")].map((tr) => tr.getBoundingClientRect()).sort((a, b) => a.top - b.top);
		return boxes.length > 3 && boxes[0].height === 64 && boxes.every((box, i) => i === 0 || box.top >= boxes[i - 1].bottom - 0.5);
	})()`)
}

// Nobody can type a search that is too long for the server. One that is too long all the same is given up, and is no reason to announce
// that the server is lost.
func TestSearchTooLong(t *testing.T) {
	d := serve(t, "127.0.0.1:0", "register://127.0.0.1:0")
	v := open(t, d.admin, projector)
	d.dial(d.addresses[0], "name=Ada\n")
	v.awaitNames("Ada")
	v.run(focus("#search"), chromedp.KeyEvent(strings.Repeat("\u20ac", 90)))
	v.awaitNames()
	v.await("a search that was cut", `filter.q.length === 80 && live.state === "live"`)

	v.do(`window.states = []; const changed = live.changed; live.changed = () => { states.push(live.state); changed(); }`)
	v.tolerate(true) // The browser logs the 400.
	v.do(`const search = document.getElementById("search"); search.value = "x".repeat(257); search.dispatchEvent(new Event("input"))`)
	v.awaitNames("Ada")
	v.await("no search", `filter.q === "" && document.getElementById("search").value === "" && !states.includes("lost")`)
}

func focus(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Focus(chromedp.CSS(selector))
}
