package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Errors are all that is wrong with a configuration, in the order of Config's
// fields and then of the listeners. It is the only type of error that [Load]
// returns. Each is one line, whatever the configuration holds.
type Errors []error

// Error returns the faults, a line each.
func (e Errors) Error() string { return errors.Join(e...).Error() }

// Unwrap returns the faults for errors.Is and errors.As.
func (e Errors) Unwrap() []error { return e }

func (e *Errors) add(format string, args ...any) {
	*e = append(*e, errors.New(oneLine(fmt.Sprintf(format, args...))))
}

// oneLine escapes what could break the line or the terminal it is shown on:
// variables and arguments hold what someone else wrote.
func oneLine(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}
