//go:build unix

package main_test

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	peer "parley/client"
	parley "parley/cmd/parley"
)

// hostileResult is what comes of a server that echoes and then, instead of an answer, says what would be markup.
func hostileResult(t *testing.T) *peer.LoadResult {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	served := make(chan struct{})
	t.Cleanup(func() {
		socket.Close()
		<-served
	})
	measured := make(chan struct{}) // What is answered before the measuring begins does not count.
	go func() {
		defer close(served)
		nc, err := socket.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		_, _ = io.WriteString(nc, "HELLO clientid=1 handler=echo\n")
		in := bufio.NewReader(nc)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			select {
			case <-measured:
				_, _ = io.WriteString(nc, "</p><script>alert(1)</script>\n")
				return
			default:
				_, _ = io.WriteString(nc, line)
			}
		}
	}()
	address, err := peer.ParseAddress(socket.Addr().String())
	must(t, err)
	progress := func(p peer.LoadProgress) {
		select {
		case <-measured:
		default:
			if p.Elapsed > 0 {
				close(measured)
			}
		}
	}
	result, err := peer.Load{Address: address, Connections: 1, Duration: patience, Progress: progress}.Run(t.Context())
	must(t, err)
	if result.Errors[peer.Wrong] != 1 || result.Echo.Count() == 0 {
		t.Fatalf("not what is to be shown: %v", result)
	}
	return result
}

// What a server said is text on the page, and the page has all that was measured.
func TestBenchPage(t *testing.T) {
	t.Parallel()
	result := hostileResult(t)
	path := filepath.Join(t.TempDir(), "report.html")
	must(t, os.WriteFile(path, []byte("an older report"), 0o600))
	must(t, parley.WritePage(path, result, time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)))
	text, err := os.ReadFile(path)
	must(t, err)
	page := string(text)
	for _, want := range []string{
		"<title>parley bench 127.0.0.1:", "&lt;/p&gt;&lt;script&gt;", fmt.Sprintf("<td>%d</td>", result.Echo.Count()), ">p99.99</th>", ">99%</text>",
		`<polyline class="line0" points="`, "</span>connect</td>", "</span>greeting</td>", "</span>echo</td>", "Fri, 20 Nov 2026 12:00:00 UTC",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, not := range []string{"<script", "http:", "https:", "src=", "href=", "url(", "@import", "ZgotmplZ", "NaN", "Inf"} {
		if strings.Contains(page, not) {
			t.Errorf("the page has %s in it", not)
		}
	}
	// The drawing is well-formed.
	_, drawing, _ := strings.Cut(page, "<svg")
	drawing, _, ok := strings.Cut(drawing, "</svg>")
	if !ok {
		t.Fatal("no drawing")
	}
	for dec := xml.NewDecoder(strings.NewReader("<svg" + drawing + "</svg>")); ; {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// A page that cannot be put in its place leaves nothing behind.
func TestBenchPageFails(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "report.html")
	must(t, os.MkdirAll(filepath.Join(path, "in the way"), 0o700))
	if err := parley.WritePage(path, hostileResult(t), time.Now()); err == nil {
		t.Error("a folder was replaced")
	}
	left, err := os.ReadDir(folder)
	must(t, err)
	if len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestBenchChart(t *testing.T) {
	t.Parallel()
	result := hostileResult(t)
	for _, blocks := range []bool{false, true} {
		chart := parley.BarChart(result, blocks)
		longest := 0
		for line := range strings.Lines(chart) {
			longest = max(longest, utf8.RuneCountInString(line))
			if !blocks && strings.ContainsFunc(line, func(r rune) bool { return r > '~' }) {
				t.Errorf("not ASCII: %q", line)
			}
		}
		if longest < 60 || longest > 80 {
			t.Errorf("the longest line has %d columns:\n%s", longest, chart)
		}
	}
	for _, tt := range []struct {
		count, most int64
		utf8        bool
		want        string
	}{
		{0, 10, true, ""},
		{10, 10, false, strings.Repeat("#", 50)},
		{10, 10, true, strings.Repeat("█", 50)},
		{1, 1_000_000, false, "#"},
		{1, 1_000_000, true, "▏"},
		{3, 200, true, "▊"},
		{5, 200, true, "█▎"},
	} {
		if got := parley.DrawBar(tt.count, tt.most, tt.utf8); got != tt.want {
			t.Errorf("%d of %d: %q, want %q", tt.count, tt.most, got, tt.want)
		}
	}
	for d, want := range map[time.Duration]string{
		200 * time.Nanosecond: "200ns", 5 * time.Microsecond: "5us", 20 * time.Millisecond: "20ms", time.Second: "1s",
		50 * time.Second: "50s", 200 * time.Second: "3m20s", 2 * time.Minute: "2m", time.Hour: "1h0m",
	} {
		if got := parley.Bound(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
