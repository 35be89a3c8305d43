package certs_test

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"parley/cmd/parley/internal/certs"
)

const day = 24 * time.Hour

// watched is a source that is watched until the test ends, and what it logs.
func watched(t *testing.T, files certs.Files) (*certs.Source, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	s, err := certs.New(files, "", zap.New(core))
	must(t, err)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		s.Watch(done)
		close(ended)
	}()
	t.Cleanup(func() {
		close(done)
		<-ended
	})
	return s, logs
}

// One that was made here is replaced two weeks before it expires, for who comes then, and the log has the new one's fingerprint.
func TestWatch_selfSigned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, logs := watched(t, certs.Files{})
		config := s.Config()
		first := shown(t, config)
		time.Sleep(time.Until(first.NotAfter.Add(-14*day - 10*time.Minute)))
		if got := shown(t, config); !got.Equal(first) || logs.Len() > 0 {
			t.Errorf("it was replaced before its time; the log: %v", logs.All())
		}
		time.Sleep(20 * time.Minute)
		second := shown(t, config)
		if second.Equal(first) || second.NotAfter.Before(time.Now().AddDate(1, 0, -1)) {
			t.Errorf("it expires at %v, and the new one at %v", first.NotAfter, second.NotAfter)
		}
		if got := s.NotAfter(); !got.Equal(second.NotAfter) {
			t.Errorf("NotAfter is %v, want %v", got, second.NotAfter)
		}
		lines := logs.TakeAll()
		if len(lines) != 1 || lines[0].ContextMap()["cert_sha256"] != s.Fingerprint() {
			t.Errorf("the log: %v, want one line with %s", lines, s.Fingerprint())
		}
		time.Sleep(30 * day)
		if got := shown(t, config); !got.Equal(second) {
			t.Error("and replaced again")
		}
	})
}

// Of one in a file it is said once a day that it expires soon, and that it has expired; of its successor no more.
func TestWatch_file(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ valid, before time.Duration }{
		"90 days": {90 * day, 14 * day},
		"10 days": {10 * day, 2 * day},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				files := filesIn(t.TempDir())
				began := time.Now()
				writeValid(t, files, "first", began, began.Add(test.valid+5*time.Minute)) // Between two looks at it.
				_, logs := watched(t, files)
				want := func(n int, message string) {
					t.Helper()
					lines := logs.TakeAll()
					if len(lines) != n {
						t.Fatalf("%d lines, want %d: %v", len(lines), n, lines)
					}
					for _, line := range lines {
						if file := line.ContextMap()["cert"]; line.Message != message || file != nil && file != files.Cert {
							t.Errorf("got %q %v, want %q of %s", line.Message, line.ContextMap(), message, files.Cert)
						}
					}
				}
				time.Sleep(test.valid - test.before + 5*time.Minute)
				want(0, "")
				time.Sleep(test.before)
				want(int(test.before/day), "the TLS certificate expires soon")
				time.Sleep(3 * day)
				want(3, "the TLS certificate has expired: clients refuse it")
				write(t, files, "the second")
				time.Sleep(3 * day)
				want(1, "TLS files have changed")
			})
		})
	}
}
