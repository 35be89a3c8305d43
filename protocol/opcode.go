package protocol

import (
	"bytes"
	"encoding/binary"
	"iter"
	"strconv"
)

// A pickle is a program for a small machine with a stack: each opcode, a byte with an argument behind it or none, pushes a
// value or makes one out of those on the stack. The opcodes of protocols 0 to 5 are described in the standard library of
// Python, in pickletools.py; their names here are the ones there.
const (
	opMark           = '('
	opStop           = '.'
	opBinbytes       = 'B'
	opShortBinbytes  = 'C'
	opFloat          = 'F'
	opBinfloat       = 'G'
	opInt            = 'I'
	opBinint         = 'J'
	opBinint1        = 'K'
	opLong           = 'L'
	opBinint2        = 'M'
	opNone           = 'N'
	opPersid         = 'P'
	opReduce         = 'R'
	opString         = 'S'
	opBinstring      = 'T'
	opShortBinstring = 'U'
	opUnicode        = 'V'
	opBinunicode     = 'X'
	opAppend         = 'a'
	opGlobal         = 'c'
	opDict           = 'd'
	opAppends        = 'e'
	opGet            = 'g'
	opBinget         = 'h'
	opLongBinget     = 'j'
	opList           = 'l'
	opPut            = 'p'
	opBinput         = 'q'
	opLongBinput     = 'r'
	opSetitem        = 's'
	opTuple          = 't'
	opSetitems       = 'u'
	opEmptyTuple     = ')'
	opEmptyList      = ']'
	opEmptyDict      = '}'
	opProto          = 0x80
	opTuple1         = 0x85
	opTuple2         = 0x86
	opTuple3         = 0x87
	opNewtrue        = 0x88
	opNewfalse       = 0x89
	opLong1          = 0x8a
	opShortBinunicod = 0x8c
	opMemoize        = 0x94
	opFrame          = 0x95
)

// What stands behind an opcode. The bounds leave room for whatever Python writes.
const (
	maxDigits      = 4300                  // of an integer in decimal, Python's own bound: to convert one takes quadratic time
	maxIntegerLine = maxDigits + len("-L") // with its sign, and the L behind a long
	maxFloatLine   = 400                   // without an exponent the largest number has 309 digits
	maxIndexLine   = 10                    // of an index into the memo
	maxPickleMarks = 1000                  // that are open; a value of the greatest depth needs one a level
)

// An opcode is what there is to know of one before the machine runs.
type opcode struct {
	name    string // empty: there is no such opcode
	fixed   int    // bytes of an argument that has always as many
	counted int    // bytes of the number, lowest byte first, that says how many bytes of argument follow
	lines   int    // lines that are the argument
	max     int    // bytes of a counted argument or of a line; 0: as many as the message may have
	first   bool   // a pickle may begin with it
	refused bool   // it loads, calls or builds what is no plain value
}

