package protocol

import (
	"encoding/binary"
	"math"
	"strconv"
	"sync"
)

// What a pickle may amount to. A list can stand in itself, and in a few hundred bytes a thousand million times in others: what
// is bounded is what one sees who walks through all of it.
const (
	maxPickleDepth = 100  // of lists in lists
	maxPickleMarks = 1000 // that are open; a value of that depth needs one a level
	pickleSpread   = 16   // times its own length, and
	pickleSpare    = 1024 // more, is how many values and bytes of text a pickle may amount to
)

// A kind is the type of a value in Python.
type kind uint8

const (
	kindNothing kind = iota
	kindNone
	kindBool
	kindInt
	kindFloat
	kindStr
	kindBytes
	kindList
	kindTuple
	kindDict
	kindGlobal // a function that makes bytes; no message is one, or has one in it
)

var kindNames = [...]string{
	kindNothing: "nothing", kindNone: "None", kindBool: "bool", kindInt: "int", kindFloat: "float", kindStr: "str",
	kindBytes: "bytes", kindList: "list", kindTuple: "tuple", kindDict: "dict", kindGlobal: "function",
}

// A value is where it stands: at that place in the message is the opcode that pushes it, and its argument says it. A negative
// one is the complement of an index into composites.
//
// So nothing is copied out of a message that is merely checked, and what the machine needs is a few bytes for each byte of
// the message, whatever its opcodes are.
type value int32

const noValue value = math.MinInt32

// A composite is a value that is made of others.
type composite struct {
	kind        kind
	first, last int32 // cells, or -1
}

// A cell has one value of a composite. In a dict, a cell of a key is followed by that of its value; what a cell of bytes
// has is the str that was encoded in Latin-1.
type cell struct {
	value value
	next  int32 // or -1
}

// An unpickler is the machine that runs a pickle. It makes plain values, and calls nothing.
type unpickler struct {
	msg        []byte
	stack      []value
	marks      []int // heights of the stack
	memo       []value
	memoized   int // entries of the memo that are not noValue
	composites []composite
	cells      []cell
	keys       map[string]int32 // the cell of each key of each dict, by what appendKey makes of it behind the dict's number
	frame      int              // where the frame ends that the machine is in; 0: it is in none
	budget     int              // what is left of what the pickle may amount to
	key, text  []byte           // buffers
}

var unpicklers = sync.Pool{New: func() any { return &unpickler{keys: map[string]int32{}} }}

// maxPooledPickle is the length of the longest pickle whose machine goes back into unpicklers.
const maxPooledPickle = maxPooledUnfinished

// unpickle runs a pickle. The machine is given back by free, also behind an error.
func unpickle(msg []byte) (*unpickler, value, error) {
	u := unpicklers.Get().(*unpickler)
	u.msg = msg
	u.stack, u.marks, u.memo, u.memoized = u.stack[:0], u.marks[:0], u.memo[:0], 0
	u.composites, u.cells = u.composites[:0], u.cells[:0]
	u.frame = 0
	u.budget = pickleSpread*len(msg) + pickleSpare
	v, err := u.run()
	if err == nil {
		err = u.walk(v, 0)
	}
	return u, v, err
}

// free gives the machine back; it is not to be used behind that.
func (u *unpickler) free() {
	if len(u.msg) > maxPooledPickle {
		return
	}
	u.msg = nil
	if len(u.keys) > 100 {
		u.keys = map[string]int32{} // A large map stays large, and to clear it takes as long each time.
	}
	clear(u.keys)
	unpicklers.Put(u)
}

func (u *unpickler) run() (value, error) {
	for at := 0; at < len(u.msg); {
		arg, next, ok := argument(u.msg, at)
		if !ok {
			break
		}
		if err := u.framed(u.msg[at], arg, next); err != nil {
			return noValue, err
		}
		if u.msg[at] == opStop {
			if u.room() < 1 {
				return noValue, u.lacking(opStop)
			}
			return u.stack[len(u.stack)-1], nil
		}
		if err := u.step(at, arg); err != nil {
			return noValue, err
		}
		at = next
	}
	return noValue, ErrUnfinished
}

// framed sees to it that the opcode in front of next stands in one frame, or in none. A FRAME says how much can be read at
// once. Nothing is read by it here; but where opcodes and frames do not agree, Python's own readers disagree on what
// the pickle says.
func (u *unpickler) framed(op byte, arg []byte, next int) error {
	if u.frame > 0 && (next > u.frame || op == opFrame) {
		return malformed("pickle opcode %s reaches out of its frame", opcodes[op].name)
	}
	if u.frame == next {
		u.frame = 0
	}
	if op != opFrame {
		return nil
	}
	n := littleEndian(arg)
	if n > uint64(len(u.msg)-next) {
		return malformed("a frame that ends behind the pickle")
	}
	if n > 0 {
		u.frame = next + int(n)
	}
	return nil
}

