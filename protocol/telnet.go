package protocol

import "bytes"

// The bytes of RFC 854 that a text decoder has to know.
const (
	telnetIAC  = 255 // "interpret as command": every command begins with it
	telnetWILL = 251 // the first of the four that take an option byte: WILL, WONT, DO, DONT
	telnetSB   = 250 // begins a subnegotiation, which IAC SE ends
	telnetSE   = 240 // the lowest of the commands
)

// maxSubnegotiation is how many bytes of a telnet subnegotiation are dropped before they count as text again. The
// options in use need under a hundred; without a bound a stranger could talk for ever and never begin a message.
const maxSubnegotiation = 1024

// A telnetFilter takes out of a stream what a telnet client adds to a text: its commands and option negotiation, which are
// dropped, and the CR NUL that some send for the end of a line (RFC 1123, 3.3.1), which becomes CR LF. The byte 255
// never comes out: it occurs in no ASCII or UTF-8 text, and sent back to a telnet client it would begin a
// negotiation.
type telnetFilter struct {
	state telnetState
	cr    bool   // the last byte that came out was CR
	sub   uint16 // bytes of the subnegotiation seen so far
}

type telnetState uint8

const (
	telnetData    telnetState = iota
	telnetCommand             // behind IAC
	telnetOption              // behind IAC WILL, WONT, DO or DONT
	telnetSub                 // within a subnegotiation
	telnetSubIAC              // behind an IAC within one
)

// idle reports whether the filter stands between two commands.
func (f *telnetFilter) idle() bool { return f.state == telnetData }

// filter returns the text in p, which it overwrites.
func (f *telnetFilter) filter(p []byte) []byte {
	if len(p) == 0 {
		return p
	}
	if f.state == telnetData && bytes.IndexByte(p, telnetIAC) < 0 && bytes.IndexByte(p, 0) < 0 {
		f.cr = p[len(p)-1] == '\r'
		return p
	}
	out := p[:0]
	for _, b := range p {
		switch f.state {
		case telnetCommand:
			switch {
			case b == telnetSB:
				f.state, f.sub = telnetSub, 0
				continue
			case b >= telnetWILL && b < telnetIAC:
				f.state = telnetOption
				continue
			}
			f.state = telnetData
			if b >= telnetSE {
				continue
			}
			// No command begins with this byte: a stray 255, and the text goes on.
		case telnetOption:
			f.state = telnetData
			continue
		case telnetSub:
			if f.sub++; f.sub > maxSubnegotiation {
				f.state = telnetData
			} else if b == telnetIAC {
				f.state = telnetSubIAC
			}
			continue
		case telnetSubIAC:
			f.state = telnetSub
			if b == telnetSE {
				f.state = telnetData
			}
			continue
		}
		switch {
		case b == telnetIAC:
			f.state = telnetCommand
			continue
		case b == 0 && f.cr:
			b = '\n'
		}
		f.cr = b == '\r'
		out = append(out, b)
	}
	return out
}
