package logging_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"parley/cmd/parley/internal/logging"
)

// FuzzLine logs any bytes at every place a client's may reach. Each must come
// out as one line of printable ASCII; JSON must parse and give them back.
func FuzzLine(f *testing.F) {
	for _, s := range []string{
		"hi", "", "\x1b]0;title\a", "two\nlines\r\n", "\x00\x7f\x80\xff", "\u009b31m", "\u202egnp.exe", "\u2028", "😀", `"}\`, "a=b c=d", "\xed\xa0\x80",
	} {
		f.Add(s, s)
	}
	var encoders []zapcore.Encoder
	for _, opts := range []logging.Options{
		{Format: logging.FormatJSON},
		{Format: logging.FormatConsole},
		{Format: logging.FormatConsole, Terminal: true, Color: true},
	} {
		enc, err := logging.NewEncoder(opts)
		if err != nil {
			f.Fatal(err)
		}
		encoders = append(encoders, enc)
	}
	colors := strings.NewReplacer("\x1b[32m", "", "\x1b[34m", "", "\x1b[0m", "")

	f.Fuzz(func(t *testing.T, text, field string) {
		for i, enc := range encoders {
			with := enc.Clone()
			with.AddString("with", field)
			entry := zapcore.Entry{Time: time.Unix(0, 0), LoggerName: text, Message: text}
			buf, err := with.EncodeEntry(entry, []zapcore.Field{
				zap.String(logging.MessageKey, field),
				zap.ByteString("bytes", []byte(field)),
				zap.Any("reflected", map[string]string{field: text}),
				zap.Strings("list", []string{field, text}),
			})
			if err != nil {
				t.Fatal(err)
			}
			line, ended := strings.CutSuffix(buf.String(), "\n")
			if !ended {
				t.Fatalf("no newline at the end of %q", line)
			}
			if i == 2 {
				line = colors.Replace(line)
			}
			if at := strings.IndexFunc(line, func(r rune) bool { return r < ' ' || r > '~' }); at >= 0 {
				t.Fatalf("not printable ASCII at %d: %q", at, line)
			}
			if i > 0 {
				continue
			}
			var got struct{ Msg, Message, With, Bytes string }
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			want := string([]rune(field)) // each stray byte becomes U+FFFD
			if got.Msg != string([]rune(text)) || got.Message != want || got.With != want || got.Bytes != want {
				t.Fatalf("logged %q and %q, read %q", text, field, got)
			}
		}
	})
}
