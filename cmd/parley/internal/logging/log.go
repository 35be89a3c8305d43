package logging

import (
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// MessageKey is the key of the field that holds what a client said. A terminal
// shows it in green, so that a class sees its own words among ours.
const MessageKey = "message"

// Format says how a line looks.
type Format string

// The formats. FormatAuto is what "" means too.
const (
	FormatAuto    Format = "auto"    // console on a terminal, JSON otherwise
	FormatConsole Format = "console" // for people: time, level, message, key=value
	FormatJSON    Format = "json"    // for machines: one object a line
)

// Options describe a log. [Detect] fills in what a file tells about itself.
type Options struct {
	Out    io.Writer     // where the lines go; required
	Format Format        // "" is FormatAuto
	Level  zapcore.Level // lines below are left out; zero is info

	Terminal bool // Out is a terminal: FormatAuto is console, and the time needs no date
	Color    bool // the console format is coloured
	Journal  bool // Out is journald, which stamps each line itself: no time
}

// Log is a zap logger and the queue behind it.
type Log struct {
	logger *zap.Logger
	queue  *queue
}

// New starts a log, which ends with [Log.Close].
//
// Every line is printable ASCII and ends with its only newline, whatever bytes
// its message, fields and errors hold: the rest is escaped as JSON does it
// (\n, \u001b, \u202e), in the console format too. A byte that is not UTF-8
// shows as \ufffd. Nobody can thus forge a line, move the cursor of whoever
// reads the log, or reverse the direction of text.
//
// Nothing is sampled and no caller or stack is added: a line costs the same
// whether it tells of an error or not.
func New(opts Options) (*Log, error) {
	if opts.Out == nil {
		return nil, errors.New("logging: no output")
	}
	enc, err := newEncoder(opts)
	if err != nil {
		return nil, err
	}
	q := newQueue(opts.Out, func(dropped uint64) []byte {
		return encodeDropped(enc, dropped)
	})
	core := zapcore.NewCore(enc, q, opts.Level)
	// zap complains about its own troubles on stderr, which may block just as
	// stdout may; the queue has none to complain of.
	quiet := zap.ErrorOutput(zapcore.AddSync(io.Discard))
	return &Log{logger: zap.New(core, quiet), queue: q}, nil
}

// Logger returns the logger that writes to this log.
func (l *Log) Logger() *zap.Logger { return l.logger }

// Dropped returns how many lines were lost so far, for want of room or because
// the sink refused them.
func (l *Log) Dropped() uint64 { return l.queue.Dropped() }

// Close writes out what is queued and ends the log; lines logged from then on
// are dropped. It gives up after timeout, with an error, when the sink is stuck:
// the goroutine then ends when the sink answers, or with the process.
func (l *Log) Close(timeout time.Duration) error { return l.queue.Close(timeout) }

func newEncoder(opts Options) (zapcore.Encoder, error) {
	switch opts.Format {
	case FormatJSON:
		return newJSONEncoder(opts), nil
	case FormatConsole:
		return newConsoleEncoder(opts), nil
	case FormatAuto, "":
		if opts.Terminal {
			return newConsoleEncoder(opts), nil
		}
		return newJSONEncoder(opts), nil
	default:
		return nil, fmt.Errorf("logging: unknown format %q: want %s, %s or %s", opts.Format, FormatAuto, FormatConsole, FormatJSON)
	}
}

// encodeDropped returns the line that stands where others are missing. No level
// hides it: a log with a hole must say so.
func encodeDropped(enc zapcore.Encoder, dropped uint64) []byte {
	entry := zapcore.Entry{Level: zapcore.WarnLevel, Time: time.Now(), Message: "log lines dropped"}
	line, err := enc.EncodeEntry(entry, []zapcore.Field{zap.Uint64("dropped", dropped)})
	if err != nil {
		return nil
	}
	return line.Bytes()
}