var opcodes = [256]opcode{
	opMark:     {name: "MARK", first: true},
	opStop:     {name: "STOP"},
	opAppend:   {name: "APPEND"},
	opAppends:  {name: "APPENDS"},
	opDict:     {name: "DICT"},
	opList:     {name: "LIST"},
	opTuple:    {name: "TUPLE"},
	opTuple1:   {name: "TUPLE1"},
	opTuple2:   {name: "TUPLE2"},
	opTuple3:   {name: "TUPLE3"},
	opSetitem:  {name: "SETITEM"},
	opSetitems: {name: "SETITEMS"},
	opMemoize:  {name: "MEMOIZE"},
	opReduce:   {name: "REDUCE"},

	opEmptyTuple: {name: "EMPTY_TUPLE", first: true},
	opEmptyList:  {name: "EMPTY_LIST", first: true},
	opEmptyDict:  {name: "EMPTY_DICT", first: true},

	opProto:      {name: "PROTO", fixed: 1, first: true},
	opFrame:      {name: "FRAME", fixed: 8, first: true},
	opGet:        {name: "GET", lines: 1, max: maxIndexLine},
	opBinget:     {name: "BINGET", fixed: 1},
	opLongBinget: {name: "LONG_BINGET", fixed: 4},
	opPut:        {name: "PUT", lines: 1, max: maxIndexLine},
	opBinput:     {name: "BINPUT", fixed: 1},
	opLongBinput: {name: "LONG_BINPUT", fixed: 4},

	opNone:           {name: "NONE", first: true},
	opNewtrue:        {name: "NEWTRUE", first: true},
	opNewfalse:       {name: "NEWFALSE", first: true},
	opInt:            {name: "INT", lines: 1, max: maxIntegerLine, first: true}, // also True and False
	opBinint:         {name: "BININT", fixed: 4, first: true},
	opBinint1:        {name: "BININT1", fixed: 1, first: true},
	opBinint2:        {name: "BININT2", fixed: 2, first: true},
	opLong:           {name: "LONG", lines: 1, max: maxIntegerLine, first: true},
	opLong1:          {name: "LONG1", counted: 1, first: true},
	opFloat:          {name: "FLOAT", lines: 1, max: maxFloatLine, first: true},
	opBinfloat:       {name: "BINFLOAT", fixed: 8, first: true},
	opString:         {name: "STRING", lines: 1, first: true},
	opBinstring:      {name: "BINSTRING", counted: 4, first: true},
	opShortBinstring: {name: "SHORT_BINSTRING", counted: 1, first: true},
	opUnicode:        {name: "UNICODE", lines: 1, first: true},
	opBinunicode:     {name: "BINUNICODE", counted: 4, first: true},
	opShortBinunicod: {name: "SHORT_BINUNICODE", counted: 1, first: true},
	opBinbytes:       {name: "BINBYTES", counted: 4, first: true},
	opShortBinbytes:  {name: "SHORT_BINBYTES", counted: 1, first: true},
	opGlobal:         {name: "GLOBAL", lines: 2, first: true}, // refused unless it is one of globals

	// Python writes DUP never, POP and POP_MARK only of a tuple within itself, LONG4 of integers over 255 bytes, and the two
	// with a count of 8 bytes over 4 GiB. og-rek has no use for most of these.
	'0':  {name: "POP", refused: true},
	'1':  {name: "POP_MARK", refused: true},
	'2':  {name: "DUP", refused: true},
	0x8b: {name: "LONG4", refused: true},
	0x8d: {name: "BINUNICODE8", refused: true},
	0x8e: {name: "BINBYTES8", refused: true},

	opPersid: {name: "PERSID", refused: true},
	'Q':      {name: "BINPERSID", refused: true},
	'b':      {name: "BUILD", refused: true},
	'i':      {name: "INST", refused: true},
	'o':      {name: "OBJ", refused: true},
	0x81:     {name: "NEWOBJ", refused: true},
	0x82:     {name: "EXT1", refused: true},
	0x83:     {name: "EXT2", refused: true},
	0x84:     {name: "EXT4", refused: true},
	0x8f:     {name: "EMPTY_SET", refused: true},
	0x90:     {name: "ADDITEMS", refused: true},
	0x91:     {name: "FROZENSET", refused: true},
	0x92:     {name: "NEWOBJ_EX", refused: true},
	0x93:     {name: "STACK_GLOBAL", refused: true},
	0x96:     {name: "BYTEARRAY8", refused: true},
	0x97:     {name: "NEXT_BUFFER", refused: true},
	0x98:     {name: "READONLY_BUFFER", refused: true},
}

// The two functions that protocols 0 to 2, which have no bytes, name for the sake of them: encode(str, "latin1") and, for no
// bytes at all, bytes().
const (
	globalEncode = "_codecs\nencode\n"
	globalBytes  = "__builtin__\nbytes\n"
)

// An instruction is an opcode with its argument, as it stands in a pickle.
type instruction struct {
	op    byte
	arg   []byte // without its count, and without the newline of its last line
	whole []byte // with the opcode
}

// instructions returns those of msg, up to one that is not whole.
func instructions(msg []byte) iter.Seq[instruction] {
	return func(yield func(instruction) bool) {
		for len(msg) > 0 {
			arg, size, ok := argument(msg)
			if !ok || !yield(instruction{msg[0], arg, msg[:size]}) {
				return
			}
			msg = msg[size:]
		}
	}
}

// argument returns the argument of the opcode that msg begins with, and how many bytes the two have. It is false when msg
// ends before that.
func argument(msg []byte) (arg []byte, size int, ok bool) {
	o := &opcodes[msg[0]]
	if o.lines > 0 {
		size = 1
		for range o.lines {
			i := bytes.IndexByte(msg[size:], '\n')
			if i < 0 {
				return nil, 0, false
			}
			size += i + 1
		}
		return msg[1 : size-1], size, true
	}
	rest := msg[1:]
	n := uint64(o.fixed)
	if o.counted > 0 {
		if len(rest) < o.counted {
			return nil, 0, false
		}
		for i := range o.counted {
			n |= uint64(rest[i]) << (8 * i)
		}
		rest = rest[o.counted:]
	}
	if n > uint64(len(rest)) {
		return nil, 0, false
	}
	return rest[:n], 1 + o.counted + int(n), true
}

// reads reports whether it reads the memo.
func (i instruction) reads() bool { return i.op == opGet || i.op == opBinget || i.op == opLongBinget }

// place returns the index of the place that a PUT or a GET, of any kind, writes or reads. A line has to be as Python writes it:
// og-rek takes 01 for another place than 1.
func (i instruction) place() (uint32, error) {
	if opcodes[i.op].lines > 0 {
		index, err := strconv.ParseUint(string(i.arg), 10, 32)
		if err != nil || !decimal(i.arg) {
			return 0, malformed("pickle: %.20q is no place in the memo", i.arg)
		}
		return uint32(index), nil
	}
	var n [4]byte
	copy(n[:], i.arg)
	return binary.LittleEndian.Uint32(n[:]), nil
}

