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
		variables = append(variables, Variable{
			Name:    field.Tag.Get("env"),
			Type:    cmp.Or(field.Tag.Get("type"), typeWords[field.Type]),
			Default: field.Tag.Get("envDefault"),
			Doc:     field.Tag.Get("doc"),
		})
	}
	return variables
}

// typeWords holds the types that a field may have without a type tag.
var typeWords = map[reflect.Type]string{
	reflect.TypeFor[bool]():          "boolean",
	reflect.TypeFor[int64]():         "integer",
	reflect.TypeFor[float64]():       "number",
	reflect.TypeFor[time.Duration](): "duration",
	reflect.TypeFor[Bytes]():         "bytes",
	reflect.TypeFor[Prefixes]():      "CIDR list",
	reflect.TypeFor[Hosts]():         "host list",
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

// WriteTable writes all variables as a table for a terminal.
func WriteTable(w io.Writer) error {
	var b strings.Builder
	b.WriteString("VARIABLE\tTYPE\tDEFAULT\tMEANING\n")
	for _, v := range Variables() {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\n", v.Name, v.Type, cmp.Or(v.Default, "-"), v.Doc)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(table, b.String()); err != nil {
		return err
	}
	return table.Flush()
}

// WriteMarkdown writes all variables as a table for README.
func WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| variable | type | default | meaning |\n| --- | --- | --- | --- |\n")
	for _, v := range Variables() {
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
