package logging

import (
	"bytes"
	"strings"
	"time"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// The codes that colour a terminal, the only bytes beyond printable ASCII that
// the console format writes.
const (
	red     = "\x1b[31m"
	green   = "\x1b[32m"
	yellow  = "\x1b[33m"
	blue    = "\x1b[34m"
	magenta = "\x1b[35m"
	plain   = "\x1b[0m"
)

// consoleEncoder writes lines for people:
//
//	12:00:01.123  INFO   connection closed  clientid=17 peer=127.0.0.1:51544 reason=client_closed
//
// It lets a JSON encoder collect the fields, since that one knows every type of
// field there is, and turns its members into pairs.
type consoleEncoder struct {
	zapcore.Encoder        // encodes the fields, and nothing else, as a JSON object in ASCII
	timeLayout      string // "": no time
	color           bool
}

func newConsoleEncoder(opts Options) zapcore.Encoder {
	layout := timeLayout
	switch {
	case opts.Journal:
		layout = ""
	case opts.Terminal:
		layout = "15:04:05.000"
	}
	fields := zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		EncodeTime:     encodeTime,
		EncodeDuration: encodeDuration,
	})
	return consoleEncoder{
		Encoder:    asciiEncoder{fields},
		timeLayout: layout,
		color:      opts.Color,
	}
}

// encodeDuration writes 1.5s or 20us: the sign for micro is not ASCII.
func encodeDuration(d time.Duration, enc zapcore.PrimitiveArrayEncoder) {
	enc.AppendString(strings.Replace(d.String(), "\u00b5", "u", 1))
}

// Clone is called by zap for With.
func (e consoleEncoder) Clone() zapcore.Encoder {
	e.Encoder = e.Encoder.Clone()
	return e
}

// EncodeEntry encodes a line. The message is escaped here, the fields already
// are.
func (e consoleEncoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	object, err := e.Encoder.EncodeEntry(zapcore.Entry{}, fields)
	if err != nil {
		return nil, err
	}
	defer object.Free()

	line := buffers.Get()
	if e.timeLayout != "" {
		line.AppendTime(entry.Time, e.timeLayout)
		line.AppendString("  ")
	}
	level := entry.Level.CapitalString()
	e.appendColored(line, levelColor(entry.Level), level)
	line.AppendString(strings.Repeat(" ", max(1, len("ERROR  ")-len(level))))
	if entry.LoggerName != "" {
		appendEscaped(line, []byte(entry.LoggerName))
		line.AppendString(": ")
	}
	appendEscaped(line, []byte(entry.Message))

	rest := bytes.TrimSuffix(object.Bytes(), []byte("}\n"))[1:]
	for gap := "  "; len(rest) > 0; gap = " " {
		var key, value []byte
		key, rest = cutToken(rest)
		value, rest = cutToken(rest)
		line.AppendString(gap)
		line.AppendBytes(unquote(key))
		line.AppendByte('=')
		if string(key) == `"`+MessageKey+`"` {
			e.appendColored(line, green, string(unquote(value)))
		} else {
			line.AppendBytes(unquote(value))
		}
	}
	line.AppendByte('\n')
	return line, nil
}

func (e consoleEncoder) appendColored(line *buffer.Buffer, color, text string) {
	if !e.color {
		line.AppendString(text)
		return
	}
	line.AppendString(color)
	line.AppendString(text)
	line.AppendString(plain)
}

func levelColor(level zapcore.Level) string {
	switch {
	case level >= zapcore.ErrorLevel:
		return red
	case level == zapcore.WarnLevel:
		return yellow
	case level == zapcore.InfoLevel:
		return blue
	default:
		return magenta
	}
}

// cutToken cuts the members of a JSON object at the first colon or comma that
// is neither in a string nor in a nested value. The JSON is zap's own, hence
// well formed.
func cutToken(json []byte) (token, rest []byte) {
	depth, quoted := 0, false
	for i := 0; i < len(json); i++ {
		switch c := json[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case depth == 0 && (c == ':' || c == ','):
			return json[:i], json[i+1:]
		}
	}
	return json, nil
}

// unquote takes the quotes off a JSON string that reads the same without them.
// One with spaces, quotes, escapes or an equals sign keeps them, so that no
// value can be taken for two, nor for another pair.
func unquote(token []byte) []byte {
	if len(token) <= 2 || token[0] != '"' {
		return token
	}
	text := token[1 : len(token)-1]
	if bytes.ContainsAny(text, ` "\=`) {
		return token
	}
	return text
}
