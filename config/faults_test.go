package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parley/config"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	const written = "echo://:1?delay=200ms&jitter=50ms&rate=1KiB&chop=3&stall=10s&corrupt=1%25&half_close_after=2KiB" +
		"&reset_after=1MB&close_after=5s&fault_p=0.5%25&seed=42"
	_, listeners, _, err := config.Load(environ, []string{written}, catalog)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Faults{
		Delay: 200 * time.Millisecond, Jitter: 50 * time.Millisecond, Rate: 1 << 10, Chop: 3, Stall: 10 * time.Second, Corrupt: 0.01,
		HalfCloseAfter: 2 << 10, ResetAfter: 1e6, CloseAfter: 5 * time.Second, FaultP: 0.005, Seed: 42,
	}
	if diff := cmp.Diff(want, listeners[0].Faults); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	_, again, _, err := config.Load(environ, []string{listeners[0].String()}, catalog)
	if err != nil || again[0].Faults != want {
		t.Errorf("%s is read as %+v, %v", listeners[0], again[0].Faults, err)
	}
}

// A percent sign is written as it is, too: nobody who types a URL thinks of escaping it.
func TestFaults_percentSign(t *testing.T) {
	t.Parallel()
	_, listeners, _, err := config.Load(environ, []string{"echo://:1?corrupt=1%&fault_p=5%"}, catalog)
	if err != nil || listeners[0].Corrupt != 0.01 || listeners[0].FaultP != 0.05 {
		t.Errorf("got %v, %v", listeners, err)
	}
}

func TestFaults_wrong(t *testing.T) {
	t.Parallel()
	const (
		share = "a share is a number from 0% to 100%, as in 5% or 0.1%"
		none  = "it is for a listener with a fault, and there is none; valid: delay, rate, chop, stall, corrupt, half_close_after, reset_after, close_after"
	)
	for query, want := range map[string]string{
		"corrupt=5":                     `corrupt="5": ` + share,
		"corrupt=101%25":                `corrupt="101%": ` + share,
		"corrupt=-1%25":                 `corrupt="-1%": ` + share,
		"corrupt=NaN%25":                `corrupt="NaN%": ` + share,
		"delay=1s&fault_p=often":        `fault_p="often": ` + share,
		"jitter=1s":                     `jitter="1s": jitter is at most the delay, which is 0s`,
		"delay=1s&jitter=2s":            `jitter="2s": jitter is at most the delay, which is 1s`,
		"fault_p=5%25":                  `fault_p="5%": ` + none,
		"seed=1":                        `seed="1": ` + none,
		"delay=5":                       `delay="5": a duration needs a unit, as in 5s or 5m`,
		"chop=three":                    `chop="three": a size is a whole number and a unit (B, KiB, MiB, GiB, or KB, MB, GB for powers of 1000), as in 8KiB`,
		"delay=1s&delay=2s":             `delay is given 2 times: once is enough`,
		"reset_after=":                  `reset_after has no value`,
		"delay=1s&seed=-1":              `seed="-1": a whole number from 0 to 1073741824 is needed`,
		"stall=1s&corrupt=0.0001%25":    "",
		"rate=1&fault_p=0":              "",
		"delay=50ms&jitter=50ms&seed=0": "",
	} {
		url := "echo://:1?" + query
		_, _, _, err := config.Load(environ, []string{url}, catalog)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if want != "" {
			want = url + ": " + want
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", url, got, want)
		}
	}
}

func TestPercent(t *testing.T) {
	t.Parallel()
	for text, back := range map[string]string{"0": "0%", "0%": "0%", "5%": "5%", "7%": "7%", "0.1%": "0.1%", "100%": "100%", "1e-3%": "0.001%", "33.3%": "33.3%"} {
		var p, again config.Percent
		if err := p.UnmarshalText([]byte(text)); err != nil || p.String() != back {
			t.Errorf("%q is %v, %v; want %s", text, p, err, back)
		}
		if err := again.UnmarshalText([]byte(p.String())); err != nil || again != p {
			t.Errorf("%q is written %v, and read back as %v, %v", text, p, again, err)
		}
	}
}
