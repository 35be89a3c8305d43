package logging

import (
	"bytes"
	"fmt"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// timeLayout is RFC 3339 with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// buffers holds the lines that this package's encoders make; zap's own pool is
// not for others.
var buffers = buffer.NewPool()

// newJSONEncoder returns the encoder for machines: UTC, and durations as
// seconds, the unit of our metrics.
func newJSONEncoder(opts Options) zapcore.Encoder {
	cfg := zapcore.EncoderConfig{
		TimeKey:        "time",
		LevelKey:       "level",
		NameKey:        "logger",
		MessageKey:     "msg",
		EncodeTime:     encodeTime,
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeDuration: zapcore.SecondsDurationEncoder,
	}
	if opts.Journal {
		cfg.TimeKey = zapcore.OmitKey
	}
	return asciiEncoder{zapcore.NewJSONEncoder(cfg)}
}

func encodeTime(t time.Time, enc zapcore.PrimitiveArrayEncoder) {
	enc.AppendString(t.UTC().Format(timeLayout))
}

// asciiEncoder makes the lines of a JSON encoder ASCII. zap's escapes control
// characters, but lets DEL, C1 and everything beyond through.
type asciiEncoder struct{ zapcore.Encoder }

// Clone is called by zap for With.
func (e asciiEncoder) Clone() zapcore.Encoder {
	return asciiEncoder{e.Encoder.Clone()}
}

// EncodeEntry encodes a line and escapes in it what is not ASCII, which no line
// of ours has: only a client's bytes pay for the second pass.
func (e asciiEncoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	line, err := e.Encoder.EncodeEntry(entry, fields)
	if err != nil {
		return nil, err
	}
	text := bytes.TrimSuffix(line.Bytes(), []byte("\n"))
	if isPrintable(text) {
		return line, nil
	}
	defer line.Free()
	escaped := buffers.Get()
	appendEscaped(escaped, text)
	escaped.AppendByte('\n')
	return escaped, nil
}

func isPrintable(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// appendEscaped appends text in printable ASCII, the rest escaped as in a JSON
// string: beyond 16 bits as a surrogate pair.
func appendEscaped(line *buffer.Buffer, text []byte) {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		switch {
		case ' ' <= r && r <= '~':
			line.AppendByte(byte(r))
		case r <= 0xffff:
			_, _ = fmt.Fprintf(line, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			_, _ = fmt.Fprintf(line, `\u%04x\u%04x`, high, low)
		}
	}
}
