package protocol

import (
	"bytes"
	"errors"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	ogorek "github.com/kisielk/og-rek"
)

// What a pickle may amount to. A dict can stand in itself, and in a few hundred bytes a thousand million times in others: what
// is bounded is what one sees who walks through all of it.
const (
	maxPickleDepth = 100  // of lists in lists
	pickleSpread   = 8    // times its own length, and
	pickleSpare    = 1024 // more, is how many values and bytes of text a pickle may amount to
)

var (
	errTooDeep      = malformed("nested deeper than %d, or within itself", maxPickleDepth)
	errKeyTwice     = malformed("a dict with a key twice")
	errPickleSpread = malformed("it amounts to more than %d times its length", pickleSpread)
)

// unpickling makes a map of a dict, not an ogorek.Dict. That takes tuples for keys too, and hashes what they are made of
// while it decodes, before there is anything to walk: 49 bytes took 1.3 s.
var unpickling = ogorek.DecoderConfig{StrictUnicode: true}

// An unpickled is the value of a pickle. It is, and is made of, ogorek.None, bool, int64, *big.Int, float64, string,
// ogorek.ByteString, ogorek.Bytes, []any, ogorek.Tuple and map[any]any. In place of empty bytes there is an ogorek.Call where
// protocols 0 to 2 write bytes(); of their other bytes og-rek makes ogorek.Bytes.
type unpickled struct {
	value any
	dicts sortedDicts
}

// unpickle returns the value of a pickle that a pickleScanner has found whole.
func unpickle(msg []byte) (u unpickled, err error) {
	program, shares, err := slim(msg)
	if err != nil {
		return unpickled{}, err
	}
	v, err := decodePickle(program)
	if err != nil {
		return unpickled{}, err
	}
	u = unpickled{value: v}
	if shares {
		u.dicts = sortedDicts{}
	}
	w := pickleWalker{dicts: u.dicts, budget: pickleSpread*len(msg) + pickleSpare}
	if err := w.walk(v, 0); err != nil {
		return unpickled{}, err
	}
	return u, nil
}

// decodePickle has og-rek run a pickle.
func decodePickle(program []byte) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			v, err = nil, malformed("pickle: %.100v", p)
		}
	}()
	v, err = ogorek.NewDecoderWithConfig(bytes.NewReader(program), &unpickling).Decode()
	if err != nil {
		if number := (*strconv.NumError)(nil); errors.As(err, &number) {
			err = number.Err // without the digits
		}
		reason := strings.ReplaceAll(err.Error(), "ogórek.", "")
		return nil, malformed("pickle: %.100s", strings.TrimPrefix(reason, "pickle: "))
	}
	return v, nil
}

// A pickleWalker walks through all of a value, which ends because its budget does.
type pickleWalker struct {
	dicts  sortedDicts
	budget int
}

// pay takes what a value amounts to from the budget.
func (w *pickleWalker) pay(size int) error {
	if w.budget -= size; w.budget < 0 {
		return errPickleSpread
	}
	return nil
}

// walk returns what is wrong with v.
func (w *pickleWalker) walk(v any, depth int) error {
	size, err := pickleSize(v)
	if err == nil {
		err = w.pay(size)
	}
	if err != nil {
		return err
	}
	switch v := v.(type) {
	case []any:
		return w.walkAll(v, depth)
	case ogorek.Tuple:
		return w.walkAll(v, depth)
	case map[any]any:
		return w.walkDict(v, depth)
	}
	return nil
}

