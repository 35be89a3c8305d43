package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v10"
	"go.uber.org/zap/zapcore"
)

// environment returns the variables that are meant for us. Space around a value
// is dropped: it is what a file of variables written on Windows adds.
func environment(environ []string) map[string]string {
	vars := make(map[string]string)
	for _, entry := range environ {
		name, value, ok := strings.Cut(entry, "=")
		if ok && strings.HasPrefix(name, prefix) {
			vars[name] = strings.TrimSpace(value)
		}
	}
	// To env, set but empty means the default. Here it means what it looks like.
	if admin, ok := vars["PARLEY_ADMIN"]; ok && admin == "" {
		vars["PARLEY_ADMIN"] = "off"
	}
	return vars
}

// fault is a variable whose value is wrong.
type fault struct {
	name, value string
	err         error
}

// settable is a pointer to a struct with tagged fields.
type settable interface{ settle() []error }

// parse sets the tagged fields of dst and returns what is wrong, one fault a
// variable. Env reports the name of the field; the fault has the variable's.
func parse(dst settable, vars map[string]string) []fault {
	var wrong []error
	if err := env.ParseWithOptions(dst, env.Options{Environment: vars, FuncMap: parsers()}); err != nil {
		var all env.AggregateError
		errors.As(err, &all)
		wrong = all.Errors
	}
	wrong = append(wrong, dst.settle()...)

	var faults []fault
	for _, field := range tagged(reflect.TypeOf(dst).Elem()) {
		for _, err := range wrong {
			var parseErr env.ParseError
			if !errors.As(err, &parseErr) {
				panic(fmt.Sprintf("config: a tag of %T is wrong: %v", dst, err))
			}
			if parseErr.Name == field.Name {
				name := field.Tag.Get("env")
				faults = append(faults, fault{name, vars[name], explain(field.Type, parseErr.Err)})
				break // what settle says of a field that was not set is no news
			}
		}
	}
	return faults
}

// parsers returns the parsers of those types that are not ours and have one with
// bad errors in env, or one that lets too much pass. A new map each time, since
// env adds its own to it.
func parsers() map[reflect.Type]env.ParserFunc {
	return map[reflect.Type]env.ParserFunc{
		reflect.TypeFor[bool]():          parser(parseBoolean),
		reflect.TypeFor[int64]():         parser(parseCount),
		reflect.TypeFor[float64]():       parser(parseRate),
		reflect.TypeFor[time.Duration](): parser(parseDuration),
	}
}

func parser[T any](parse func(string) (T, error)) env.ParserFunc {
	return func(s string) (any, error) { return parse(s) }
}

// explain replaces the error of the one type that is not ours and unmarshals
// itself, which does not say what would be right.
func explain(t reflect.Type, err error) error {
	if t == reflect.TypeFor[zapcore.Level]() {
		return errors.New("a level is debug, info, warn or error")
	}
	return err
}

// Unread returns a warning for each variable of environ that has our prefix and that nothing reads, most likely a misspelled one.
// Others are read beside those of [Variables]. What Kubernetes sets for a service of our name is left out.
func Unread(environ, others []string) []string {
	warnings, _ := unread(environment(environ), others)
	return warnings
}

// unread returns a warning for each variable that has our prefix and that nothing
// reads, and one for all that Kubernetes has set. Values are left out: they may be
// secrets.
func unread(vars map[string]string, others []string) (misspelled, linked []string) {
	var known []string
	for _, v := range Variables() {
		known = append(known, strings.TrimPrefix(v.Name, prefix))
	}
	for _, name := range others {
		known = append(known, strings.TrimPrefix(name, prefix))
	}
	services := linkedServices(vars)
	var links []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		short := strings.TrimPrefix(name, prefix)
		if slices.Contains(known, short) {
			continue
		}
		if slices.ContainsFunc(services, func(service string) bool { return isLink(name, service) }) {
			links = append(links, name)
			continue
		}
		warning := name + ` is not a variable of parley; "parley env" lists them`
		if near := nearest(short, known); near != "" {
			warning = fmt.Sprintf("%s is not a variable of parley; did you mean %s%s?", name, prefix, near)
		}
		misspelled = append(misspelled, oneLine(warning))
	}
	if links != nil {
		linked = append(linked, oneLine(fmt.Sprintf(
			"%s and the like (%d variables) come from a Kubernetes service named %s and mean nothing here; enableServiceLinks: false in the pod's spec leaves them out",
			links[0], len(links), serviceNames(services))))
	}
	return misspelled, linked
}

// linkedServices returns what the variables of each Kubernetes service begin with. The
// mark is the one variable that Kubernetes sets for every service, so that a
// PARLEY_PORT which someone set by hand gets its warning.
func linkedServices(vars map[string]string) (services []string) {
	for name := range vars {
		if service, ok := strings.CutSuffix(name, "_SERVICE_HOST"); ok {
			services = append(services, service)
		}
	}
	slices.Sort(services)
	return services
}

// isLink reports whether Kubernetes sets the variable for the service.
func isLink(name, service string) bool {
	rest, ok := strings.CutPrefix(name, service)
	return ok && (rest == "_PORT" || strings.HasPrefix(rest, "_PORT_") || strings.HasPrefix(rest, "_SERVICE_"))
}

// serviceNames returns the names of the services as Kubernetes writes them.
func serviceNames(services []string) string {
	return strings.ReplaceAll(strings.ToLower(strings.Join(services, " or ")), "_", "-")
}
