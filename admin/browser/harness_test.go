package browser

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// rounds is how often something that has a bound is tried.
const rounds = 3

// patience is how long something may take that has no bound of its own, on a machine that is busy with other things.
const patience = 30 * time.Second

var (
	parley   string          // the binary under test
	chromium context.Context // the browser
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "browser")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(folder) }()
	parley = filepath.Join(folder, "parley")
	build := exec.Command("go", "build", "-o", parley, "./cmd/parley")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	program, err := exec.LookPath("chromium")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	nice, err := exec.LookPath("nice")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(program),
		chromedp.UserDataDir(filepath.Join(folder, "profile")),
		// The browser's own errands are no part of the test, and nothing is to leave this machine.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("disable-component-update", true),
	)
	// Beside a daemon that is measured, a browser which draws with the processor is not to be more than what is left: elsewhere
	// it runs on another machine.
	options = append(options, chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
		cmd.Path, cmd.Args = nice, append([]string{"nice", "-n", "5", program}, cmd.Args[1:]...)
	}))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	defer endAllocator()
	browser, endBrowser := chromedp.NewContext(allocator)
	defer endBrowser()
	if err := chromedp.Do(browser); err != nil {
		fmt.Fprintln(os.Stderr, "chromium:", err)
		return 1
	}
	chromium = browser //nolint:fatcontext // It is the one of all tests.
	return m.Run()
}

// A screen is what a page is looked at with.
type screen struct {
	width, height int64
	dark, phone   bool
}

var (
	projector = screen{width: 1440, height: 900}
	tall      = screen{width: 1440, height: 2000} // has room for a class
	phone     = screen{width: 390, height: 844, phone: true}
)

func (s screen) inDark() screen {
	s.dark = true
	return s
}

// A tab shows the page of a daemon, and fails its test when anything is asked of another host, a script throws, something is
// logged as an error, or a dialog opens.
type tab struct {
	t     *testing.T
	ctx   context.Context
	close context.CancelFunc
	host  string

	mu        sync.Mutex
	tolerates bool // errors of the network: the daemon is away
	requests  int
}

// open opens the page in a profile of its own.
func open(t *testing.T, admin string, s screen) *tab {
	t.Helper()
	return openWith(t, admin, s, false)
}

// openWith opens the page, which may be refused something from the start if the tab tolerates that.
func openWith(t *testing.T, admin string, s screen, tolerates bool) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	v := &tab{t: t, ctx: ctx, close: cancel, host: admin, tolerates: tolerates}
	if err := chromedp.Do(ctx); err != nil { // without a limit, which would be that of the tab
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, v.watch); err != nil {
		t.Fatal(err)
	}
	call(v, network.Enable, network.EnableParams{})
	call(v, log.Enable, cdp.Empty{})
	v.turn(s)
	v.run(chromedp.Navigate("http://" + admin + "/"))
	t.Cleanup(func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.requests < 3 { // the page, /clients and /events
			t.Errorf("%d requests were seen", v.requests)
		}
	})
	return v
}

// watch is called with every event of the tab.
func (v *tab) watch(event any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		v.requests++
		if u, err := url.Parse(e.Request.URL); err != nil || u.Scheme != "data" && (u.Scheme != "http" || u.Host != v.host) {
			v.t.Errorf("a request for %s", e.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		v.t.Errorf("a script threw: %v", e.ExceptionDetails)
	case *log.EventEntryAdded:
		if !v.tolerates || e.Entry.Source != log.EntrySourceNetwork {
			v.t.Errorf("logged: %s %s", e.Entry.Text, e.Entry.URL)
		}
	case *page.EventJavascriptDialogOpening:
		v.t.Errorf("a dialog opened: %s", e.Message)
	}
}

// tolerate says whether the daemon may be away.
func (v *tab) tolerate(tolerates bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tolerates = tolerates
}

// limited is the tab's context for one action.
func (v *tab) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(v.ctx, patience)
}

func (v *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	ctx, cancel := v.limited()
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		v.t.Fatal(err)
	}
}

// call calls a command of the DevTools protocol.
func call[P, R any](v *tab, command cdp.Command[P, R], params P) {
	v.t.Helper()
	ctx, cancel := v.limited()
	defer cancel()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		v.t.Fatal(err)
	}
}

// turn changes what the page is looked at with.
func (v *tab) turn(s screen) {
	v.t.Helper()
	scheme := "light"
	if s.dark {
		scheme = "dark"
	}
	call(v, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: s.width, Height: s.height, DeviceScaleFactor: 1, Mobile: s.phone,
	})
	call(v, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// js evaluates an expression, a promise to its end, into a value of any type that JSON has.
func js[T any](v *tab, expression string) T {
	v.t.Helper()
	ctx, cancel := v.limited()
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		v.t.Fatal(err)
	}
	return value
}

// do evaluates statements.
func (v *tab) do(statements string) {
	v.t.Helper()
	js[bool](v, "(() => {"+statements+"; return true})()")
}

// await waits until an expression is true.
func (v *tab) await(what, expression string) {
	v.t.Helper()
	if !v.sees(expression) {
		v.t.Fatalf("not seen: %s\n%s", what, js[string](v, "document.body.innerText"))
	}
}

// sees waits within the page until an expression is true there, and reports whether it has become so.
func (v *tab) sees(expression string) bool {
	v.t.Helper()
	ctx, cancel := v.limited()
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`new Promise((seen, failed) => {
		const look = () => {
			try {
				if (`+expression+`) seen(true); else setTimeout(look, 50);
			} catch (fault) {
				failed(fault);
			}
		};
		look();
	})`, chromedp.EvalAwaitPromise))
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		v.t.Fatal(err)
	}
	return err == nil
}

// A row is one of the roll, as it reads.
type row struct{ ID, Name, Email, Address, State, Notes string }

// shownRows are those that the page has in it and shows, from top to bottom.
const shownRows = `[...document.querySelectorAll("#rows tr:not([hidden])")]
	.sort((a, b) => a.getAttribute("aria-rowindex") - b.getAttribute("aria-rowindex"))`

// allKnown is true when the page has got all that these rows are to show.
const allKnown = `!document.querySelector("#rows tr.is-unknown:not([hidden])")`

// rows are what shownRows read.
func (v *tab) rows() []row {
	v.t.Helper()
	return js[[]row](v, shownRows+`
		.map((tr) => {
			const text = (q) => tr.querySelector(q).textContent;
			return {ID: text(".id .main"), Name: text(".who .main"), Email: text(".who .more"),
				Address: text(".address .main"), State: text(".state .main"), Notes: text(".state .more")};
		})`)
}

// names are those of the rows.
func (v *tab) names() []string {
	v.t.Helper()
	var names []string
	for _, r := range v.rows() {
		names = append(names, r.Name)
	}
	return names
}

// awaitNames waits until the rows have these names, in this order.
func (v *tab) awaitNames(want ...string) {
	v.t.Helper()
	names, err := json.Marshal(append([]string{}, want...)) // Nobody is [], and not null.
	if err != nil {
		v.t.Fatal(err)
	}
	if !v.sees(`JSON.stringify(` + shownRows + `.map((tr) => tr.querySelector(".who .main").textContent)) === JSON.stringify(` + string(names) + `)`) {
		v.t.Fatalf("got  %q\nwant %q", v.names(), want)
	}
}

// quoted is a text in a script.
func quoted(s string) string { return fmt.Sprintf("%q", strings.ToValidUTF8(s, "")) }