// pickleSize returns what v amounts to without what is in it, or what is wrong with it.
func pickleSize(v any) (int, error) {
	size := 1
	switch v := v.(type) {
	case ogorek.None, bool, int64, float64, []any, ogorek.Tuple, map[any]any:
	case *big.Int:
		size += v.BitLen() / 8
	case string:
		if size += len(v); !validPython(v) {
			return 0, malformed("a str that is not UTF-8")
		}
	case ogorek.ByteString:
		size += len(v)
	case ogorek.Bytes:
		size += len(v)
	case ogorek.Class:
		return 0, refusedOpcode(opGlobal)
	case ogorek.Call:
		if v.Callable != (ogorek.Class{Module: "__builtin__", Name: "bytes"}) || len(v.Args) > 0 {
			return 0, refusedOpcode(opReduce)
		}
	default:
		return 0, malformed("a %T", v)
	}
	return size, nil
}

func (w *pickleWalker) walkAll(values []any, depth int) error {
	if depth == maxPickleDepth {
		return errTooDeep
	}
	for _, v := range values {
		if err := w.walk(v, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// walkDict pays for the keys before they are sorted.
func (w *pickleWalker) walkDict(dict map[any]any, depth int) error {
	if depth == maxPickleDepth {
		return errTooDeep
	}
	if err := w.pay(len(dict)); err != nil {
		return err
	}
	keys := w.dicts.keys(dict)
	if sameNumber(keys) {
		return errKeyTwice
	}
	for i, k := range keys {
		if i > 0 && k.repr == keys[i-1].repr {
			return errKeyTwice // There would be no order of the two.
		}
		if _, err := pickleSize(k.key); err != nil {
			return err
		}
		if err := w.pay(len(k.repr)); err != nil {
			return err
		}
		if err := w.walk(k.item, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// sameNumber reports whether two of the keys are equal in Python, and one key there, though they are of different types: True, 1
// and 1.0.
func sameNumber(keys []dictKey) bool {
	var bools, ints, floats int
	for _, k := range keys {
		switch k.key.(type) {
		case bool:
			bools = 1
		case int64, *big.Int:
			ints = 1
		case float64:
			floats = 1
		}
	}
	if bools+ints+floats < 2 {
		return false
	}
	seen := map[string]bool{}
	for _, k := range keys {
		n := k.repr
		switch v := k.key.(type) {
		case bool:
			n = "0"
			if v {
				n = "1"
			}
		case float64:
			if v == math.Trunc(v) && !math.IsInf(v, 0) {
				n = strconv.FormatFloat(v+0, 'f', 0, 64) // exactly; -0 is 0
			}
		case int64, *big.Int:
		default:
			continue
		}
		if seen[n] {
			return true
		}
		seen[n] = true
	}
	return false
}

// A dictKey is a key of a dict, with its item.
type dictKey struct {
	repr      string
	key, item any
}

// sortedDicts has the keys of dicts that have been sorted, by the place of the dict in memory: what may be in many places is sorted
// once. It is nil where nothing is in two places.
type sortedDicts map[uintptr][]dictKey

// keys returns the keys of a dict in the order of what repr shows of them: og-rek does not keep the order they came in. No
// key has others in it, as og-rek takes no tuple for one here.
func (s sortedDicts) keys(dict map[any]any) []dictKey {
	if s == nil || len(dict) == 0 {
		return sortKeys(dict)
	}
	place := reflect.ValueOf(dict).Pointer()
	keys, ok := s[place]
	if !ok {
		keys = sortKeys(dict)
		s[place] = keys
	}
	return keys
}

func sortKeys(dict map[any]any) []dictKey {
	keys := make([]dictKey, 0, len(dict))
	for k, item := range dict {
		keys = append(keys, dictKey{repr(k), k, item})
	}
	slices.SortFunc(keys, func(a, b dictKey) int { return strings.Compare(a.repr, b.repr) })
	return keys
}

// strOf returns the text of a str. That of Python 2 is bytes: UTF-8 if it can be, else Latin-1.
func strOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case ogorek.ByteString:
		if utf8.ValidString(string(v)) {
			return string(v), true
		}
		text := make([]byte, 0, 2*len(v))
		for i := range len(v) {
			text = utf8.AppendRune(text, rune(v[i]))
		}
		return string(text), true
	}
	return "", false
}
