package handler_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"parley/handler"
	"parley/handler/handlertest"
	"parley/protocol"
)

// A room is a chat in which talkers come and go.
type room struct {
	*handlertest.Server
	*watch
	chat *handler.Chat
	wire protocol.Wire
}

func newRoom(t testing.TB, w protocol.Wire, o handler.Options) *room {
	t.Helper()
	r := &room{watch: newWatch(t), chat: newHandler(t, "chat", o).(*handler.Chat), wire: w}
	r.Server = handlertest.NewServer(t, r.chat, handlertest.Wire(w), handlertest.Log(r.logger()))
	return r
}

// join lets a talker in, who is then one of here.
func (r *room) join(here int) talker {
	r.t.Helper()
	c := talker{r.Dial(), r.wire}
	c.hears(fmt.Sprintf("* you are %s, %d here; /name X, /who, or EXIT to leave", c.name(), here))
	return c
}

// name is the one that the talker came with.
func (c talker) name() string { return fmt.Sprintf("client%d", c.Greeting().ClientID) }

// three lets three talkers in.
func (r *room) three() (a, b, c talker) {
	r.t.Helper()
	a = r.join(1)
	b = r.join(2)
	a.hears("* client2 joined")
	c = r.join(3)
	a.hears("* client3 joined")
	b.hears("* client3 joined")
	return a, b, c
}

// A line goes to all others and not to oneself, in order.
func TestChat(t *testing.T) {
	onWires(t, "chat", func(t *testing.T, w protocol.Wire) {
		a, b, c := newRoom(t, w, nil).three()
		for i := range 10 {
			line := fmt.Sprint("line ", i)
			a.says(line)
			b.hears("<client1> " + line)
			c.hears("<client1> " + line)
		}
		b.says("one", "two", "three")
		for _, o := range []talker{a, c} {
			o.hears("<client2> one", "<client2> two", "<client2> three")
		}
		c.leaves()
		a.hears("* client3 left")
		b.hears("* client3 left")
		a.leaves()
		b.hears("* client1 left")
		b.leaves()
	})
}

// Who is alone talks to nobody, and is told nothing.
func TestChat_alone(t *testing.T) {
	onWires(t, "chat", func(t *testing.T, w protocol.Wire) {
		r := newRoom(t, w, nil)
		a := r.join(1)
		a.says("is anybody here?", "no")
		a.leaves()
		r.wantEnded("client_closed")
		r.join(1).leaves()
	})
}

func TestChat_exit(t *testing.T) {
	onWires(t, "chat", func(t *testing.T, w protocol.Wire) {
		r := newRoom(t, w, nil)
		a, b, c := r.three()
		a.says("exit", "EXIT now", "EXIT ", "EXIT", "and this is not heard")
		for _, o := range []talker{b, c} {
			o.hears("<client1> exit", "<client1> EXIT now", "<client1> EXIT ", "* client1 left")
		}
		a.leaves()
		r.wantEnded("done")
		b.says("EXIT")
		b.ExpectEnd()
		c.hears("* client2 left")
	})
}

// What was said to a member before it leaves it still hears.
func TestChat_exitHearsAll(t *testing.T) {
	t.Parallel()
	a, b, c := newRoom(t, protocol.Text{}, nil).three()
	var want []string
	for i := range 100 {
		a.says(fmt.Sprint("line ", i))
		want = append(want, fmt.Sprint("<client1> line ", i))
	}
	c.hears(want...) // So all is said before b leaves.
	b.says("EXIT")
	b.hears(want...)
	b.ExpectEnd()
}

