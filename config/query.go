package config

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// percentSigns finds the percent sign behind a number that ends a value, which begins no escape.
var percentSigns = regexp.MustCompile(`([0-9])%(&|$)`)

// parseQuery sorts the keys into the handler's options and those that every
// listener has.
func (l *Listener) parseQuery(query string, handler Handler) (faults []error) {
	values, err := url.ParseQuery(percentSigns.ReplaceAllString(query, "$1%25$2"))
	if err != nil {
		return []error{fmt.Errorf("the query %q: %w (keys are separated by &, and a sign such as ; or %% is written %%3B or %%25)", query, err)}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		field, own := ownKeys[key]
		switch {
		case own && len(values[key]) > 1 && !isList(field):
			faults = append(faults, fmt.Errorf("%s is given %d times: once is enough", key, len(values[key])))
		case own && values.Get(key) == "" && !isList(field):
			faults = append(faults, fmt.Errorf("%s has no value", key))
		case own:
			set(&l.Own, key, strings.Join(values[key], ","))
		case slices.Contains(handler.Options, key):
			set(&l.Options, key, values[key])
		default:
			faults = append(faults, l.unknownKey(key, handler))
		}
	}
	return faults
}

// set makes the map on its first use, so that nothing set is nil.
func set[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = make(map[string]V)
	}
	(*m)[key] = value
}

// unknownKey returns the error for a key that a listener does not have.
func (l *Listener) unknownKey(key string, handler Handler) error {
	for _, v := range Variables() {
		if key == keyOf(v.Name) {
			return fmt.Errorf("%s is process-wide: set %s", key, v.Name)
		}
	}
	valid := slices.Clone(handler.Options)
	for _, field := range tagged(reflect.TypeFor[Listener]()) {
		valid = append(valid, keyOf(field.Tag.Get("env")))
	}
	return unknown("key", key, l.Handler, valid)
}

// ownKeys holds the tagged fields of a Listener by their key.
var ownKeys = func() map[string]reflect.StructField {
	keys := make(map[string]reflect.StructField)
	for _, field := range tagged(reflect.TypeFor[Listener]()) {
		keys[keyOf(field.Tag.Get("env"))] = field
	}
	return keys
}()

// isList reports whether the key of the field may be repeated, and be empty.
func isList(field reflect.StructField) bool { return field.Type == reflect.TypeFor[Prefixes]() }

// parseOwn sets what every listener has, by putting the listener's own values in
// the place of the variables. What is wrong with the variables themselves is not
// its business.
func (l *Listener) parseOwn(vars map[string]string) (faults []error) {
	vars = maps.Clone(vars)
	for key, value := range l.Own {
		vars[ownKeys[key].Tag.Get("env")] = value
	}
	for _, fault := range parse(l, vars) {
		key := keyOf(fault.name)
		if _, own := l.Own[key]; own {
			faults = append(faults, fmt.Errorf("%s=%q: %w", key, fault.value, fault.err))
		}
	}
	return faults
}
