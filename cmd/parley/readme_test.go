package main_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	peer "parley/client"
	parley "parley/cmd/parley"
	"parley/config"
	"parley/handler"
	"parley/protocol"
	"parley/server"
)

var update = flag.Bool("update", false, "write what the program printed into the scripts and golden files, and README's comparison")

// What README and the pages in docs say is tested twice. Here are the tables and what can be told by reading them. TestREADME,
// behind the build tag system, runs the blocks of each from top to bottom in a network of their own; TestREADMEImage, behind the
// tag engine, those about the container.

// moduleRoot is the folder that README.md stands in, and that its commands are typed in.
const moduleRoot = "../.."

// A readmeBlock is a fenced block.
type readmeBlock struct {
	page string // README.md or another
	line int    // of the fence
	kind string // the info string's first word
	arg  string // the rest of it
	text string // ends with a newline
}

// String tells where the block stands.
func (b readmeBlock) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s:%d: %s %s", b.page, b.line, b.kind, b.arg))
}

// The kinds of blocks there are, by info string; a * stands for a file's path.
var readmeKinds = map[string]string{
	"sh":               "the two commands at the top",
	"console":          "commands behind `$ `, and what they print",
	"console server":   "a terminal that goes on while the blocks after it run: `$ ` starts a server in it, a block without continues with what was printed since, ^C is typed, and so is what a chat's console does not say; `$ echo $?` asks for the server's exit status",
	"console client":   "likewise, with a client in it: what stands behind `> ` is typed, and README shows its end",
	"console client 2": "a third terminal",
	"console client 3": "a fourth one",
	"console docker":   "as console, with a container engine",
	"python *":         "a file to save; later blocks run it",
	"haproxy *":        "a configuration to save; likewise",
	"go *":             "a file to add to the code; later blocks compile it",
	"diff *":           "a change of a file of the code; likewise",
}