func TestChat_commands(t *testing.T) {
	onWires(t, "chat", func(t *testing.T, w protocol.Wire) {
		a, b, _ := newRoom(t, w, nil).three()
		const unknown = "* no such command: /name X, /who, or EXIT to leave"
		for _, tt := range []struct{ say, answer string }{
			{"/", unknown},
			{"/help", unknown},
			{"/names", unknown},
			{"/NAME x", unknown},
			{"/exit", unknown},
			{"//", unknown},
			{"/name", "* a name is 1 to 32 letters, digits, dots, hyphens or underscores"},
			{"/name ", "* a name is 1 to 32 letters, digits, dots, hyphens or underscores"},
			{"/name a b", "* a name is 1 to 32 letters, digits, dots, hyphens or underscores"},
			{"/name <b>", "* a name is 1 to 32 letters, digits, dots, hyphens or underscores"},
			{"/name J\u00fcrgen", "* a name is 1 to 32 letters, digits, dots, hyphens or underscores"},
			{"/name \u0430nn", "* a name is 1 to 32 letters, digits, dots, hyphens or underscores"}, // a Cyrillic a
			{"/name a\u202eb", "* a name is 1 to 32 letters, digits, dots, hyphens or underscores"},
			{"/name a\x1bb", "* a name is 1 to 32 letters, digits, dots, hyphens or underscores"},
			{"/name " + strings.Repeat("x", 33), "* a name is 1 to 32 letters, digits, dots, hyphens or underscores"},
			{"/name " + strings.Repeat("x", 5000), "* a name is 1 to 32 letters, digits, dots, hyphens or underscores"},
			{"/name client2", "* somebody has that name"},
			{"/name Client2", "* somebody has that name"},
			{"/name client99", "* somebody has that name"},   // who is yet to come
			{"/name operator", "* somebody has that name"},   // who may yet come
			{"/name OPERATOR", "* somebody has that name"},   // who may yet come
			{"/name client1", "* you are client1"},           // nothing new
			{"/who", "* 3 here:\n* client1 client2 client3"}, // and of no interest to others
			{"/who ", "* 3 here:\n* client1 client2 client3"},
			{"/who else", "* 3 here:\n* client1 client2 client3"},
		} {
			a.says(tt.say)
			a.hears(strings.Split(tt.answer, "\n")...)
		}
		a.says("", " ", "a /who in the line")
		b.hears("<client1>  ", "<client1> a /who in the line")
	})
}

func TestChat_name(t *testing.T) {
	onWires(t, "chat", func(t *testing.T, w protocol.Wire) {
		r := newRoom(t, w, nil)
		a, b, c := r.three()
		was := "client1"
		for _, name := range []string{"Ann", "ann", strings.Repeat("x", 32), "a", "-_.", "client", "clients", "client1x", "client-1", "client1", "Ann"} {
			a.says("/name "+name, "hi")
			a.hears("* you are " + name)
			for _, o := range []talker{b, c} {
				o.hears("* "+was+" is now "+name, "<"+name+"> hi")
			}
			was = name
		}
		for _, taken := range []string{"Ann", "ANN", "client1", "client3"} {
			b.says("/name " + taken)
			b.hears("* somebody has that name")
		}
		b.says("/name   Bob  ", "/who")
		b.hears("* you are Bob", "* 3 here:", "* Ann Bob client3")
		a.hears("* client2 is now Bob")
		c.hears("* client2 is now Bob")

		// A name is free again when its owner has another, or has left.
		a.says("/name Anna")
		a.hears("* you are Anna")
		b.hears("* Ann is now Anna")
		b.says("/name ann")
		b.hears("* you are ann")
		c.hears("* Ann is now Anna", "* Bob is now ann")
		a.hears("* Bob is now ann")
		b.leaves()
		a.hears("* ann left")
		c.hears("* ann left")
		a.says("/name ANN")
		a.hears("* you are ANN")
		c.hears("* Anna is now ANN")

		// The name that somebody came with stays that one's.
		c.says("/name client1")
		c.hears("* somebody has that name")
		a.leaves()
		c.hears("* ANN left")
		c.says("/name client1")
		c.hears("* somebody has that name")
	})
}

// The names of a full room come on several lines, and not all of them: a few bytes must not be answered with megabytes.
func TestChat_who(t *testing.T) {
	t.Parallel()
	r := newRoom(t, protocol.Text{}, handler.Options{"queue": {"1000"}})
	const members, most = 520, 500
	var last talker
	var want []string
	for i := range members {
		last = r.join(i + 1)
		want = append(want, fmt.Sprint("client", i+1))
	}
	last.says("/who", "/who")
	for range 2 {
		last.hears("* 520 here:")
		for some := range slices.Chunk(want[:most], 50) {
			last.hears("* " + strings.Join(some, " "))
		}
		last.hears("* and 20 more")
	}
}

