package main

import (
	"errors"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"parley/config"
)

// A value is a flag's, read and refused in the words of serve's variables rather than in those of Go's packages.
type value[T any] struct {
	to    *T
	name  string // of the type, in the help
	parse func(string) (T, error)
	text  func(T) string
}

func (v value[T]) String() string {
	if v.to == nil {
		return "" // pflag asks a zero value.
	}
	return v.text(*v.to)
}

func (v value[T]) Type() string { return v.name }

func (v value[T]) Set(s string) error {
	parsed, err := v.parse(s)
	if err != nil {
		return err
	}
	*v.to = parsed
	return nil
}

// durationFlag adds a flag for a duration, as in 5s or 1m30s.
func durationFlag(flags *pflag.FlagSet, to *time.Duration, name, short string, initial time.Duration, usage string) {
	*to = initial
	flags.VarP(value[time.Duration]{to, "duration", config.ParseDuration, func(d time.Duration) string {
		if d == 0 {
			return "0"
		}
		return d.String()
	}}, name, short, usage)
}

// booleanFlag adds a flag that is true where it stands alone.
func booleanFlag(flags *pflag.FlagSet, to *bool, name, short, usage string) {
	flags.VarP(value[bool]{to, "bool", config.ParseBoolean, strconv.FormatBool}, name, short, usage)
	flags.Lookup(name).NoOptDefVal = "true"
}

// countFlag adds a flag for a whole number. Which ones make sense is for the command to say.
func countFlag(flags *pflag.FlagSet, to *int, name, short string, initial int, usage string) {
	*to = initial
	flags.VarP(value[int]{to, "int", parseCount, strconv.Itoa}, name, short, usage)
}

func parseCount(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, errors.New("a whole number is needed, as in 10")
	}
	return n, nil
}

// rateFlag adds a flag for how many a second.
func rateFlag(flags *pflag.FlagSet, to *float64, name, usage string) {
	flags.Var(value[float64]{to, "float", parseRate, func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }}, name, usage)
}

func parseRate(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, errors.New("a rate is a number per second, as in 1000 or 0.5")
	}
	return f, nil
}

// sizeFlag adds a flag for a number of bytes, with or without a unit, as in 8192 or 8KiB.
func sizeFlag(flags *pflag.FlagSet, to *int, name, short string, initial int, usage string) {
	*to = initial
	flags.VarP(value[int]{to, "bytes", parseSize, strconv.Itoa}, name, short, usage)
}

func parseSize(s string) (int, error) {
	var b config.Bytes
	if err := b.UnmarshalText([]byte(s)); err != nil {
		return 0, err
	}
	return int(b), nil
}
