//go:build unix

package main_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A talker converses without a pause until the server ends it.
type talker struct {
	*client
	answers atomic.Int64

	// For whoever has waited for converse to end.
	asked    time.Time // when the last line was sent
	answered bool      // it was
	err      error
}

// converse asks and reads the answer until it is told that the server shuts down and the server has ended its side.
func (k *talker) converse() {
	defer k.Close()
	if _, k.err = k.greeting(); k.err != nil {
		return
	}
	for i := 0; ; i++ {
		question := fmt.Sprintf("question %d", i)
		k.asked, k.answered = time.Now(), false
		if k.err = k.send(question + "\n"); k.err != nil {
			return
		}
		var line string
		line, k.err = k.line()
		switch {
		case k.err != nil:
			return
		case line == "ERR shutting_down":
			k.err = k.ends()
			return
		case line != "ECHO: "+question:
			k.err = fmt.Errorf("asked %q, got %q", question, line)
			return
		}
		k.answered = true
		k.answers.Add(1)
	}
}

// A drained says how a daemon ended.
type drained struct {
	refusing time.Duration // from the signal until it refused connections
	ended    time.Duration // and until it was gone
}

// drainTalkers ends a daemon while clients converse with it. Each is to be answered what it had asked before, to be told,
// and to read the end.
func drainTalkers(t *testing.T, d *daemon, clients int) drained {
	t.Helper()
	talkers := make([]*talker, clients)
	var conversations sync.WaitGroup
	for i := range talkers {
		talkers[i] = &talker{client: dial(t, d.addresses[0])}
		conversations.Go(talkers[i].converse)
	}
	eventually(t, "all are in conversation", func() bool {
		for _, k := range talkers {
			if k.answers.Load() < 5 {
				return false
			}
		}
		return true
	})

	var took drained
	told := time.Now()
	d.signal(syscall.SIGTERM)
	for {
		conn, err := net.Dial("tcp", d.addresses[0])
		if errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		if err == nil {
			conn.Close()
		}
		if time.Since(told) > patience {
			t.Fatalf("connections are accepted %v after TERM: %v", time.Since(told), err)
		}
	}
	took.refusing = time.Since(told)
	d.exits(0)
	took.ended = time.Since(told)

	conversations.Wait()
	for i, k := range talkers {
		if k.err != nil {
			t.Errorf("client %d: %v", i, k.err)
		} else if !k.answered && k.asked.Before(told) {
			t.Errorf("client %d asked %v before TERM and got no answer", i, told.Sub(k.asked))
		}
	}
	d.stdout.await(t, `"msg":"stopped","drained":\d+,"cut":0,`)
	return took
}

func TestTermWhileClientsConverse(t *testing.T) {
	t.Parallel()
	took := drainTalkers(t, serve(t, "echo://127.0.0.1:0"), 200)
	t.Logf("refusing after %v, ended after %v", took.refusing, took.ended)
	// How soon it really is, the system tests measure: here other tests keep the machine busy.
	if took.ended > 8*time.Second {
		t.Errorf("ended after %v, later than the drain timeout", took.ended)
	}
}

// What 200 clients had sent before the signal, 50 lines each in one go, is answered to the last one, though nobody had read
// an answer yet.
func TestTermAnswersWhatWasSent(t *testing.T) {
	t.Parallel()
	const clients, lines = 200, 50
	d := serve(t, "echo://127.0.0.1:0")
	var question, answer strings.Builder
	for i := range lines {
		fmt.Fprintf(&question, "line %d\n", i)
		fmt.Fprintf(&answer, "ECHO: line %d\n", i)
	}
	all := make([]*client, clients)
	for i := range all {
		all[i] = dial(t, d.addresses[0])
	}
	eventually(t, "all are accepted", func() bool { return d.scrape().sum("parley_connections_active") == clients })
	for _, c := range all {
		must(t, c.send(question.String()))
	}
	d.signal(syscall.SIGTERM)
	for i, c := range all {
		if _, err := c.greeting(); err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		for line := range strings.Lines(answer.String()) {
			if err := c.wants(strings.TrimSuffix(line, "\n")); err != nil {
				t.Fatalf("client %d: %v", i, err)
			}
		}
		if err := errors.Join(c.wants("ERR shutting_down"), c.ends()); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
		c.Close()
	}
	d.exits(0)
}
