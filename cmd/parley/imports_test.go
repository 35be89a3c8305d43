package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// imports has every package of the module and those of it that it may import. Tests may import what they like.
//
//	cmd -> config, server, admin, client; server -> handler -> protocol; client -> protocol;
//	server, admin, cmd -> roster
var imports = map[string][]string{
	"admin":                       {"roster"},
	"client":                      {"protocol"},
	"cmd/parley":                  {"admin", "client", "cmd/parley/internal/certs", "cmd/parley/internal/logging", "config", "handler", "protocol", "roster", "server"},
	"cmd/parley/internal/certs":   {},
	"cmd/parley/internal/logging": {},
	"config":                      {},
	"handler":                     {"protocol"},
	"handler/handlertest":         {"handler", "protocol", "server"},
	"protocol":                    {},
	"roster":                      {},
	"server":                      {"handler", "protocol", "roster"},
}

// commandOnly are the arguments, the environment, the signals and the end of the process, by the package that has them: the
// command's business, and handed to whoever needs it. An empty list stands for the whole package.
var commandOnly = map[string][]string{
	"flag":      {},
	"os":        {"Args", "Clearenv", "Environ", "Exit", "ExpandEnv", "Getenv", "LookupEnv", "Setenv", "Unsetenv"},
	"os/signal": {},
	"syscall":   {"Clearenv", "Environ", "Exit", "Getenv", "Setenv", "Unsetenv"},
}

const theCommand = "cmd/parley"

func TestImports(t *testing.T) {
	t.Parallel()
	faults, err := importFaults(os.DirFS(moduleRoot))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

// The check itself finds what it is to find.
func TestImportFaults(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{}
	for name, text := range map[string]string{
		// Allowed.
		"go.mod":                     "module parley\n",
		"cmd/parley/main.go":         `package main; import ("os"; "parley/server"; "os/signal"); var _ = os.Args; var _ = signal.Stop`,
		"handler/echo.go":            `package handler; import ("parley/protocol"; "net/http"); var _ = protocol.X; var _ = http.Get`,
		"handler/echo_test.go":       `package handler_test; import "parley/handler/handlertest"; import "parley/server"`,
		"handler/handlertest/t.go":   `package handlertest; import "parley/server"`,
		"config/config.go":           `package config; import "os"; var _, _ = os.Hostname()`,
		"bench/go.mod":               "module parley/bench\n",
		"bench/main.go":              `package main; import "flag"; import "parley/server"`,
		"server/testdata/x.go":       `package x; import "parley/config"`,
		"server/testdata/deep/x.go":  `package x; import "parley/config"`,
		".hidden/x.go":               `package x; import "parley/config"`,
		"protocol/shadow.go":         `package protocol; var os struct{ Args int }; var _ = os.Args`,
		"admin/build.go":             "//go:build ignore\n\npackage admin\n",
		"client/client_windows.go":   `package client; import "parley/protocol"`,
		"client/client_plan9.go":     `package client; import "parley/server"`, // on whatever system
		"config/handlers.go":         `package config; import "parley/handler"`,
		"server/arguments.go":        `package server; import "os"; var _ = os.Args[1:]`,
		"server/environment.go":      `package server; import env "os"; var _ = env.Getenv("PARLEY_LISTEN")`,
		"handler/signals.go":         `package handler; import "os/signal"`,
		"handler/helped.go":          `package handler; import "parley/handler/handlertest"`,
		"protocol/up.go":             `package protocol; import "parley/handler"`,
		"util/util.go":               `package util`,
		"cmd/parley/internal/x/x.go": `package x; import "flag"`,
	} {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	got, err := importFaults(tree)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"client/client_plan9.go: client may not import parley/server",
		"cmd/parley/internal/x/x.go: only the command may use flag",
		"cmd/parley/internal/x: this package is not in the table of imports",
		"config/handlers.go: config may not import parley/handler",
		"handler/helped.go: handler may not import parley/handler/handlertest",
		"handler/signals.go: only the command may use os/signal",
		"protocol/up.go: protocol may not import parley/handler",
		"server/arguments.go: only the command may use os.Args",
		"server/environment.go: only the command may use os.Getenv",
		"util: this package is not in the table of imports",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

// importFaults returns what is wrong with the imports of the module at the root of tree, in files for whatever system.
func importFaults(tree fs.FS) ([]string, error) {
	var faults []string
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipFolder(tree, name)
		}
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		faults = append(faults, fileFaults(name, file)...)
		return nil
	})
	slices.Sort(faults)
	return slices.Compact(faults), err
}

// skipFolder returns fs.SkipDir for a folder with no package of this module.
func skipFolder(tree fs.FS, name string) error {
	if name == "." {
		return nil
	}
	base := path.Base(name)
	_, err := fs.Stat(tree, path.Join(name, "go.mod"))
	if err == nil || base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	return nil
}

func fileFaults(name string, file *ast.File) (faults []string) {
	pkg := path.Dir(name)
	allowed, known := imports[pkg]
	if !known {
		faults = append(faults, pkg+": this package is not in the table of imports")
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return append(faults, fmt.Sprintf("%s: %v", name, err))
		}
		if ours, ok := strings.CutPrefix(imported, "parley/"); ok && known && !slices.Contains(allowed, ours) {
			faults = append(faults, fmt.Sprintf("%s: %s may not import %s", name, pkg, imported))
		}
		reserved, ok := commandOnly[imported]
		if !ok || pkg == theCommand {
			continue
		}
		if len(reserved) == 0 {
			faults = append(faults, fmt.Sprintf("%s: only the command may use %s", name, imported))
		}
		local := path.Base(imported)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		for _, use := range uses(file, local, reserved) {
			faults = append(faults, fmt.Sprintf("%s: only the command may use %s.%s", name, imported, use))
		}
	}
	return faults
}

// uses returns which of the names the file uses of the package that it imports as local.
func uses(file *ast.File, local string, names []string) (used []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if of, ok := selector.X.(*ast.Ident); ok && of.Name == local && slices.Contains(names, selector.Sel.Name) {
			used = append(used, selector.Sel.Name)
		}
		return true
	})
	return used
}