// step runs the opcode that stands at a place of the message.
func (u *unpickler) step(at int, arg []byte) error {
	op := u.msg[at]
	switch op {
	case opProto:
		if arg[0] > highestProtocol {
			return malformed("pickle protocol %d", arg[0])
		}
	case opFrame: // see framed

	case opMark:
		if len(u.marks) == maxPickleMarks {
			return malformed("more than %d marks", maxPickleMarks)
		}
		u.marks = append(u.marks, len(u.stack))
	case opPop:
		if n := len(u.marks); n > 0 && u.room() == 0 {
			u.marks = u.marks[:n-1]
			return nil
		}
		return u.drop(op, 1)
	case opPopMark:
		_, err := u.popMark(op)
		return err
	case opDup:
		if u.room() < 1 {
			return u.lacking(op)
		}
		u.push(u.stack[len(u.stack)-1])

	case opEmptyTuple:
		u.push(u.compose(kindTuple, nil))
	case opEmptyList:
		u.push(u.compose(kindList, nil))
	case opEmptyDict:
		u.push(u.compose(kindDict, nil))
	case opTuple1, opTuple2, opTuple3:
		return u.popInto(op, kindTuple, int(op)-opTuple1+1)
	case opTuple:
		return u.popMarkInto(op, kindTuple)
	case opList:
		return u.popMarkInto(op, kindList)
	case opDict:
		items, err := u.popMark(op)
		if err != nil {
			return err
		}
		dict := u.compose(kindDict, nil)
		if err := u.setItems(dict, items); err != nil {
			return err
		}
		u.push(dict)
	case opAppend, opAppends:
		return u.grow(op, kindList, 1)
	case opSetitem, opSetitems:
		return u.grow(op, kindDict, 2)

	case opPut, opBinput, opLongBinput:
		return u.remember(op, at, index(op, arg))
	case opMemoize:
		return u.remember(op, at, u.memoized)
	case opGet, opBinget, opLongBinget:
		i := index(op, arg)
		if i < 0 || i >= len(u.memo) || u.memo[i] == noValue {
			return malformed("pickle opcode %s finds no such value", opcodes[op].name)
		}
		u.push(u.memo[i])

	case opReduce:
		return u.reduce()
	default:
		if err := u.checkScalar(op, arg); err != nil {
			return err
		}
		u.push(value(at))
	}
	return nil
}

// room is how many values lie on the stack above the last mark. No opcode reaches below it.
func (u *unpickler) room() int {
	if n := len(u.marks); n > 0 {
		return len(u.stack) - u.marks[n-1]
	}
	return len(u.stack)
}

// lacking returns the error of an opcode that needs other values than those that lie on the stack.
func (u *unpickler) lacking(op byte) error {
	return malformed("pickle opcode %s finds nothing that it works on", opcodes[op].name)
}

func (u *unpickler) push(v value) { u.stack = append(u.stack, v) }

// drop takes n values from the stack.
func (u *unpickler) drop(op byte, n int) error {
	if u.room() < n {
		return u.lacking(op)
	}
	u.stack = u.stack[:len(u.stack)-n]
	return nil
}

// popMark takes everything above the last mark from the stack, and the mark. What it returns is good until the next push.
func (u *unpickler) popMark(op byte) ([]value, error) {
	n := len(u.marks)
	if n == 0 {
		return nil, u.lacking(op)
	}
	items := u.stack[u.marks[n-1]:]
	u.stack = u.stack[:u.marks[n-1]]
	u.marks = u.marks[:n-1]
	return items, nil
}

// popInto makes one value of the last n.
func (u *unpickler) popInto(op byte, k kind, n int) error {
	if err := u.drop(op, n); err != nil {
		return err
	}
	u.push(u.compose(k, u.stack[len(u.stack):len(u.stack)+n]))
	return nil
}

// popMarkInto makes one value of those above the last mark.
func (u *unpickler) popMarkInto(op byte, k kind) error {
	items, err := u.popMark(op)
	if err == nil {
		u.push(u.compose(k, items))
	}
	return err
}

// grow puts the last n values, or all above the last mark, into the list or dict below them.
func (u *unpickler) grow(op byte, k kind, n int) error {
	var items []value
	switch op {
	case opAppends, opSetitems:
		var err error
		if items, err = u.popMark(op); err != nil {
			return err
		}
	default:
		if err := u.drop(op, n); err != nil {
			return err
		}
		items = u.stack[len(u.stack) : len(u.stack)+n]
	}
	if u.room() < 1 {
		return u.lacking(op)
	}
	into := u.stack[len(u.stack)-1]
	if u.kind(into) != k {
		return u.lacking(op)
	}
	if k == kindDict {
		return u.setItems(into, items)
	}
	for _, item := range items {
		u.add(into, item)
	}
	return nil
}

// compose makes a composite of items.
func (u *unpickler) compose(k kind, items []value) value {
	u.composites = append(u.composites, composite{kind: k, first: -1, last: -1})
	v := ^value(len(u.composites) - 1)
	for _, item := range items {
		u.add(v, item)
	}
	return v
}

