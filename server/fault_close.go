package server

import "time"

// closeFault closes the connection in good order after a while, also in the middle of an answer that a rate holds back. What
// else is on its way is sent at once; what the client does not take keeps it open until the write timeout.
var closeFault = faultKind{
	word:  "close_after",
	text:  func(f *Faults) string { return durationText(f.CloseAfter) },
	begin: func(f *faulty) { f.timer = time.AfterFunc(f.CloseAfter, func() { f.fail(errTimeUp) }) },
}
