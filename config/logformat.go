package config

import "strings"

// LogFormat says how log lines look.
type LogFormat string

// LogAuto leaves the choice between the other two to where the log goes: to
// people at a terminal, or to a program.
const (
	LogAuto    LogFormat = "auto"
	LogConsole LogFormat = "console"
	LogJSON    LogFormat = "json"
)

// UnmarshalText accepts the name of a format, in either case.
func (f *LogFormat) UnmarshalText(text []byte) error {
	switch format := LogFormat(strings.ToLower(string(text))); format {
	case LogAuto, LogConsole, LogJSON:
		*f = format
		return nil
	}
	return unknown("format", string(text), "", []string{string(LogAuto), string(LogConsole), string(LogJSON)})
}

// String returns the name of the format.
func (f LogFormat) String() string { return string(f) }