// add adds a cell to a composite and returns its index.
func (u *unpickler) add(to, v value) int32 {
	i := int32(len(u.cells))
	u.cells = append(u.cells, cell{value: v, next: -1})
	c := &u.composites[^to]
	if c.first < 0 {
		c.first = i
	} else {
		u.cells[c.last].next = i
	}
	c.last = i
	return i
}

// setItems sets keys of a dict: each is followed by its value.
func (u *unpickler) setItems(dict value, items []value) error {
	if len(items)%2 != 0 {
		return malformed("a key without a value")
	}
	for i := 0; i < len(items); i += 2 {
		k, v := items[i], items[i+1]
		var err error
		u.key = binary.LittleEndian.AppendUint32(u.key[:0], uint32(dict))
		if u.key, err = u.appendKey(u.key, k, 0); err != nil {
			return err
		}
		if i, ok := u.keys[string(u.key)]; ok {
			u.cells[u.cells[i].next].value = v // The key stays the first one, also where 1.0 comes behind 1.
			continue
		}
		u.keys[string(u.key)] = u.add(dict, k)
		u.add(dict, v)
	}
	return nil
}

// index returns the index into the memo that an opcode has as its argument, or -1.
func index(op byte, arg []byte) int {
	switch op {
	case opBinput, opBinget:
		return int(arg[0])
	case opLongBinput, opLongBinget:
		return int(binary.LittleEndian.Uint32(arg))
	}
	n, err := strconv.ParseUint(string(arg), 10, 32)
	if err != nil {
		return -1
	}
	return int(n)
}

// remember puts the last value into the memo. Whoever writes a pickle numbers what is put there from 0 or 1, so that no index
// is larger than the place where it stands: a larger one would make a memo of any size.
func (u *unpickler) remember(op byte, at, i int) error {
	switch {
	case u.room() < 1:
		return u.lacking(op)
	case i < 0 || i > max(at, math.MaxUint8):
		return malformed("pickle opcode %s with an index out of range", opcodes[op].name)
	}
	for len(u.memo) <= i {
		u.memo = append(u.memo, noValue)
	}
	if u.memo[i] == noValue {
		u.memoized++
	}
	u.memo[i] = u.stack[len(u.stack)-1]
	return nil
}

// reduce does what protocols 0 to 2 need for bytes. Any other call is refused.
func (u *unpickler) reduce() error {
	if u.room() < 2 {
		return u.lacking(opReduce)
	}
	function, args := u.stack[len(u.stack)-2], u.stack[len(u.stack)-1]
	if u.kind(function) != kindGlobal || u.kind(args) != kindTuple {
		return refusedOpcode(opReduce)
	}
	u.stack = u.stack[:len(u.stack)-2]
	names, _, _ := argument(u.msg, int(function))
	arg := u.composites[^args].first
	if string(names)+"\n" == globalBytes && arg < 0 {
		u.push(u.compose(kindBytes, nil))
		return nil
	}
	if string(names)+"\n" != globalEncode || arg < 0 {
		return refusedOpcode(opReduce)
	}
	text, arg := u.cells[arg].value, u.cells[arg].next
	if arg < 0 || u.cells[arg].next >= 0 || !u.latin1(text, u.cells[arg].value) {
		return refusedOpcode(opReduce)
	}
	u.push(u.compose(kindBytes, []value{text}))
	return nil
}

// latin1 reports whether text can be encoded, and encoding is the one that Python writes.
func (u *unpickler) latin1(text, encoding value) bool {
	if u.kind(text) != kindStr || u.kind(encoding) != kindStr {
		return false
	}
	if u.text = u.appendStr(u.text[:0], encoding); string(u.text) != "latin1" {
		return false
	}
	u.text = u.appendStr(u.text[:0], text)
	for i := 0; i < len(u.text); {
		r, size := decodeRune(u.text[i:])
		if r > 0xff {
			return false
		}
		i += size
	}
	return true
}

// walk goes through all of a value, which ends because the budget does.
func (u *unpickler) walk(v value, depth int) error {
	if v >= 0 {
		if u.kind(v) == kindGlobal {
			return refusedOpcode(opGlobal)
		}
		arg, _, _ := argument(u.msg, int(v))
		return u.spend(len(arg))
	}
	if err := u.spend(0); err != nil {
		return err
	}
	if depth == maxPickleDepth {
		return errTooDeep()
	}
	for i := u.composites[^v].first; i >= 0; i = u.cells[i].next {
		if err := u.walk(u.cells[i].value, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func errTooDeep() error { return malformed("nested deeper than %d, or within itself", maxPickleDepth) }

// spend takes a value that has n bytes from the budget.
func (u *unpickler) spend(n int) error {
	if u.budget -= 1 + n; u.budget < 0 {
		return malformed("it amounts to more than %d times its length", pickleSpread)
	}
	return nil
}
