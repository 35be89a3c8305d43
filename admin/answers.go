package admin

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxAnswers is how many pages of the roster may be on their way to visitors: a large one is held in memory, half a MB or more,
// until the visitor has taken what the system does not hold. One more cuts off the one that has been on its way for the longest,
// for the same reason as in crowd.go.
const maxAnswers = 32

// answers are those on their way. The zero value is ready.
type answers struct {
	mu    sync.Mutex
	lines []*http.ResponseController // the first first
}

// write sends an answer.
func (a *answers) write(w http.ResponseWriter, body []byte) {
	line := http.NewResponseController(w)
	a.mu.Lock()
	a.lines = append(a.lines, line)
	if len(a.lines) > maxAnswers {
		_ = a.lines[0].SetWriteDeadline(time.Unix(1, 0))
		a.lines = slices.Delete(a.lines, 0, 1)
	}
	a.mu.Unlock()
	_, _ = w.Write(body)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines = slices.DeleteFunc(a.lines, func(l *http.ResponseController) bool { return l == line })
}
