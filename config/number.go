package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxCount bounds a count of connections: no kernel gives a process 2^30
// descriptors.
const maxCount = 1 << 30

// minRate and maxRate bound a rate that is not 0. Time between two events must
// neither round to nothing nor overflow.
const (
	minRate = 0.001
	maxRate = 1e6
)

// parseCount reads a whole number that is not negative.
func parseCount(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > maxCount {
		return 0, fmt.Errorf("a whole number from 0 to %d is needed", maxCount)
	}
	return n, nil
}

// parseRate reads a number of events per second, fractions allowed.
func parseRate(s string) (float64, error) {
	rate, err := strconv.ParseFloat(s, 64)
	if err == nil && (rate == 0 || minRate <= rate && rate <= maxRate) {
		return rate, nil
	}
	return 0, fmt.Errorf("a rate is a number per second: 0, or from %v to %.0f", minRate, maxRate)
}

// ParseBoolean reads a boolean as the variables have it: true, on, yes, 1 or false, off, no, 0. The error says what would be right.
func ParseBoolean(s string) (bool, error) { return parseBoolean(s) }

// parseBoolean takes the words that people and other programs use.
func parseBoolean(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "on", "yes", "1":
		return true, nil
	case "false", "off", "no", "0":
		return false, nil
	}
	return false, errors.New("a boolean is true or false (or on, off, yes, no, 1, 0)")
}
