package server

import "sync"

// buffers lends byte slices. What is lent is a pointer, so that lending and giving back allocate nothing.
type buffers struct{ pool sync.Pool }

func newBuffers(fresh func() []byte) *buffers {
	return &buffers{sync.Pool{New: func() any { b := fresh(); return &b }}}
}

func (b *buffers) get() *[]byte {
	return b.pool.Get().(*[]byte)
}

func (b *buffers) put(p *[]byte) { b.pool.Put(p) }