// A pickleScanner finds the end of a pickle, which is its STOP. It follows the arguments and runs nothing: what the program
// amounts to is left to check.
type pickleScanner struct {
	limit uint64 // bytes of a message
	n     uint64 // bytes of the value that came in earlier pieces

	// What comes next: one of these, or an opcode.
	data     uint64 // bytes of argument
	counting int    // bytes of a count
	lines    int    // lines

	code  byte   // the opcode whose argument it is
	count uint64 // the lowest bytes of the count
	line  int    // bytes of the line, or of all lines of a GLOBAL
	marks int    // that are open
	names string // of the globals, the one that the lines of a GLOBAL begin like
}

// skip skips nothing: there is nothing between two pickles.
func (*pickleScanner) skip([]byte) int { return 0 }

func (s *pickleScanner) scan(p []byte) (int, bool, error) {
	for i := 0; i < len(p); {
		switch {
		case s.data > 0:
			n := min(s.data, uint64(len(p)-i))
			s.data -= n
			i += int(n)
		case s.counting > 0:
			if err := s.takeCount(p[i], s.n+uint64(i)+1); err != nil {
				return i, false, err
			}
			i++
		case s.lines > 0 && s.code == opGlobal:
			if err := s.takeGlobal(p[i]); err != nil {
				return i, false, err
			}
			i++
		case s.lines > 0:
			n, err := s.takeLine(p[i:])
			i += n
			if err != nil {
				return i, false, err
			}
		default:
			if err := s.take(p[i], s.n+uint64(i) == 0); err != nil {
				return i, false, err
			}
			i++
			if s.code == opStop {
				s.n, s.marks = 0, 0
				return i, true, nil
			}
		}
	}
	s.n += uint64(len(p))
	return len(p), false, nil
}

// take takes an opcode.
func (s *pickleScanner) take(b byte, first bool) error {
	o := &opcodes[b]
	switch {
	case first && !o.first && b != opPersid && ' ' < b && b <= '~':
		return errText
	case o.name == "":
		return malformed("%#02x is no pickle opcode", b)
	case o.refused:
		return refusedOpcode(b)
	case first && !o.first:
		return malformed("no pickle begins with %s", o.name)
	}
	switch b {
	case opMark:
		if s.marks++; s.marks > maxPickleMarks {
			return malformed("more than %d marks", maxPickleMarks)
		}
	case opAppends, opDict, opList, opSetitems, opTuple:
		s.marks = max(0, s.marks-1)
	}
	s.code = b
	s.data, s.counting, s.lines = uint64(o.fixed), o.counted, o.lines
	s.count, s.line = 0, 0
	return nil
}

// takeCount takes a byte of a count, which ends at the n-th byte of the pickle. What the count announces is never believed: a
// message that would become too long is so at once.
func (s *pickleScanner) takeCount(b byte, n uint64) error {
	o := &opcodes[s.code]
	s.count |= uint64(b) << (8 * (o.counted - s.counting))
	s.counting--
	if s.counting > 0 {
		return nil
	}
	stop := uint64(1)
	switch {
	case n+stop > s.limit || s.count > s.limit-n-stop:
		return ErrTooLong
	case o.max > 0 && s.count > uint64(o.max):
		return s.tooLarge()
	}
	s.data = s.count
	return nil
}

// takeLine takes what p has of a line. It returns how many bytes that is, or where the byte stands that is wrong.
func (s *pickleScanner) takeLine(p []byte) (int, error) {
	if s.code == opString && s.line == 0 && p[0] != '\'' && p[0] != '"' {
		return 0, malformed("a string without quotes")
	}
	n := bytes.IndexByte(p, '\n')
	ended := n >= 0
	if !ended {
		n = len(p)
	}
	if longest := opcodes[s.code].max; longest > 0 && s.line+n > longest {
		return longest - s.line, s.tooLarge()
	}
	s.line += n
	if ended {
		s.lines, s.line = s.lines-1, 0
		n++
	}
	return n, nil
}

// takeGlobal takes a byte of the two lines that name a global.
func (s *pickleScanner) takeGlobal(b byte) error {
	begun := s.names[:s.line]
	s.line++
	for _, names := range [...]string{globalEncode, globalBytes} {
		if s.line > len(names) || names[:s.line-1] != begun || names[s.line-1] != b {
			continue
		}
		s.names = names
		if s.line == len(names) {
			s.lines = 0
		}
		return nil
	}
	return refusedOpcode(opGlobal)
}

// tooLarge returns the error of an argument that is longer than what Python would write.
func (s *pickleScanner) tooLarge() error {
	o := &opcodes[s.code]
	return malformed("pickle opcode %s with more than %d bytes", o.name, o.max)
}

func (*pickleScanner) finish() error { return ErrUnfinished }

func (*pickleScanner) pending() Pending { return Unfinished }

func (*pickleScanner) check(scanned []byte) ([]byte, error) {
	_, err := unpickle(scanned)
	return scanned, err
}

// refusedOpcode returns the error of an opcode that does what no plain value needs.
func refusedOpcode(op byte) error {
	return malformed("pickle opcode %s is refused: taken are None, bool, int, float, str, bytes, list, tuple, dict", opcodes[op].name)
}

// errText is the error of what begins with a character with which no pickle does: most likely a line, or JSON.
var errText = malformed("this is text, not a pickle")