// The answers to what a member asks are no lines of others, for which it has a queue. Once, a second /who in a full room had
// the one who asked dropped.
func TestChat_whoIsNotQueued(t *testing.T) {
	t.Parallel()
	r := newRoom(t, protocol.Text{}, handler.Options{"queue": {"2"}})
	a := r.join(1)
	const times = 200
	a.says(strings.TrimSuffix(strings.Repeat("/who\n", times), "\n"))
	for range times {
		a.hears("* 1 here:", "* client1")
	}
	a.leaves()
	r.wantEnded("client_closed")
}

// hostile is what a terminal would act on, or show as something else.
var hostile = map[string]string{
	"escape":               "\x1b[2J\x1b]0;title\x07",
	"bell and backspace":   "\a\b\b\x7f",
	"vertical":             "\v\f",
	"carriage return":      "safe\rforged",
	"shift out":            "\x0e\x0f",
	"nul":                  "a\x00b",
	"C1 as a character":    "\u009b31m\u0085\u0090",
	"C1 as a byte":         "\x9b31m\x85\x90",
	"telnet":               "go\xff\xfb\x01\xff\xfd\x03\xff\xf4\xff\xfd\x06 on\xff\xff",
	"bidi":                 "\u202eevil\u202c\u2066x\u2069\u200f",
	"separators":           "a\u2028b\u2029c",
	"zero width":           "a\u200bb\ufeffc\u00ad",
	"tags":                 "\U000e0041\U000e0042",
	"private and no rune":  "\ue000\U0010ffff\uffff",
	"letters":              "\u00e9\u4e2d\u0627\u0301",
	"emoji":                "\U0001f600",
	"no UTF-8":             "\xc3\x28\xf0\x28\x8c\xbc\xed\xa0\x80\xfe",
	"the escape's own":     `\x1b[2J \u202e`,
	"replacement":          "\ufffd",
	"a forged line":        "x\n<client3> I never said that",
	"a forged line, by CR": "x\r\n* operator ended the conversation",
}

// Of what one member says, in whatever wire, another gets one message of printable ASCII.
func TestChat_hostile(t *testing.T) {
	onWires(t, "chat", func(t *testing.T, w protocol.Wire) {
		r := newRoom(t, w, nil)
		a, b, _ := r.three()
		for name, text := range hostile {
			says := text
			if w == (protocol.Text{}) {
				says = strings.ReplaceAll(text, "\n", "") // which would make two messages of it
			}
			a.says(says)
			heard, ok := strings.CutPrefix(b.Message(), "<client1> ")
			if !ok {
				t.Errorf("%s: heard %q", name, heard)
			}
			for i := range len(heard) {
				if heard[i] < ' ' || heard[i] > '~' {
					t.Errorf("%s: heard %q", name, heard)
					break
				}
			}
		}
		// Nothing was split, and nothing is left over.
		a.says("end")
		if got := b.Message(); got != "<client1> end" {
			t.Errorf("then got %q", got)
		}
	})
}

func TestChat_escapes(t *testing.T) {
	t.Parallel()
	a, b, _ := newRoom(t, protocol.Text{}, nil).three()
	for say, want := range map[string]string{
		"tab\there":      "tab here",
		"red \x1b[31m":   `red \x1b[31m`,
		"J\u00fcrgen":    `J\u00fcrgen`,
		"\u202etxt":      `\u202etxt`,
		"\U0001f600":     `\U0001f600`,
		"\xfe\x80":       `\xfe\x80`,
		"\ufffd":         `\ufffd`,
		`C:\temp`:        `C:\temp`,
		"a\rb":           `a\x0db`,
		"nul \x00":       `nul \x00`,
		"h\xff\xfd\x06i": "hi",
	} {
		a.says(say)
		b.hears("<client1> " + want)
	}
}

// What is no text has a text too: what Python or a person would write.
func TestChat_values(t *testing.T) {
	t.Parallel()
	a, b, _ := newRoom(t, protocol.JSON{}, nil).three()
	a.Send(`{"a": [1, "\u001b"]}` + "7\n" + "null\n" + `"EXI\u0054 "` + "\n")
	b.hears(`<client1> {"a":[1,"\u001b"]}`, "<client1> 7", "<client1> null", "<client1> EXIT ")
	a.Send(`"EXI\u0054"` + "\n")
	b.hears("* client1 left")
	a.ExpectEnd()
}

