package protocol

import (
	"strconv"
	"strings"
)

// An Error is what a peer is told before the connection is closed: one word that says why, and the limit that was
// overstepped where there is one.
type Error struct {
	Reason string // one lower-case word, such as line_too_long
	Limit  int64  // what would have been allowed, in bytes or connections; zero: no such number
	// Detail is a few words for the person who reads it, such as what is wrong with a malformed message. The text wire, on
	// which no message is malformed, leaves it out.
	Detail string
}

const errWord = "ERR "

// Error returns the line of the text wire.
func (e Error) Error() string { return string(e.appendLine(nil)) }

func (e Error) appendLine(dst []byte) []byte {
	dst = append(dst, errWord...)
	dst = appendPrintable(dst, e.Reason, false)
	if e.Limit != 0 {
		dst = append(dst, " limit="...)
		dst = strconv.AppendInt(dst, e.Limit, 10)
	}
	return dst
}

// ParseError reads the line of an error, without its newline; it is false when the line is none. Words it does not know,
// and a limit that is no number, are ignored.
func ParseError(line []byte) (Error, bool) {
	words, ok := strings.CutPrefix(string(line), errWord)
	if !ok || !isPrintable(line) {
		return Error{}, false
	}
	reason, words, _ := strings.Cut(words, " ")
	if reason == "" {
		return Error{}, false
	}
	e := Error{Reason: reason}
	for word := range strings.FieldsSeq(words) {
		value, ok := strings.CutPrefix(word, "limit=")
		if !ok {
			continue
		}
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			e.Limit = n
		}
	}
	return e, true
}

// errorOf makes an error of the fields of a message, as the JSON and pickle wires write one.
func errorOf(fields []Field, _ bool) (Error, bool) {
	var e Error
	for _, f := range fields {
		switch f.Key {
		case "error":
			e.Reason = f.Value
		case "limit":
			if n, err := strconv.ParseInt(f.Value, 10, 64); err == nil && f.Number {
				e.Limit = n
			}
		case "detail":
			e.Detail = f.Value
		}
	}
	if e.Reason == "" || !isPrintable(e.Reason) || strings.Contains(e.Reason, " ") || !isPrintable(e.Detail) {
		return Error{}, false
	}
	return e, true
}
