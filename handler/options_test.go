package handler_test

import (
	"testing"

	"parley/handler"
)

func TestOptions_Line(t *testing.T) {
	t.Parallel()
	tests := []struct {
		options handler.Options
		want    string
	}{
		{nil, "absent"},
		{handler.Options{"other": {"x"}}, "absent"},
		{handler.Options{"key": nil}, "absent"},
		{handler.Options{"key": {""}}, ""},
		{handler.Options{"key": {"x"}}, "x"},
	}
	for _, tt := range tests {
		if got, err := tt.options.Line("key", "absent"); got != tt.want || err != nil {
			t.Errorf("%v: got %q, %v; want %q", tt.options, got, err, tt.want)
		}
	}
	for _, value := range []string{"a\nb", "\r", "\x1b[2J", "\x00", "\x7f"} {
		if got, err := (handler.Options{"key": {value}}).Line("key", "absent"); got != "" || err == nil {
			t.Errorf("%q: got %q, %v; want an error", value, got, err)
		}
	}
}

// A key given twice would otherwise be taken for its first value, and the second forgotten.
func TestOptions_twice(t *testing.T) {
	t.Parallel()
	const want = "key is given more than once"
	o := handler.Options{"key": {"1", "0"}}
	_, line := o.Line("key", "")
	_, boolean := o.Bool("key", false)
	_, count := o.Count("key", 7)
	for _, err := range []error{line, boolean, count} {
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestOptions_Bool(t *testing.T) {
	t.Parallel()
	for _, absent := range []bool{true, false} {
		if got, err := (handler.Options{}).Bool("key", absent); got != absent || err != nil {
			t.Errorf("absent: got %v, %v; want %v", got, err, absent)
		}
	}
	for value, want := range map[string]bool{"true": true, "1": true, "On": true, "yes": true, "false": false, "0": false, "False": false, "off": false, "no": false} {
		if got, err := (handler.Options{"key": {value}}).Bool("key", !want); got != want || err != nil {
			t.Errorf("%s: got %v, %v; want %v", value, got, err, want)
		}
	}
	if _, err := (handler.Options{"key": {"maybe"}}).Bool("key", false); err == nil || err.Error() != `key="maybe": want true or false` {
		t.Errorf("maybe: %v", err)
	}
}

func TestOptions_Count(t *testing.T) {
	t.Parallel()
	if got, err := (handler.Options{}).Count("key", 7); got != 0 || err != nil {
		t.Errorf("absent: got %v, %v; want 0", got, err)
	}
	for value, want := range map[string]int{"0": 0, "1": 1, "7": 7} {
		if got, err := (handler.Options{"key": {value}}).Count("key", 7); got != want || err != nil {
			t.Errorf("%s: got %v, %v; want %v", value, got, err, want)
		}
	}
	for _, value := range []string{"8", "-1", "", "x", "0x1", " 1"} {
		want := `key="` + value + `": want a whole number from 0 to 7`
		if got, err := (handler.Options{"key": {value}}).Count("key", 7); got != 0 || err == nil || err.Error() != want {
			t.Errorf("%q: got %v, %v; want %s", value, got, err, want)
		}
	}
}
