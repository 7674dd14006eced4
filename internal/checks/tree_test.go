package checks

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// maxText bounds a file that is read as text, in bytes; nothing that people write is longer.
const maxText = 4 << 20

// tree is a module's source.
type tree struct {
	name  string // the module's path
	files fs.FS
	fset  *token.FileSet
	code  []file
	texts map[string]string // every file that is text, code too, by path
	// others are the folders of modules inside this one, each with a slash at its end: their code keeps rules of its own.
	others []string
}

// file is a parsed Go file outside testdata.
type file struct {
	path, dir string // slash-separated, from the module's root
	test      bool
	syntax    *ast.File
	imports   []string
}

// readTree parses the module at the root of files.
func readTree(tb testing.TB, files fs.FS) tree {
	tb.Helper()
	t := tree{files: files, fset: token.NewFileSet(), texts: map[string]string{}}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (notOurs[entry.Name()] || path.Base(name) == "fuzz" && strings.Contains(name, "testdata/")):
			return fs.SkipDir
		case entry.IsDir() && name != "." && isModule(files, name):
			t.others = append(t.others, name+"/")
			return nil
		case !entry.Type().IsRegular():
			return nil
		}
		return t.add(name)
	})
	if err != nil {
		tb.Fatal(err)
	}
	module := regexp.MustCompile(`(?m)^module (\S+)$`).FindStringSubmatch(t.texts["go.mod"])
	if module == nil {
		tb.Fatal("go.mod names no module")
	}
	t.name = module[1]
	return t
}

func isModule(files fs.FS, dir string) bool {
	_, err := fs.Stat(files, dir+"/go.mod")
	return err == nil
}

// inOther reports whether a file belongs to a module inside this one.
func (t *tree) inOther(name string) bool {
	return slices.ContainsFunc(t.others, func(dir string) bool { return strings.HasPrefix(name, dir) })
}

// notOurs are folders that hold what git, the Makefile or a running server put there.
var notOurs = map[string]bool{".git": true, ".tools": true, "funnelweb-data": true}

func (t *tree) add(name string) error {
	content, err := fs.ReadFile(t.files, name)
	if err != nil {
		return err
	}
	if len(content) > maxText || bytes.IndexByte(content, 0) >= 0 {
		return nil
	}
	t.texts[name] = string(content)
	if path.Ext(name) != ".go" || strings.Contains("/"+name, "/testdata/") || t.inOther(name) {
		return nil
	}
	syntax, err := parser.ParseFile(t.fset, name, content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parse %s: %w", name, err)
	}
	parsed := file{path: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), syntax: syntax}
	for _, spec := range syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
		}
		parsed.imports = append(parsed.imports, imported)
	}
	t.code = append(t.code, parsed)
	return nil
}

// product returns the files that are linked into the program.
func (t tree) product() []file {
	var linked []file
	for _, f := range t.code {
		if !f.test {
			linked = append(linked, f)
		}
	}
	return linked
}

// ours returns the folder of a package of this module.
func (t tree) ours(imported string) (dir string, ok bool) {
	if imported == t.name {
		return ".", true
	}
	return strings.CutPrefix(imported, t.name+"/")
}

func (t tree) line(node ast.Node) int { return t.fset.Position(node.Pos()).Line }

// matches reports whether a folder is one of the patterns of path.Match.
func matches(dir string, patterns []string) bool {
	for _, pattern := range patterns {
		if ok, _ := path.Match(pattern, dir); ok {
			return true
		}
	}
	return false
}
