package config

import (
	"errors"
	"strconv"
	"strings"
)

// Percent is a share, from 0 to 1. Its text is a number and a percent sign, as in 5% or 0.1%.
type Percent float64

var errPercent = errors.New("a share is a number from 0% to 100%, as in 5% or 0.1%")

// UnmarshalText reads shares such as 5%, 0.1% and 0.
func (p *Percent) UnmarshalText(text []byte) error {
	number, signed := strings.CutSuffix(string(text), "%")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n >= 0 && n <= 100) || !signed && n != 0 {
		return errPercent
	}
	*p = Percent(n / 100)
	return nil
}

// String returns the share as UnmarshalText reads it.
func (p Percent) String() string {
	return strconv.FormatFloat(100*float64(p), 'g', 6, 64) + "%"
}
