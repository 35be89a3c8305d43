package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/big"
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
	pickleSpread   = 16   // times its own length, and
	pickleSpare    = 1024 // more, is how many values and bytes of text a pickle may amount to
)

// unpickling makes a map of a dict, not an ogorek.Dict. That takes tuples for keys too, and hashes what they are made of
// while it decodes, before there is anything to walk: 49 bytes took 1.3 s.
var unpickling = ogorek.DecoderConfig{StrictUnicode: true}

// unpickle returns the value of a pickle that a pickleScanner has found whole. It is, and is made of, ogorek.None, bool, int64,
// *big.Int, float64, string, ogorek.ByteString, ogorek.Bytes, []any, ogorek.Tuple and map[any]any. In place of b” there is
// an ogorek.Call where protocols 0 to 2 write bytes(); of their other bytes og-rek makes ogorek.Bytes.
func unpickle(msg []byte) (v any, err error) {
	if err := checkLists(msg); err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			v, err = nil, malformed("pickle: %.100v", p)
		}
	}()
	v, err = ogorek.NewDecoderWithConfig(bytes.NewReader(msg), &unpickling).Decode()
	if err != nil {
		if number := (*strconv.NumError)(nil); errors.As(err, &number) {
			err = number.Err // without the digits
		}
		reason := strings.ReplaceAll(err.Error(), "ogórek.", "")
		return nil, malformed("pickle: %.100s", strings.TrimPrefix(reason, "pickle: "))
	}
	w := pickleWalker{budget: pickleSpread*len(msg) + pickleSpare}
	if err := w.walk(v, 0); err != nil {
		return nil, err
	}
	return v, nil
}

// checkLists refuses a list that is used again. Python puts a list into the memo before it fills it, and og-rek v1.3.0 then
// finds it there still empty: {'a': x, 'b': x} would be read as {'a': [1], 'b': []}.
func checkLists(msg []byte) error {
	memo := map[string]bool{} // by og-rek's name of the place; whether a list is there
	list := false             // is on top of the stack
	for at := 0; at < len(msg); {
		arg, next, ok := argument(msg, at)
		if !ok {
			return ErrUnfinished
		}
		switch op := msg[at]; op {
		case opPut, opBinput, opLongBinput:
			memo[memoName(op, arg)] = list
		case opMemoize:
			memo[strconv.Itoa(len(memo))] = list
		case opGet, opBinget, opLongBinget:
			if memo[memoName(op, arg)] {
				return malformed("a list that is in two places, or within itself")
			}
			list = false
		case opProto, opFrame:
		default:
			list = op == opEmptyList || op == opList || op == opAppend || op == opAppends
		}
		at = next
	}
	return nil
}

// memoName returns what og-rek calls a place in the memo.
func memoName(op byte, arg []byte) string {
	if op == opPut || op == opGet {
		return string(arg)
	}
	var n [8]byte
	copy(n[:], arg)
	return strconv.FormatUint(binary.LittleEndian.Uint64(n[:]), 10)
}

// A pickleWalker walks through all of a value, which ends because its budget does.
type pickleWalker struct{ budget int }

// walk returns what is wrong with v.
func (w *pickleWalker) walk(v any, depth int) error {
	size := 1
	switch v := v.(type) {
	case ogorek.None, bool, int64, float64:
	case *big.Int:
		size += v.BitLen() / 8
	case string:
		if size += len(v); !validPython(v) {
			return malformed("a str that is not UTF-8")
		}
	case ogorek.ByteString:
		size += len(v)
	case ogorek.Bytes:
		size += len(v)
	case []any, ogorek.Tuple, map[any]any:
		if depth == maxPickleDepth {
			return malformed("nested deeper than %d, or within itself", maxPickleDepth)
		}
	case ogorek.Class:
		return refusedOpcode(opGlobal)
	case ogorek.Call:
		if v.Callable != (ogorek.Class{Module: "__builtin__", Name: "bytes"}) || len(v.Args) > 0 {
			return refusedOpcode(opReduce)
		}
	default:
		return malformed("a %T", v)
	}
	if w.budget -= size; w.budget < 0 {
		return malformed("it amounts to more than %d times its length", pickleSpread)
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

func (w *pickleWalker) walkAll(values []any, depth int) error {
	for _, v := range values {
		if err := w.walk(v, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *pickleWalker) walkDict(dict map[any]any, depth int) error {
	keys := sortedKeys(dict)
	for i, k := range keys {
		if i > 0 && k.repr == keys[i-1].repr {
			return malformed("a dict with a key twice") // There would be no order of the two.
		}
		if err := w.walk(k.key, depth+1); err != nil {
			return err
		}
		if err := w.walk(k.item, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// A dictKey is a key of a dict, with its item.
type dictKey struct {
	repr      string
	key, item any
}

// sortedKeys returns the keys of a dict in the order of what repr shows of them: og-rek does not keep the order they came in. No
// key has others in it, as og-rek takes no tuple for one here.
func sortedKeys(dict map[any]any) []dictKey {
	keys := make([]dictKey, 0, len(dict))
	for k, item := range dict {
		keys = append(keys, dictKey{string(appendRepr(nil, k)), k, item})
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
		text := make([]rune, len(v))
		for i := range len(v) {
			text[i] = rune(v[i])
		}
		return string(text), true
	}
	return "", false
}
