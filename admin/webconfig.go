package admin

import (
	"context"
	"errors"
	"log/slog"
	"strings"

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
