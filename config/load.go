package config

import (
	"fmt"
	"strings"
)

// Load reads the configuration: environ as os.Environ returns it, and args, the
// listeners on the command line. Where there are any they win, and PARLEY_LISTEN
// is not looked at. An error is of type [Errors] and holds every fault there is;
// the configuration and the listeners are then zero. The warnings are lines for
// the log, and come with an error as well: a misspelled variable may be what
// caused it.
func Load(environ, args []string, catalog Catalog) (cfg Config, listeners []Listener, warnings []string, err error) {
	vars := environment(environ)
	warnings, linked := unread(vars, catalog.Variables)
	warnings = append(warnings, linked...)
	var faults Errors
	for _, fault := range parse(&cfg, vars) {
		faults.add("%s=%q: %v", fault.name, fault.value, fault.err)
	}
	source, texts := "PARLEY_LISTEN: ", []string{cfg.Listen}
	if len(args) > 0 {
		source, texts = "", args
	}
	for _, text := range texts {
		for written := range strings.FieldsFuncSeq(text, isSeparator) {
			l, errs := parseListener(written, vars, catalog)
			if errs == nil {
				errs = clashes(l, cfg, listeners)
			}
			for _, err := range errs {
				faults.add("%s%s: %v", source, written, err)
			}
			listeners = append(listeners, l)
		}
	}
	if len(listeners) == 0 {
		faults.add("%s%q names no listener, as in echo://:12000", source, strings.Join(texts, " "))
	}
	if faults != nil {
		return Config{}, nil, warnings, faults
	}
	label(listeners)
	return cfg, listeners, warnings, nil
}

// clashes returns a fault for whatever else is to listen where l does. The kernel
// would only say that the address is in use, not that it is by ourselves.
func clashes(l Listener, cfg Config, listeners []Listener) (faults []error) {
	admin := Listener{Network: "tcp"}
	if err := admin.parseAddress(cfg.Admin); err == nil {
		if what := l.clash(admin); what != "" {
			faults = append(faults, fmt.Errorf("%s is also that of PARLEY_ADMIN=%q", what, cfg.Admin))
		}
	}
	for _, other := range listeners {
		if what := l.clash(other); what != "" {
			faults = append(faults, fmt.Errorf("%s is also that of %s", what, other.base()))
		}
	}
	return faults
}

// label gives each listener a label of its own. Only listeners on any free port
// can be written alike.
func label(listeners []Listener) {
	seen := make(map[string]int)
	for i := range listeners {
		base := listeners[i].base()
		listeners[i].Label = base
		if seen[base]++; seen[base] > 1 {
			listeners[i].Label = fmt.Sprintf("%s#%d", base, seen[base])
		}
	}
}
