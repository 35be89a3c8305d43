package protocol

import (
	"bytes"
	"encoding/json"
)

// maxJSONDepth is how deep a value may be nested: what encoding/json reads.
const maxJSONDepth = 10_000

// A jsonScanner finds the end of an object or array by its brackets, and of any other value by the newline. It leaves it to
// check whether what stands between is JSON.
type jsonScanner struct {
	depth   int  // of open objects and arrays
	scalar  bool // within a value that ends with its line
	quoted  bool // within a string
	escaped bool // behind a backslash in one
	lines   bool // the peer has sent a newline
}

func (s *jsonScanner) skip(p []byte) int {
	for i, b := range p {
		switch b {
		case '\n':
			s.lines = true
		case ' ', '\t', '\r':
		default:
			return i
		}
	}
	return len(p)
}

func (s *jsonScanner) scan(p []byte) (int, bool, error) {
	if s.depth == 0 && !s.scalar {
		s.scalar = p[0] != '{' && p[0] != '['
	}
	for i, b := range p {
		switch {
		case b < ' ' && s.quoted:
			// Someone who forgot a quote is to know now, and not when everything that follows has become too long.
			return i, false, malformed("a control character within a string")
		case s.escaped:
			s.escaped = false
		case b == '"':
			s.quoted = !s.quoted
		case s.quoted:
			s.escaped = b == '\\'
		case b == '\n':
			if s.scalar {
				s.scalar = false
				return i, true, nil // The next skip passes over the newline.
			}
			s.lines = true
		case s.scalar:
		case b == '{', b == '[':
			if s.depth++; s.depth > maxJSONDepth {
				return i, false, malformed("nested deeper than %d", maxJSONDepth)
			}
		case b == '}', b == ']':
			if s.depth--; s.depth == 0 {
				return i + 1, true, nil
			}
		}
	}
	return len(p), false, nil
}

func (s *jsonScanner) finish() error {
	if !s.scalar || s.quoted {
		return ErrUnfinished
	}
	s.scalar = false
	return nil
}

// pending is Quiet where silence may end the value: a number is a number, half a string none.
func (s *jsonScanner) pending() Pending {
	if s.scalar && !s.quoted && !s.lines {
		return Quiet
	}
	return Unfinished
}

func (*jsonScanner) check(scanned []byte) ([]byte, error) {
	value := bytes.TrimRight(scanned, " \t\r")
	if json.Valid(value) {
		return value, nil
	}
	// json.Valid says only that it is none.
	err := json.Unmarshal(value, new(json.RawMessage))
	if err == nil {
		return nil, malformed("it is no JSON")
	}
	return nil, malformed("%s", appendPrintable(nil, err.Error(), true))
}
