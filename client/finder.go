package client

// A finder finds a text in what comes in pieces, and looks at each byte once: how Knuth, Morris and Pratt do it.
type finder struct {
	text  string
	found int   // how much of text what came ends with
	retry []int // by that number: how much of text it ends with otherwise, if the next byte is not the one wanted
}

func newFinder(text string) *finder {
	f := &finder{text: text, retry: make([]int, len(text)+1)}
	for i := 1; i < len(text); i++ {
		f.step(text[i])
		f.retry[i+1] = f.found
	}
	f.found = 0
	return f
}

// find reports whether text has come, with this piece or before.
func (f *finder) find(piece string) bool {
	for i := 0; i < len(piece) && f.found < len(f.text); i++ {
		f.step(piece[i])
	}
	return f.found == len(f.text)
}

func (f *finder) step(b byte) {
	for f.found > 0 && f.text[f.found] != b {
		f.found = f.retry[f.found]
	}
	if f.text[f.found] == b {
		f.found++
	}
}
