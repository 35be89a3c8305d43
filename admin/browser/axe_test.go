package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A violation is what axe-core has found.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML, FailureSummary string }
}

// axe-core finds nothing wrong with the page, whatever it is looked at with.
func TestAccessible(t *testing.T) {
	axe, err := os.ReadFile(filepath.Join("node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("%v: npm ci --prefix admin/browser fetches it", err)
	}
	d := serve(t, "127.0.0.1:0", "register://127.0.0.1:0", "register://127.0.0.1:0?wire=pickle", "echo+tls://127.0.0.1:0", "echo://127.0.0.1:0")
	for _, line := range []string{"name=Ada email=ada@example.org", "name=Grace"} {
		d.dial(d.addresses[0], line+"\n")
	}
	d.dial(d.addresses[3], "hi\n")
	d.dial(d.addresses[0], "name=Gone\n").Close()
	for name, s := range map[string]screen{"light": projector, "dark": projector.inDark(), "phone": phone, "phone in the dark": phone.inDark()} {
		t.Run(name, func(t *testing.T) {
			v := open(t, d.admin, s)
			v.await("the roll", `document.querySelectorAll("#rows tr.is-here").length === 3 && document.querySelectorAll("#rows tr.is-left").length === 1`)
			v.do(string(axe))
			for _, shown := range []string{"true", "false"} {
				v.do("showRecipes(" + shown + ")")
				found := js[[]violation](v, `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations)`)
				for _, f := range found {
					var where []string
					for _, n := range f.Nodes {
						where = append(where, n.HTML+"\n"+n.FailureSummary)
					}
					t.Errorf("%s (%s): %s\n%s", f.ID, f.Impact, f.Help, strings.Join(where, "\n"))
				}
			}
		})
	}
}