// readmePages are README.md, the pages beside it and those in docs, as paths from moduleRoot.
func readmePages(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob(filepath.Join(moduleRoot, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	for _, path := range docs {
		pages = append(pages, "docs/"+filepath.Base(path))
	}
	return pages
}

func readPage(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(moduleRoot, page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readmeBlocks returns the blocks of a page, and fails on one that nobody would run.
func readmeBlocks(t *testing.T, page string) []readmeBlock {
	t.Helper()
	var blocks []readmeBlock
	var open *readmeBlock
	number := 0
	for line := range strings.Lines(readPage(t, page)) {
		number++
		info, fence := strings.CutPrefix(strings.TrimLeft(line, " "), "```")
		switch {
		case fence && open == nil:
			kind, arg, _ := strings.Cut(strings.TrimSpace(info), " ")
			open = &readmeBlock{page: page, line: number, kind: kind, arg: arg}
		case fence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line
		}
	}
	if open != nil {
		t.Fatalf("%v has no end", open)
	}
	for _, b := range blocks {
		_, exact := readmeKinds[strings.TrimSpace(b.kind+" "+b.arg)]
		_, file := readmeKinds[b.kind+" *"]
		if !exact && !(file && b.arg != "") {
			t.Errorf("%v: nobody runs such a block; there are: %s", b, strings.Join(slices.Sorted(maps.Keys(readmeKinds)), ", "))
		}
	}
	return blocks
}

func TestREADMEBegins(t *testing.T) {
	t.Parallel()
	want := regexp.MustCompile("^# parley\n\n" +
		"[^.#`]+\\.\\s[^.#`]+\\.\n\n" + // what it is, in two sentences
		"```sh\ngo run ./cmd/parley serve\ngo test ./...\n```\n")
	if text := readPage(t, "README.md"); !want.MatchString(text) {
		t.Errorf("README.md does not begin with what it is in two sentences and the two commands:\n%.600s", text)
	}
}

func TestREADMEBlocks(t *testing.T) {
	t.Parallel()
	blocks := readmeBlocks(t, "README.md")
	if first := blocks[0]; first.kind != "sh" {
		t.Errorf("%v: the first block is to be the two commands", first)
	} else if typed, _, _ := strings.Cut(first.text, "\n"); !strings.HasPrefix(blocks[1].text, "$ "+typed+"\n") {
		t.Errorf("%v: the block below is to show what %s prints", first, typed)
	}
	for _, page := range readmePages(t) {
		checkBlocks(t, readmeBlocks(t, page))
	}
}

func checkBlocks(t *testing.T, blocks []readmeBlock) {
	t.Helper()
	for i, b := range blocks {
		switch {
		case b.kind == "sh" && (i > 0 || b.page != "README.md"):
			t.Errorf("%v: only the first block of README.md is of this kind", b)
		case b.kind == "console" && len(readmeCommands(b.text)) == 0 && (b.arg == "" || b.arg == "docker"):
			t.Errorf("%v: no command", b)
		case b.kind == "python", b.kind == "haproxy":
			if !commandNames(blocks[i+1:], b.arg) {
				t.Errorf("%v: no later block runs %s", b, b.arg)
			}
		case b.kind == "go":
			if formatted, err := format.Source([]byte(b.text)); err != nil {
				t.Errorf("%v: %v", b, err)
			} else if diff := cmp.Diff(b.text, string(formatted)); diff != "" {
				t.Errorf("%v: gofmt would change it (-README +gofmt):\n%s", b, diff)
			}
		case b.kind == "diff":
			if _, err := b.patch(); err != nil {
				t.Errorf("%v: %v", b, err)
			}
		}
	}
}

// A readmeCommand is what stands behind `$ `, with the lines it prints.
type readmeCommand struct {
	command string
	output  string
}

func readmeCommands(text string) []readmeCommand {
	var commands []readmeCommand
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			commands = append(commands, readmeCommand{command: strings.TrimSuffix(command, "\n")})
		} else if len(commands) > 0 {
			commands[len(commands)-1].output += line
		}
	}
	return commands
}

// commandNames reports whether a command in one of the blocks names the file.
func commandNames(blocks []readmeBlock, file string) bool {
	return slices.ContainsFunc(blocks, func(b readmeBlock) bool {
		return slices.ContainsFunc(readmeCommands(b.text), func(c readmeCommand) bool {
			return slices.Contains(strings.Fields(c.command), file)
		})
	})
}

// patch returns the file with the lines behind + in it, and those behind - gone.
func (b readmeBlock) patch() (string, error) {
	source, err := os.ReadFile(filepath.Join(moduleRoot, b.arg))
	if err != nil {
		return "", err
	}
	var before, after string
	for line := range strings.Lines(b.text) {
		switch line[0] {
		case ' ':
			before += line[1:]
			after += line[1:]
		case '-':
			before += line[1:]
		case '+':
			after += line[1:]
		default:
			return "", fmt.Errorf("%q begins with neither +, - nor a space", line)
		}
	}
	if n := strings.Count(string(source), before); n != 1 {
		return "", fmt.Errorf("%s has these lines %d times:\n%s", b.arg, n, before)
	}
	return strings.Replace(string(source), before, after, 1), nil
}

func TestREADMEVariables(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	if err := config.WriteMarkdown(&want); err != nil {
		t.Fatal(err)
	}
	checkTable(t, "variable", want.String())
}

func TestREADMEFaults(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	if err := config.WriteFaultsMarkdown(&want); err != nil {
		t.Fatal(err)
	}
	checkTable(t, "fault key", want.String())
}

func TestREADMEHandlers(t *testing.T) {
	t.Parallel()
	var got []string
	for _, row := range tableRows(t, "handler") {
		name := strings.Trim(row[0], "`")
		got = append(got, name)
		var options []string
		for _, option := range regexp.MustCompile("`([a-z]+)=`").FindAllStringSubmatch(row[2], -1) {
			options = append(options, option[1])
		}
		if diff := cmp.Diff(handler.Kinds[name].Options, options); diff != "" {
			t.Errorf("options of %s (-code +README):\n%s", name, diff)
		}
		wires := "all"
		if some := handler.Kinds[name].Wires; len(some) > 0 {
			wires = strings.Join(some, ", ")
		}
		if row[3] != wires {
			t.Errorf("wires of %s: %q, and README says %q", name, wires, row[3])
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(handler.Kinds)), got); diff != "" {
		t.Errorf("handlers (-code +README):\n%s", diff)
	}
}

func TestREADMEWires(t *testing.T) {
	t.Parallel()
	var got []string
	for _, row := range tableRows(t, "wire") {
		name := strings.Trim(row[0], "`")
		got = append(got, name)
		if greets, none := parley.Greets(name), strings.HasPrefix(row[2], "none"); greets == none {
			t.Errorf("%s: it is %v that it greets by default, and README says %q", name, greets, row[2])
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(protocol.Wires)), got); diff != "" {
		t.Errorf("wires (-code +README):\n%s", diff)
	}
}

// The verdicts of a probe and their exit statuses.
func TestREADMEVerdicts(t *testing.T) {
	t.Parallel()
	var got []string
	for _, row := range tableRows(t, "verdict") {
		got = append(got, fmt.Sprintf("%s %s", strings.Trim(row[0], "`"), row[1]))
	}
	var want []string
	for _, kind := range peer.Kinds() {
		status, ok := parley.ExitStatuses[kind]
		if !ok {
			t.Errorf("%s has no exit status", kind)
		}
		want = append(want, fmt.Sprintf("%s %d", kind, status))
	}
	slices.SortStableFunc(want, func(a, b string) int { return strings.Compare(strings.Fields(a)[1], strings.Fields(b)[1]) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts and exit statuses (-code +README):\n%s", diff)
	}
}

func TestREADMETransportFlags(t *testing.T) {
	t.Parallel()
	want := "| flag | meaning |\n| --- | --- |\n"
	for _, f := range parley.TransportFlags() {
		want += fmt.Sprintf("| `--%s` | %s |\n", f.Name, f.Usage)
	}
	checkTable(t, "flag", want)
}

func TestREADMEReasons(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, reason := range server.Reasons() {
		want = append(want, reason.String())
	}
	for _, row := range tableRows(t, "reason") {
		word := strings.Trim(row[0], "`")
		got = append(got, word)
		if told := strings.Trim(row[1], "`"); told != "nothing" && !strings.HasPrefix(told+" ", "ERR "+word+" ") {
			t.Errorf("%s: the client is told %q", word, told)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons (-code +README):\n%s", diff)
	}
}

// The tests that README cites are there, and the command beside them runs them.
func TestREADMESurvives(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(moduleRoot, "*", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(moduleRoot, "cmd", "parley", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	folders := make(map[string]string) // of each test
	for _, file := range append(files, more...) {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		folder, err := filepath.Rel(moduleRoot, filepath.Dir(file))
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(source), -1) {
			folders[test[1]] += " ./" + filepath.ToSlash(folder)
		}
	}
	runs := regexp.MustCompile("go test [^'\n]*-run '(.*)' ([^`\n]*)").FindAllStringSubmatch(readPage(t, "README.md"), -1)
	for _, row := range tableRows(t, "fault") {
		for _, test := range regexp.MustCompile("`(.*?)`").FindAllStringSubmatch(row[2], -1) {
			name := test[1]
			if folders[name] == "" {
				t.Errorf("there is no %s", name)
				continue
			}
			if !slices.ContainsFunc(runs, func(run []string) bool {
				return regexp.MustCompile(run[1]).MatchString(name) &&
					slices.ContainsFunc(strings.Fields(run[2]), func(folder string) bool { return slices.Contains(strings.Fields(folders[name]), folder) })
			}) {
				t.Errorf("no command of README runs %s in%s", name, folders[name])
			}
		}
	}
}

// The variables and metrics that the text of docs/operating.md speaks of are in README's tables.
func TestREADMEOperating(t *testing.T) {
	t.Parallel()
	text := regexp.MustCompile("(?s)\n```.*?\n```").ReplaceAllString(readPage(t, "docs/operating.md"), "")
	known := readmeTable(t, "variable") + readmeTable(t, "metric")
	names := regexp.MustCompile(`\b(PARLEY|parley)_\w+`).FindAllString(text, -1)
	if len(names) == 0 {
		t.Fatal("no name found")
	}
	for _, name := range names {
		if !strings.Contains(known, "| `"+strings.TrimSuffix(name, "_bucket")+"` |") {
			t.Errorf("there is no %s", name)
		}
	}
}

// The alerts that the page explains are those that Prometheus is given.
func TestREADMEAlerts(t *testing.T) {
	t.Parallel()
	rules, err := os.ReadFile(filepath.Join(moduleRoot, "deploy", "prometheus", "parley.rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, alert := range regexp.MustCompile(`(?s)- alert: (\w+)\n.*?severity: (\w+)\n`).FindAllStringSubmatch(string(rules), -1) {
		want = append(want, alert[1]+" "+alert[2])
	}
	for _, row := range tableRows(t, "alert") {
		got = append(got, strings.Trim(row[0], "`")+" "+row[1])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alerts (-rules +page):\n%s", diff)
	}
}

// What the table of situations has is in the section of each: the command that makes it, and each verdict of a probe.
func TestREADMESituations(t *testing.T) {
	t.Parallel()
	const page = "docs/situations.md"
	sections := strings.Split(readPage(t, page), "\n## ")[1:]
	rows := tableRows(t, "situation")
	if got, want := len(rows), len(sections); got != want {
		t.Fatalf("the table has %d situations, and there are %d", got, want)
	}
	for i, row := range rows {
		title, section, _ := strings.Cut(sections[i], "\n")
		if !strings.HasPrefix(row[0], "["+title+"](") {
			t.Errorf("row %d of the table is %s, and the section is %s", i+1, row[0], title)
		}
		command := strings.ReplaceAll(strings.Trim(row[1], "`"), `\|`, "|")
		if !strings.Contains(section, "\n$ "+command+"\n") {
			t.Errorf("%s: no block has the command %s", title, command)
		}
		for _, word := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(row[2], -1) {
			verdict := peer.Kind(word[1])
			if said := regexp.MustCompile(`(?m)^` + word[1] + ` \S+:\d+\b|errors: \S+ ` + word[1] + `$`); slices.Contains(peer.Kinds(), verdict) && !said.MatchString(section) {
				t.Errorf("%s: no probe says %s", title, verdict)
			}
		}
	}
}

// Every folder that the program is made of is in the table of the code.
func TestREADMEFolders(t *testing.T) {
	t.Parallel()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{.ImportPath}}", ".")
	packages, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range tableRows(t, "folder") {
		got = append(got, regexp.MustCompile("`(.*?)`").FindStringSubmatch(row[0])[1])
	}
	for path := range strings.FieldsSeq(string(packages)) {
		folder, ours := strings.CutPrefix(path, "parley/")
		if !ours {
			continue
		}
		if !slices.ContainsFunc(got, func(row string) bool { return strings.HasPrefix(folder+"/", row+"/") }) {
			t.Errorf("README's table of the code lacks %s", folder)
		}
	}
}

// Links go to files that are there and to headings that are there. The ones to other sites are left alone.
func TestREADMELinks(t *testing.T) {
	t.Parallel()
	for _, page := range readmePages(t) {
		for _, link := range regexp.MustCompile(`\]\(([^)]*)\)`).FindAllStringSubmatch(readPage(t, page), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			file, heading, toHeading := strings.Cut(link[1], "#")
			target := page
			if file != "" {
				target = path.Join(path.Dir(page), file)
			}
			if _, err := os.Stat(filepath.Join(moduleRoot, target)); err != nil {
				t.Errorf("%s: %v", page, err)
			} else if toHeading && !slices.Contains(headings(t, target), heading) {
				t.Errorf("%s: no heading for %s", page, link[1])
			}
		}
	}
}

// headings returns the headings of a page, as links name them.
func headings(t *testing.T, page string) (all []string) {
	t.Helper()
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(readPage(t, page), -1) {
		all = append(all, strings.ReplaceAll(strings.ToLower(regexp.MustCompile(`[^\w -]`).ReplaceAllString(heading[1], "")), " ", "-"))
	}
	return all
}

// checkTable compares the table whose first column is called name.
func checkTable(t *testing.T, name, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimSpace(want), readmeTable(t, name)); diff != "" {
		t.Errorf("table of the %ss (-program +README):\n%s", name, diff)
	}
}

// readmeTable returns the table of README or another page whose first column is called name, or the rows of all such tables.
func readmeTable(t *testing.T, name string) string {
	t.Helper()
	head := "| " + name + " |"
	var table string
	for _, page := range readmePages(t) {
		for part := range strings.SplitSeq(readPage(t, page), "\n\n") {
			if strings.HasPrefix(part, head) && table == "" {
				table = part
			} else if strings.HasPrefix(part, head) {
				table += "\n" + strings.SplitN(part, "\n", 3)[2]
			}
		}
	}
	if table == "" {
		t.Fatalf("no page has a table of the %ss", name)
	}
	return table
}

// tableRows returns the cells of that table below its head.
func tableRows(t *testing.T, name string) [][]string {
	t.Helper()
	var rows [][]string
	for _, line := range strings.Split(strings.TrimSpace(readmeTable(t, name)), "\n")[2:] {
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows
}
