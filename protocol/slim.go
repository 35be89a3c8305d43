package protocol

import (
	"cmp"
	"encoding/binary"
	"math/big"
	"slices"
)

// A slimmer writes a pickle anew, so that og-rek reads it at a cost in proportion to its length. Python puts nearly all that it
// writes into the memo, and reads little of that again; each place costs og-rek v1.3.0 some 250 bytes, and a binary integer
// the square of its length. So what is written to a place that nobody reads is left out, as pickletools.optimize does, and
// a binary integer becomes one in decimal. What og-rek would read wrong, or too often, is refused.
type slimmer struct {
	msg, out []byte
	places   []memoPlace // that are read, in the order of their index
	memoized int         // MEMOIZE so far: it writes to the place of this index
	put      bool        // there was a PUT, of any kind

	last   instruction // the one before, other than those that leave the stack as it is
	length int         // of the str that it made
	strs   [2]int      // the lengths of the last two str that were read from places; 0 for one that was not
	encode int         // bytes of what is read from places that may yet be encoded
	budget int         // bytes of str that may yet be read from places
}

// A memoPlace is what there is to know of a place in the memo.
type memoPlace struct {
	index  uint32
	list   bool // a list is there
	length int  // of the str that is there, else 0
}

// slim returns a pickle that says the same as msg, which a pickleScanner has found whole.
func slim(msg []byte) (slimmed []byte, shares bool, err error) {
	s := slimmer{msg: msg, out: make([]byte, 0, len(msg)), encode: len(msg) + pickleSpare, budget: pickleSpread*len(msg) + pickleSpare}
	if err := s.findPlaces(); err != nil {
		return nil, false, err
	}
	for i := range instructions(msg) {
		if err := s.take(i); err != nil {
			return nil, false, err
		}
	}
	return s.out, len(s.places) > 0, nil
}

// findPlaces finds the places that are read.
func (s *slimmer) findPlaces() error {
	var read []uint32
	for i := range instructions(s.msg) {
		if i.reads() {
			index, err := i.place()
			if err != nil {
				return err
			}
			read = append(read, index)
		}
	}
	slices.Sort(read)
	read = slices.Compact(read)
	s.places = make([]memoPlace, len(read))
	for i, index := range read {
		s.places[i].index = index
	}
	return nil
}

// place returns the place of this index, nil if nobody reads it.
func (s *slimmer) place(index uint32) *memoPlace {
	i, ok := slices.BinarySearchFunc(s.places, index, func(p memoPlace, index uint32) int { return cmp.Compare(p.index, index) })
	if !ok {
		return nil
	}
	return &s.places[i]
}

// take takes an instruction.
func (s *slimmer) take(i instruction) error {
	switch i.op {
	case opProto, opFrame:
		s.out = append(s.out, i.whole...)
		return nil
	case opPut, opBinput, opLongBinput, opMemoize:
		return s.takePut(i)
	case opGet, opBinget, opLongBinget:
		return s.takeGet(i)
	}
	s.length = 0
	switch i.op {
	case opUnicode, opBinunicode, opShortBinunicod:
		s.length = len(i.arg)
		s.strs[0], s.strs[1] = s.strs[1], 0
	case opReduce:
		// Python writes the arguments out for each call. Those of encode are two str, the last ones that came.
		if s.encode -= s.strs[0] + s.strs[1]; s.encode < 0 || s.last.reads() {
			return refusedOpcode(opReduce)
		}
	}
	s.last = i
	if i.op == opLong1 {
		s.out = appendLong(s.out, i.arg)
	} else {
		s.out = append(s.out, i.whole...)
	}
	return nil
}

// takePut takes what writes to a place. The index of MEMOIZE is how many places there are, which is known as long as nothing else
// makes any; Python does not mix the two.
func (s *slimmer) takePut(i instruction) error {
	index := uint32(s.memoized)
	if i.op == opMemoize {
		s.memoized++
	} else {
		var err error
		if index, err = i.place(); err != nil {
			return err
		}
		s.put = true
	}
	if s.put && s.memoized > 0 {
		return malformed("pickle: both PUT and MEMOIZE")
	}
	p := s.place(index)
	if p == nil {
		return nil
	}
	p.length = s.length
	switch s.last.op {
	case opEmptyList, opList, opAppend, opAppends:
		p.list = true
	default:
		p.list = false
	}
	if i.op == opMemoize {
		s.out = binary.LittleEndian.AppendUint32(append(s.out, opLongBinput), index)
	} else {
		s.out = append(s.out, i.whole...)
	}
	return nil
}

// takeGet takes what reads a place. It refuses a list: Python puts one into the memo before it fills it, and og-rek v1.3.0 then
// finds it there still empty: {'a': x, 'b': x} would be read as {'a': [1], 'b': []}.
func (s *slimmer) takeGet(i instruction) error {
	index, err := i.place()
	if err != nil {
		return err
	}
	p := s.place(index)
	if p.list {
		return malformed("a list that is in two places, or within itself")
	}
	if s.budget -= p.length; s.budget < 0 {
		return errPickleSpread
	}
	s.last, s.length = i, p.length
	s.strs[0], s.strs[1] = s.strs[1], p.length
	s.out = append(s.out, i.whole...)
	return nil
}

// appendLong appends LONG for the argument of LONG1: an integer in two's complement, lowest byte first.
func appendLong(dst, arg []byte) []byte {
	magnitude := slices.Clone(arg)
	slices.Reverse(magnitude)
	n := new(big.Int).SetBytes(magnitude)
	if len(arg) > 0 && arg[len(arg)-1] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(arg))))
	}
	return append(n.Append(append(dst, opLong), 10), "L\n"...)
}