// Messages without a newline, as a lab's client sends them, are lines too.
func TestChat_quiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := newRoom(t, protocol.Text{}, nil).three()
		a.Send("hello")
		b.hears("<client1> hello")
		a.Send("EXIT")
		b.hears("* client1 left")
		a.leaves()
	})
}

// The members of a room are told when the server drains, and what was said before, they heard.
func TestChat_drain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, protocol.Text{}, nil)
		a, b, c := r.three()
		a.says("last words")
		synctest.Wait()
		r.Drain()
		b.hears("<client1> last words")
		c.hears("<client1> last words")
		want := map[string]int{"shutting_down": 3}
		if diff := cmp.Diff(want, r.ended(3)); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
	})
}

// A message that is too long, or none, ends one member's conversation, and is said to nobody.
func TestChat_broken(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		wire              protocol.Wire
		send, want, ended string
	}{
		"too long":  {protocol.Text{}, strings.Repeat("x", 8193), "ERR line_too_long limit=8192\n", "line_too_long"},
		"no JSON":   {protocol.JSON{}, "hello\n", "", "bad_message"},
		"no pickle": {protocol.Pickle{}, "hello\n", "", "bad_message"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t, tt.wire, nil)
			a, b, c := r.three()
			a.Send(tt.send)
			a.CloseWrite()
			b.hears("* client1 left")
			c.hears("* client1 left")
			a.Expect(tt.want)
			r.wantEnded(tt.ended)
			b.says("hi")
			c.hears("<client2> hi")
		})
	}
}

// A panic over one member's message ends that member's conversation and leaves nobody behind in the room.
func TestChat_panic(t *testing.T) {
	t.Parallel()
	watch := newWatch(t)
	chat := handler.NewChat(0)
	s := handlertest.NewServer(t, handler.Func(func(s handler.Session) error {
		return chat.Serve(panics{s})
	}), handlertest.Log(watch.logger()))
	r := &room{Server: s, watch: watch, chat: chat, wire: protocol.Text{}}
	a, b, c := r.three()
	a.says("panic")
	b.hears("* client1 left")
	c.hears("* client1 left")
	a.Expect("ERR internal\n")
	a.leaves()
	r.wantEnded("internal")
	b.says("/who")
	b.hears("* 2 here:", "* client2 client3")
}

// panics is a session that panics over a message, and over a line that is gathered.
type panics struct{ handler.Session }

func (s panics) Gather(text string) error {
	if strings.HasSuffix(text, " is now panic") {
		panic("over what another has said")
	}
	return s.Session.Gather(text)
}

func (s panics) Text(msg []byte) string {
	if string(msg) == "panic" {
		panic("at the client's request")
	}
	return s.Session.Text(msg)
}

// A panic while a member is being sent something is no different. Once, it ended the process.
func TestChat_panicSending(t *testing.T) {
	t.Parallel()
	watch := newWatch(t)
	chat := handler.NewChat(0)
	s := handlertest.NewServer(t, handler.Func(func(s handler.Session) error {
		return chat.Serve(panics{s})
	}), handlertest.Log(watch.logger()))
	r := &room{Server: s, watch: watch, chat: chat, wire: protocol.Text{}}
	a, b, c := r.three()
	b.says("/name panic")
	// What a and c are told of it makes their sessions panic.
	for _, o := range []talker{a, c} {
		o.Expect("ERR internal\n")
		o.leaves()
	}
	r.wantEnded("internal")
	r.wantEnded("internal")
	if n := len(r.lines("handler panicked")); n != 2 {
		t.Errorf("%d panics were logged, want 2", n)
	}
	heard := []string{b.Message(), b.Message(), b.Message()}
	slices.Sort(heard)
	if diff := cmp.Diff([]string{"* client1 left: connection lost", "* client3 left: connection lost", "* you are panic"}, heard); diff != "" {
		t.Errorf("the other heard (-want +got):\n%s", diff)
	}
	b.says("/who")
	b.hears("* 1 here:", "* panic")
}

// What a client asks for, before it was told who it is, is answered behind that.
func TestChat_welcomeComesFirst(t *testing.T) {
	t.Parallel()
	for range 100 {
		r := newRoom(t, protocol.Text{}, nil)
		c := talker{r.Dial(), r.wire}
		c.says("/name Ada")
		c.hears("* you are client1, 1 here; /name X, /who, or EXIT to leave", "* you are Ada")
		c.leaves()
	}
}
