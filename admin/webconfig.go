package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/time/rate"
)

// CheckWebConfig returns what is wrong with a web config file of Prometheus's exporters, or with the files that it names, in
// one line; "" is right.
func CheckWebConfig(file string) error {
	if err := web.Validate(file); err != nil {
		return errors.New(strings.Join(strings.Fields(err.Error()), " "))
	}
	return nil
}

// A configWatch looks, when a visitor comes, whether the web config file can be used, and says in the log when that has changed.
// Without one that can, the toolkit lets nobody in; where TLS was asked for, it tells nobody why.
type configWatch struct {
	file string
	log  *zap.Logger

	mu     sync.Mutex
	looked time.Time
	wrong  string // what is wrong with it; "": nothing
}

// configLook is how often the file is looked at, at most.
const configLook = time.Second

func (w *configWatch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.looked) < configLook {
		return
	}
	w.looked = time.Now()
	wrong := ""
	if err := CheckWebConfig(w.file); err != nil {
		wrong = err.Error()
	}
	switch wrong {
	case w.wrong:
	case "":
		w.log.Info("the admin web config can be used again", zap.String("file", w.file))
	default:
		w.log.Error("the admin web config cannot be used: nobody is let in until it is mended", zap.String("file", w.file),
			zap.String("error", wrong))
	}
	w.wrong = wrong
}

// A watchedListener has the file looked at for each visitor.
type watchedListener struct {
	net.Listener
	watch *configWatch
}

// Accept waits for the next connection.
func (l watchedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.watch.look()
	}
	return conn, err
}

// A webLog takes what the exporters' toolkit logs, which is two lines for each socket when it begins, and one for each request
// as long as the file cannot be read: these are written, at most one a second.
type webLog struct {
	log     *zap.Logger
	limiter *rate.Limiter
}

func newWebLog(log *zap.Logger) *slog.Logger {
	return slog.New(webLog{log, rate.NewLimiter(1, 1)})
}

// Enabled is part of slog.Handler, as all that follow.
func (l webLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle writes a line.
func (l webLog) Handle(_ context.Context, r slog.Record) error {
	if !l.limiter.Allow() {
		return nil
	}
	fields := make([]zapcore.Field, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		fields = append(fields, zap.Any(a.Key, a.Value.Any()))
		return true
	})
	l.log.Error("admin web config: "+r.Message, fields...)
	return nil
}

// WithAttrs is never called by the toolkit.
func (l webLog) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup is never called by the toolkit.
func (l webLog) WithGroup(string) slog.Handler { return l }
