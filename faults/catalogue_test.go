package faults_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"parley/faults"
)

// caseName is that of a test of a case: TestB7_floodWithoutNewline.
var caseName = regexp.MustCompile(`^Test([A-Z][0-9]+)_[a-z]\w*$`)

// Each case of the catalogue has a test here or elsewhere, each test of a case is in the catalogue, and the tests that it
// names elsewhere are there.
func Test_catalogue(t *testing.T) {
	t.Parallel()
	tested := make(map[string][]string)
	for _, name := range testsOf(t, ".") {
		if match := caseName.FindStringSubmatch(name); match != nil {
			tested[match[1]] = append(tested[match[1]], name)
		}
	}
	folders := make(map[string][]string)
	for _, c := range faults.Catalogue {
		if len(tested[c.ID]) == 0 && len(c.Elsewhere) == 0 && c.Instead == "" {
			t.Errorf("%s has no test: %s", c.ID, c.Fault)
		}
		delete(tested, c.ID)
		for _, test := range c.Elsewhere {
			folder, name, _ := strings.Cut(test, " ")
			if folders[folder] == nil {
				folders[folder] = testsOf(t, filepath.Join("..", filepath.FromSlash(folder)))
			}
			if !slices.Contains(folders[folder], name) {
				t.Errorf("%s: there is no %s in %s", c.ID, name, folder)
			}
		}
	}
	for id, names := range tested {
		t.Errorf("%v: there is no case %s in the catalogue", names, id)
	}
}

// What RESULTS.md has was measured of cases that there are.
func Test_resultsOfCases(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("RESULTS.md")
	if err != nil {
		t.Fatal(err)
	}
	results, err := faults.ParseResults(string(page))
	if err != nil {
		t.Fatal(err)
	}
	if len(results) == 0 {
		t.Error("there are no results")
	}
	for _, r := range results {
		if !slices.ContainsFunc(faults.Catalogue, func(c faults.Case) bool { return c.ID == r.Case }) {
			t.Errorf("there is no case %s in the catalogue", r.Case)
		}
	}
}

// testsOf returns the names of the tests and fuzz targets in a folder, whatever their build tags.
func testsOf(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && (strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")) {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}
