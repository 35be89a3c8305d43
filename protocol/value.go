package protocol

import (
	"bytes"
	"fmt"
)

// A scanner finds the ends of the values in a stream. It remembers where it stands, so that it looks at each byte once
// however the stream was cut.
type scanner interface {
	// skip returns how many bytes at the start of p stand between two values.
	skip(p []byte) int
	// scan goes on through p, which is not empty. It returns how many of its bytes belong to the value, and whether the value
	// ends there; the next scan then begins another. An error says that no value can come of it: n is where the byte
	// stands that shows it.
	scan(p []byte) (n int, ended bool, err error)
	// finish ends the value that has begun, at the peer's wish. It returns ErrUnfinished if the value can't end here.
	finish() error
	// check returns the value in what was scanned as one, or what is wrong with it.
	check(scanned []byte) ([]byte, error)
	// pending tells how the value that has begun can end.
	pending() Pending
}

// A valueDecoder cuts a stream of values that know their own ends.
type valueDecoder struct {
	scanner scanner
	limit   int
	chunk   []byte // of the last piece, what Next has not returned yet
	end     int    // where the value ends that chunk begins with, or goes on with; -1: not in chunk
	err     error  // what is wrong with that value
	begun   unfinished
}

func (d *valueDecoder) Feed(p []byte) {
	d.chunk = p
	d.look()
}

// look finds the end of the next value. What is wrong is told by the first byte that shows it, be it the one that is too
// much or one that no value has in this place: so the verdict does not depend on where the input was cut.
func (d *valueDecoder) look() {
	d.end = -1
	if d.begun.empty() {
		d.chunk = d.chunk[d.scanner.skip(d.chunk):]
	}
	if len(d.chunk) == 0 {
		return
	}
	p, begun := d.chunk, d.begun.bytes()
	if d.limit > 0 {
		// The longest value has a CR behind it, and the newline that shows its end. What is behind that needs no look.
		p = p[:min(len(p), d.limit+2-len(begun))]
	}
	n, ended, err := d.scanner.scan(p)
	switch {
	case err != nil && d.limit > 0 && len(begun)+n > d.limit:
		d.err = ErrTooLong
	case err != nil:
		d.err = err
	case tooLong(begun, p[:n], d.limit):
		d.err = ErrTooLong
	case ended:
		d.end = n
	}
}

func (d *valueDecoder) More() bool { return d.end >= 0 }

func (d *valueDecoder) Next() ([]byte, bool, error) {
	d.begun.giveBack()
	if d.err != nil {
		return nil, false, d.err
	}
	if d.end < 0 {
		if len(d.chunk) > 0 {
			d.begun.add(d.chunk)
		}
		d.chunk = nil
		return nil, false, nil
	}
	value := d.chunk[:d.end:d.end] // An append to it must not reach the next value.
	if !d.begun.empty() {
		d.begun.add(value)
		value = d.begun.take()
	}
	value, err := d.scanner.check(value)
	if err != nil {
		d.err, d.end = err, -1
		return nil, false, err
	}
	d.chunk = d.chunk[d.end:]
	d.look()
	return value, true, nil
}

func (d *valueDecoder) Hold() { d.chunk = bytes.Clone(d.chunk) }

func (d *valueDecoder) Pending() Pending {
	if d.begun.empty() {
		return Nothing
	}
	return d.scanner.pending()
}

func (d *valueDecoder) Finish() ([]byte, bool, error) {
	d.begun.giveBack()
	switch {
	case d.err != nil:
		return nil, false, d.err
	case d.begun.empty():
		return nil, false, nil
	}
	value, err := d.begun.take(), d.scanner.finish()
	if err == nil {
		value, err = d.scanner.check(value)
	}
	if err != nil {
		d.err = err
		return nil, false, err
	}
	return value, true, nil
}

// malformed returns an error that wraps ErrMalformed and gives the reason.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}
