package config

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// maxDuration is far beyond any use and far below where adding it to the time
// overflows. Who wants longer means no limit, which is 0.
const maxDuration = 365 * 24 * time.Hour

// ParseDuration reads a duration as the variables have it, as in 200ms, 5s or 1m30s; 0 needs no unit. The error says what would be
// right.
func ParseDuration(s string) (time.Duration, error) { return parseDuration(s) }

// parseDuration is time.ParseDuration without negative durations, and with
// errors that say what would be right.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if _, notNumber := strconv.ParseFloat(s, 64); err != nil && notNumber == nil {
		return 0, errors.New("a duration needs a unit, as in 5s or 5m")
	}
	switch {
	case err != nil:
		return 0, errors.New("a duration is a number and a unit (ms, s, m, h), as in 200ms, 5s or 1m30s")
	case d < 0:
		return 0, errors.New("a duration cannot be negative")
	case d > maxDuration:
		return 0, fmt.Errorf("a duration is at most %.0fh, a year", maxDuration.Hours())
	}
	return d, nil
}
