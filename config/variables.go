package config

import (
	"cmp"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"
)

// prefix is what the names of all variables begin with.
const prefix = "PARLEY_"

// Variable describes a variable as `parley env` lists it.
type Variable struct {
	Name    string
	Type    string // in words, as in "CIDR list"
	Default string // as it would be written; empty if that means something of its own
	Doc     string // what it means, its unit, and what 0 or nothing means
}

// Variables returns all variables, in the order of Config's fields.
func Variables() []Variable {
	var variables []Variable
	for _, field := range tagged(reflect.TypeFor[Config]()) {
		variables = append(variables, describe(field))
	}
	return variables
}

// Keys returns the keys that every listener has and that are no variables, as variables are described.
func Keys() []Variable {
	var keys []Variable
	for _, field := range tagged(reflect.TypeFor[Listener]()) {
		if v := describe(field); !strings.HasPrefix(v.Name, prefix) {
			keys = append(keys, v)
		}
	}
	return keys
}

// FaultKeys returns those of Keys by which a listener misbehaves.
func FaultKeys() []Variable {
	var keys []Variable
	for _, field := range tagged(reflect.TypeFor[Faults]()) {
		keys = append(keys, describe(field))
	}
	return keys
}

func describe(field reflect.StructField) Variable {
	return Variable{
		Name:    field.Tag.Get("env"),
		Type:    cmp.Or(field.Tag.Get("type"), typeWords[field.Type]),
		Default: field.Tag.Get("envDefault"),
		Doc:     field.Tag.Get("doc"),
	}
}

// typeWords holds the types that a field may have without a type tag.
var typeWords = map[reflect.Type]string{
	reflect.TypeFor[bool]():          "boolean",
	reflect.TypeFor[int64]():         "integer",
	reflect.TypeFor[float64]():       "number",
	reflect.TypeFor[time.Duration](): "duration",
	reflect.TypeFor[Bytes]():         "bytes",
	reflect.TypeFor[Percent]():       "percent",
	reflect.TypeFor[Prefixes]():      "CIDR list",
	reflect.TypeFor[LogFormat]():     "auto|console|json",
	reflect.TypeFor[Transport]():     "auto|portable",
}

// tagged returns the fields of a struct that env sets, those of embedded structs
// included.
func tagged(t reflect.Type) []reflect.StructField {
	var fields []reflect.StructField
	for _, field := range reflect.VisibleFields(t) {
		if field.Tag.Get("env") != "" {
			fields = append(fields, field)
		}
	}
	return fields
}

// keyOf returns the key by which a listener overrides the variable.
func keyOf(variable string) string {
	return strings.ToLower(strings.TrimPrefix(variable, prefix))
}

// WriteTable writes all variables and keys as a table for a terminal.
func WriteTable(w io.Writer) error {
	var b strings.Builder
	for i, part := range []struct {
		head string
		rows []Variable
	}{{"VARIABLE", Variables()}, {"LISTENER KEY", Keys()}} {
		if i > 0 {
			b.WriteString("\n")
		}
		table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintf(table, "%s\tTYPE\tDEFAULT\tMEANING\n", part.head)
		for _, v := range part.rows {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", v.Name, v.Type, cmp.Or(v.Default, "-"), v.Doc)
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	b.WriteString("\nA listener also has as keys the variables from PARLEY_MAX_CONNS to PARLEY_TLS_CLIENT_CA in lower case, and those of its handler.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteMarkdown writes all variables as a table for README.
func WriteMarkdown(w io.Writer) error { return writeMarkdown(w, "variable", Variables()) }

// WriteFaultsMarkdown writes the keys by which a listener misbehaves as a table for README.
func WriteFaultsMarkdown(w io.Writer) error { return writeMarkdown(w, "fault key", FaultKeys()) }

func writeMarkdown(w io.Writer, head string, rows []Variable) error {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | type | default | meaning |\n| --- | --- | --- | --- |\n", head)
	for _, v := range rows {
		if v.Default != "" {
			v.Default = "`" + v.Default + "`"
		}
		row := []string{"`" + v.Name + "`", v.Type, v.Default, v.Doc}
		for i := range row {
			row[i] = strings.ReplaceAll(row[i], "|", `\|`)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
