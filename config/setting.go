package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// A Setting is a value that is in force, and where it came from.
type Setting struct {
	Name  string
	Value string // as it would be written
	From  Source
}

// A Source is where a value came from.
type Source string

// The sources, each of which wins over those before it.
const (
	FromDefault     Source = "default"
	FromEnvironment Source = "environment"
	FromFlag        Source = "flag"
	FromListener    Source = "listener"
)

// Origin says where the values of variables came from: what was set in the environment, and by flags in their place.
type Origin struct {
	Environ []string // as os.Environ returns it, and as Load was given it
	Flags   []string // the names of the variables that flags have set
}

// of returns where the value of a variable came from.
func (o Origin) of(vars map[string]string, variable string) Source {
	switch {
	case slices.Contains(o.Flags, variable):
		return FromFlag
	case vars[variable] != "":
		return FromEnvironment
	}
	return FromDefault
}

// Settings returns the value of every variable, in the order of Variables. One that listeners may override has the value for
// those that don't.
func (c Config) Settings(o Origin) []Setting {
	vars := environment(o.Environ)
	var settings []Setting
	for _, field := range tagged(reflect.TypeOf(c)) {
		name := field.Tag.Get("env")
		settings = append(settings, Setting{name, text(field, reflect.ValueOf(c)), o.of(vars, name)})
	}
	return settings
}

// Settings returns the value of every key that the listener has: those of Keys, those of its handler that were set, and the
// limits. The wire and the greeting are by default those of the handler and the wire.
func (l Listener) Settings(o Origin) []Setting {
	vars := environment(o.Environ)
	var own, limits, options []Setting
	for _, field := range tagged(reflect.TypeOf(l)) {
		name := field.Tag.Get("env")
		key := keyOf(name)
		s := Setting{key, text(field, reflect.ValueOf(l)), o.of(vars, name)}
		if _, ok := l.Own[key]; ok {
			s.From = FromListener
		}
		if strings.HasPrefix(name, prefix) {
			limits = append(limits, s)
		} else {
			own = append(own, s)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(l.Options)) {
		for _, value := range l.Options[key] {
			options = append(options, Setting{key, value, FromListener})
		}
	}
	return slices.Concat(options, own, limits)
}

// text returns the value of a field as it would be written.
func text(field reflect.StructField, of reflect.Value) string {
	switch v := of.FieldByIndex(field.Index).Interface().(type) {
	case bool:
		if field.Tag.Get("type") == "on|off" {
			return map[bool]string{true: "on", false: "off"}[v]
		}
		return fmt.Sprint(v)
	case time.Duration:
		return durationText(v)
	default:
		return fmt.Sprint(v)
	}
}

// durationText writes a duration without the units of which there are none: 5m, and not 5m0s.
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
