package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"go.uber.org/zap"

	"parley/admin"
	"parley/config"
	"parley/protocol"
)

// A plan is what would be served, for serve --print.
type plan struct {
	cfg       config.Config
	listeners []config.Listener
	arguments []string // the listeners as they were typed; empty: PARLEY_LISTEN says
	origin    config.Origin
}

// newPlan is what a daemon would do of a configuration; lowered says that the process may open too few files for it.
func newPlan(cfg config.Config, listeners []config.Listener) (p plan, lowered bool) {
	p = plan{cfg: cfg, listeners: listeners}
	p.cfg.MaxConns = connsFor(cfg.MaxConns)
	for i, l := range listeners {
		if _, own := l.Own["max_conns"]; !own {
			p.listeners[i].MaxConns = p.cfg.MaxConns
		}
	}
	return p, cfg.MaxConns != 0 && p.cfg.MaxConns != cfg.MaxConns
}

// settings are those of the process. The listeners come from where they came from.
func (p plan) settings() []config.Setting {
	settings := p.cfg.Settings(p.origin)
	for i, s := range settings {
		switch {
		case s.Name == "PARLEY_LISTEN" && len(p.arguments) > 0:
			settings[i].Value, settings[i].From = strings.Join(p.arguments, " "), "arguments"
		case s.Name == "PARLEY_ADMIN":
			settings[i].Value = cmp.Or(s.Value, "off")
		}
	}
	return settings
}

// writeText writes the plan for people: a block for each listener, and one for the process.
func (p plan) writeText(w io.Writer) error {
	var b strings.Builder
	block := func(head string, settings []config.Setting) {
		b.WriteString(head + "\n")
		table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, s := range settings {
			fmt.Fprintf(table, "  %s\t%s\t%s\n", s.Name, s.From, cmp.Or(protocol.Printable(s.Value, false), "-"))
		}
		_ = table.Flush() // A strings.Builder takes all.
	}
	for _, l := range p.listeners {
		address := config.Setting{Name: "address", Value: addressesOf(l), From: config.FromListener}
		block("listener "+l.Label, append([]config.Setting{address}, l.Settings(p.origin)...))
	}
	block("process", p.settings())
	_, err := io.WriteString(w, b.String())
	return err
}

// addressesOf says where a listener would listen, a range in short.
func addressesOf(l config.Listener) string {
	all := l.Addresses()
	if len(all) > 1 {
		return fmt.Sprintf("%s-%d", all[0], l.LastPort)
	}
	return all[0]
}

// A settingJSON is a Setting without its name.
type settingJSON struct {
	Value string        `json:"value"`
	From  config.Source `json:"from"`
}

type listenerJSON struct {
	Listener  string                 `json:"listener"` // its label
	URL       string                 `json:"url"`
	Handler   string                 `json:"handler"`
	Network   string                 `json:"network"`
	TLS       bool                   `json:"tls"`
	Addresses []string               `json:"addresses"`
	Keys      map[string]settingJSON `json:"keys"`
}

type planJSON struct {
	Listeners []listenerJSON         `json:"listeners"`
	Variables map[string]settingJSON `json:"variables"`
}

// writeJSON writes the plan as one object.
func (p plan) writeJSON(w io.Writer) error {
	o := planJSON{Variables: byName(p.settings())}
	for _, l := range p.listeners {
		o.Listeners = append(o.Listeners, listenerJSON{
			Listener: l.Label, URL: l.String(), Handler: l.Handler, Network: l.Network, TLS: l.TLS, Addresses: l.Addresses(),
			Keys: byName(l.Settings(p.origin)),
		})
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(o)
}

func byName(settings []config.Setting) map[string]settingJSON {
	named := make(map[string]settingJSON)
	for _, s := range settings {
		named[s.Name] = settingJSON{s.Value, s.From}
	}
	return named
}

// checkFiles returns what is wrong with the files of a listener, as a start would.
func checkFiles(l config.Listener) error {
	if (l.TLSCert == "") != (l.TLSKey == "") {
		return nil // That is said already.
	}
	_, err := make(certificates).of(l, zap.NewNop())
	return err
}

// checkAdmin returns what is wrong with the files of the admin side, if there is to be one.
func checkAdmin(cfg config.Config) error {
	if cfg.Admin == "" {
		return nil
	}
	if err := admin.CheckWebConfig(cfg.AdminWebConfig); err != nil {
		return fmt.Errorf("PARLEY_ADMIN_WEB_CONFIG=%q: %w", cfg.AdminWebConfig, err)
	}
	return nil
}

// checkConsole returns why the operator could be in no chat.
func checkConsole(listeners []config.Listener) error {
	chats := 0
	for _, l := range listeners {
		if l.Handler == "chat" {
			chats++
		}
	}
	if chats != 1 {
		return errNoRoom
	}
	return nil
}

var errNoRoom = errors.New("--console: there must be one chat listener, as in parley serve chat://:12000 --console")
