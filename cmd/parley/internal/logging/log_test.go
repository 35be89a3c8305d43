package logging_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"parley/cmd/parley/internal/logging"
)

func Example() {
	opts := logging.Detect(os.Stdout, os.Getenv)
	opts.Format = logging.FormatConsole
	opts.Journal = true // no time, which would be another at each run
	log, err := logging.New(opts)
	if err != nil {
		panic(err)
	}
	log.Logger().Info("connection closed", zap.Uint64("clientid", 17), zap.String("reason", "client_closed"))
	log.Logger().Info("message", zap.Uint64("clientid", 18), zap.String(logging.MessageKey, "Zoë\x1b[2J says hi"))
	if err := log.Close(time.Second); err != nil {
		panic(err)
	}
	// Output:
	// INFO   connection closed  clientid=17 reason=client_closed
	// INFO   message  clientid=18 message="Zo\u00eb\u001b[2J says hi"
}

// A duration's sign for micro would come out escaped.
func TestConsole_microseconds(t *testing.T) {
	t.Parallel()
	got := logged(t, logging.Options{Format: logging.FormatConsole, Journal: true}, func(log *zap.Logger) {
		log.Info("closed", zap.Duration("duration", 20*time.Microsecond))
	})
	if want := "INFO   closed  duration=20us\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// logged returns what a log with opts writes of what use logs.
func logged(t *testing.T, opts logging.Options, use func(*zap.Logger)) string {
	t.Helper()
	var out bytes.Buffer
	opts.Out = &out
	log, err := logging.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	use(log.Logger())
	if err := log.Close(time.Minute); err != nil {
		t.Error(err)
	}
	if n := log.Dropped(); n != 0 {
		t.Errorf("%d lines dropped", n)
	}
	return out.String()
}

func conversation(log *zap.Logger) {
	log.Debug("connection opened", zap.Uint64("clientid", 17))
	log.With(zap.Uint64("clientid", 17), zap.String("peer", "[::1]:51544")).Info("connection closed",
		zap.Duration("duration", 1500*time.Millisecond), zap.String("handler", ""), zap.Bool("tls", false))
	log.Info("message", zap.String("peer", "@"), zap.String("message", "so = \"what\"?\n\u202e\x7f\xff😀"))
	log.Named("admin").Warn("odd\tname: \x1b[31mred", zap.Strings("names", []string{"a,b", "c:d"}),
		zap.Any("map", map[string]int{"x y": 1}), zap.Namespace("inner"), zap.Int("n", -1))
	log.Error("accept", zap.Error(errors.New("too many open files")), zap.ByteString("stack", []byte("a.go:1\nb.go:2")))
}

func TestLines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		opts logging.Options
		want []string // $T is the time of the day here, $Z in UTC with its date, $L here with its date
	}{
		{
			"JSON is what auto means",
			logging.Options{Color: true},
			[]string{
				`{"level":"info","time":"$Z","msg":"connection closed","clientid":17,"peer":"[::1]:51544","duration":1.5,"handler":"","tls":false}`,
				`{"level":"info","time":"$Z","msg":"message","peer":"@","message":"so = \"what\"?\n\u202e\u007f\ufffd\ud83d\ude00"}`,
				`{"level":"warn","time":"$Z","logger":"admin","msg":"odd\tname: \u001b[31mred","names":["a,b","c:d"],"map":{"x y":1},"inner":{"n":-1}}`,
				`{"level":"error","time":"$Z","msg":"accept","error":"too many open files","stack":"a.go:1\nb.go:2"}`,
			},
		},
		{
			"JSON for the journal",
			logging.Options{Format: logging.FormatJSON, Journal: true, Level: zapcore.ErrorLevel},
			[]string{
				`{"level":"error","msg":"accept","error":"too many open files","stack":"a.go:1\nb.go:2"}`,
			},
		},
		{
			"a terminal",
			logging.Options{Terminal: true, Level: zapcore.DebugLevel},
			[]string{
				`$T  DEBUG  connection opened  clientid=17`,
				`$T  INFO   connection closed  clientid=17 peer=[::1]:51544 duration=1.5s handler="" tls=false`,
				`$T  INFO   message  peer=@ message="so = \"what\"?\n\u202e\u007f\ufffd\ud83d\ude00"`,
				`$T  WARN   admin: odd\u0009name: \u001b[31mred  names=["a,b","c:d"] map={"x y":1} inner={"n":-1}`,
				`$T  ERROR  accept  error="too many open files" stack="a.go:1\nb.go:2"`,
			},
		},
		{
			"a terminal in colour",
			logging.Options{Terminal: true, Color: true, Level: zapcore.DebugLevel},
			[]string{
				"$T  \x1b[35mDEBUG\x1b[0m  connection opened  clientid=17",
				"$T  \x1b[34mINFO\x1b[0m   connection closed  clientid=17 peer=[::1]:51544 duration=1.5s handler=\"\" tls=false",
				"$T  \x1b[34mINFO\x1b[0m   message  peer=@ message=\x1b[32m" + `"so = \"what\"?\n\u202e\u007f\ufffd\ud83d\ude00"` + "\x1b[0m",
				"$T  \x1b[33mWARN\x1b[0m   admin: " + `odd\u0009name: \u001b[31mred  names=["a,b","c:d"] map={"x y":1} inner={"n":-1}`,
				"$T  \x1b[31mERROR\x1b[0m  accept  " + `error="too many open files" stack="a.go:1\nb.go:2"`,
			},
		},
		{
			"console in a file",
			logging.Options{Format: logging.FormatConsole, Level: zapcore.ErrorLevel},
			[]string{`$L  ERROR  accept  error="too many open files" stack="a.go:1\nb.go:2"`},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // for its clock, which stands still
				now := time.Now()
				const date = "2006-01-02T15:04:05.000Z07:00"
				want := strings.NewReplacer(
					"$T", now.Format("15:04:05.000"), "$L", now.Format(date), "$Z", now.UTC().Format(date),
				).Replace(strings.Join(test.want, "\n") + "\n")
				got := logged(t, test.opts, conversation)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestOptionErrors(t *testing.T) {
	t.Parallel()
	for want, opts := range map[string]logging.Options{
		`logging: no output`: {},
		`logging: unknown format "xml": want auto, console or json`: {Out: os.Stdout, Format: "xml"},
	} {
		_, err := logging.New(opts)
		if err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
	}
}

func BenchmarkLog(b *testing.B) {
	for _, format := range []logging.Format{logging.FormatJSON, logging.FormatConsole} {
		b.Run(string(format), func(b *testing.B) {
			log, err := logging.New(logging.Options{Out: io.Discard, Format: format})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = log.Close(time.Minute) }()
			logger := log.Logger()
			b.ReportAllocs()
			for b.Loop() {
				logger.Info("connection closed",
					zap.Uint64("clientid", 17), zap.String("peer", "203.0.113.9:51544"), zap.String("handler", "echo"),
					zap.Uint64("messages_in", 3), zap.Uint64("bytes_in", 42), zap.Duration("duration", time.Second),
					zap.String("reason", "client_closed"))
			}
		})
	}
}
