package handler

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Options are the values of a listener's keys, as the query of its URL has them. A handler looks up only keys that its
// Kind names. A key that is given more than once is an error.
type Options map[string][]string

// Line returns the value of key, which is to be sent as one line or part of one, or what stands in for it. A control
// character in it is an error: a newline would make two messages of one, and a terminal obeys the others.
func (o Options) Line(key, absent string) (string, error) {
	v, err := o.one(key, absent)
	if err != nil {
		return "", err
	}
	if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("%s=%q: want a text without control characters", key, v)
	}
	return v, nil
}

// Bool returns the value of key, true, on, yes or 1, or the opposites, or what stands in for it.
func (o Options) Bool(key string, absent bool) (bool, error) {
	v, err := o.one(key, strconv.FormatBool(absent))
	if err != nil {
		return false, err
	}
	switch strings.ToLower(v) {
	case "true", "on", "yes", "1":
		return true, nil
	case "false", "off", "no", "0":
		return false, nil
	}
	return false, fmt.Errorf("%s=%q: want true or false", key, v)
}

// Count returns the value of key, a whole number from 0 to most, or 0 if it is absent.
func (o Options) Count(key string, most int) (int, error) {
	v, err := o.one(key, "0")
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%s=%q: want a whole number from 0 to %d", key, v, most)
	}
	return n, nil
}

func (o Options) one(key, absent string) (string, error) {
	switch v := o[key]; len(v) {
	case 0:
		return absent, nil
	case 1:
		return v[0], nil
	default:
		return "", errors.New(key + " is given more than once")
	}
}
