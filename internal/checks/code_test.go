package checks

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"
)

// maxLines is where a file holds more than one idea.
const maxLines = 450

func codeRules() []rule {
	return []rule{
		{
			name: "nothing runs before main", broken: initFunctions,
			planted: map[string]string{"framework/early.go": "package framework\n\nfunc init() {}\n\ntype t struct{}\n\nfunc (t) init() {}\n"},
			want:    []string{"framework/early.go:3: func init: what a program does begins in main"},
		},
		{
			name: "no package is a place for anything", broken: vagueNames,
			planted: map[string]string{
				"internal/engine/util/util.go": "// Package util is vague.\npackage util\n",
				"enrichers/good/x_test.go":     "package helpers_test\n",
			},
			want: []string{
				"enrichers/good/x_test.go: a package named helpers says nothing about what is in it",
				"internal/engine/util/util.go: a package named util says nothing about what is in it",
			},
		},
		{
			name: "no package variable changes", broken: packageVariables,
			planted: map[string]string{"framework/state.go": `package framework

import (
	"embed"
	"errors"
	"io"
	"regexp"
)

var count int

var (
	errFine        = errors.New("fine")
	pattern        = regexp.MustCompile("x")
	seen           = map[string]bool{}
	_    io.Reader = (*reader)(nil)
)

//go:embed page.html
var pages embed.FS

var (
	//go:embed page.html
	page string
)

var files embed.FS

//nolint:gochecknoglobals // a pool holds no state that a request could see
var pool = new(int)

//nolint:gochecknoglobals
var bare = new(int)

var list = []string{ //nolint:gochecknoglobals // a constant, if Go had constant lists
	"a",
}
`},
			want: []string{
				"framework/state.go:10: var count can change: pass the value in",
				"framework/state.go:15: var seen can change: pass the value in",
				"framework/state.go:27: var files can change: pass the value in",
				"framework/state.go:33: var bare can change: pass the value in",
			},
		},
		{
			name: "every exported name is explained", broken: undocumented,
			planted: map[string]string{
				"internal/engine/engine.go": "package engine\n",
				"framework/names.go": `package framework

type Bare struct{}

// Wrong explains nothing.
func Right() {}

func (Bare) Method() {}

func (hidden) Method() {}

type hidden struct{}

const Limit = 1

// A group is explained once.
const (
	One = iota
	Two
)

// Kind is fine.
type Kind int
`,
			},
			want: []string{
				"framework/names.go:3: Bare has no comment that begins with its name",
				"framework/names.go:6: Right has no comment that begins with its name",
				"framework/names.go:8: Bare.Method has no comment that begins with its name",
				"framework/names.go:14: Limit has no comment that begins with its name",
				"internal/engine: the package has no comment",
			},
		},
		{
			name: "a file is one idea", broken: longFiles,
			planted: map[string]string{
				"framework/long.go":      "package framework\n" + strings.Repeat("\n", maxLines),
				"framework/long_test.go": "package framework\n" + strings.Repeat("\n", maxLines),
			},
			want: []string{"framework/long.go has 451 lines: above 450 a file is more than one idea"},
		},
	}
}

func initFunctions(t tree) []string {
	var broken []string
	for _, f := range t.product() {
		for _, declaration := range f.syntax.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if ok && function.Recv == nil && function.Name.Name == "init" {
				broken = append(broken, fmt.Sprintf("%s:%d: func init: what a program does begins in main", f.path, t.line(function)))
			}
		}
	}
	return broken
}

func vagueNames(t tree) []string {
	vague := []string{"util", "utils", "common", "helper", "helpers", "types", "models", "manager", "base", "misc", "shared"}
	var broken []string
	for _, f := range t.code {
		if name := strings.TrimSuffix(f.syntax.Name.Name, "_test"); slices.Contains(vague, name) {
			broken = append(broken, fmt.Sprintf("%s: a package named %s says nothing about what is in it", f.path, name))
		}
	}
	return broken
}

func packageVariables(t tree) []string {
	var broken []string
	for _, f := range t.product() {
		for _, declaration := range f.syntax.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR {
				continue
			}
			for _, spec := range group.Specs {
				value := spec.(*ast.ValueSpec)
				comments := append([]*ast.CommentGroup{group.Doc, value.Doc}, t.commentsBehind(f, value)...)
				if !fixed(value) && !slices.ContainsFunc(comments, excuses) {
					broken = append(broken, fmt.Sprintf("%s:%d: var %s can change: pass the value in", f.path, t.line(value), value.Names[0].Name))
				}
			}
		}
	}
	return broken
}

// commentsBehind returns the comments on the first line of a declaration.
func (t tree) commentsBehind(f file, declaration ast.Node) []*ast.CommentGroup {
	var behind []*ast.CommentGroup
	for _, comment := range f.syntax.Comments {
		if t.line(comment) == t.line(declaration) {
			behind = append(behind, comment)
		}
	}
	return behind
}

// fixed reports whether a variable is of a kind that nobody assigns to: an interface guard, a sentinel error or a
// compiled expression.
func fixed(value *ast.ValueSpec) bool {
	if value.Names[0].Name == "_" {
		return true
	}
	for _, assigned := range value.Values {
		call, ok := assigned.(*ast.CallExpr)
		if !ok || !slices.Contains([]string{"errors.New", "fmt.Errorf", "regexp.MustCompile"}, name(call.Fun)) {
			return false
		}
	}
	return len(value.Values) > 0
}

// excuses reports whether a comment says that the compiler fills the variable, or makes an exception and says why.
func excuses(comment *ast.CommentGroup) bool {
	return comment != nil && slices.ContainsFunc(comment.List, func(c *ast.Comment) bool {
		_, reason, excepted := strings.Cut(c.Text, "//nolint:gochecknoglobals //")
		return strings.HasPrefix(c.Text, "//go:embed ") || excepted && strings.TrimSpace(reason) != ""
	})
}

// name writes an identifier, with its package if it has one.
func name(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return name(e.X) + "." + e.Sel.Name
	case *ast.StarExpr:
		return name(e.X)
	case *ast.IndexExpr: // a generic receiver
		return name(e.X)
	case *ast.IndexListExpr:
		return name(e.X)
	default:
		return ""
	}
}

func undocumented(t tree) []string {
	var broken []string
	explained := map[string]bool{}
	for _, f := range t.product() {
		explained[f.dir] = explained[f.dir] || f.syntax.Doc != nil
		for _, declaration := range f.syntax.Decls {
			for _, exported := range exportedNames(declaration) {
				if !exported.explained {
					broken = append(broken, fmt.Sprintf("%s:%d: %s has no comment that begins with its name", f.path, t.line(declaration), exported.name))
				}
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(explained)) {
		if !explained[dir] {
			broken = append(broken, dir+": the package has no comment")
		}
	}
	return broken
}

type exportedName struct {
	name      string // methods as Type.Method
	explained bool
}

// exportedNames returns what a declaration exports. One comment may explain a group in parentheses.
func exportedNames(declaration ast.Decl) []exportedName {
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		return exportedFunction(d)
	case *ast.GenDecl:
		var found []exportedName
		for _, spec := range d.Specs {
			names, own := specNames(spec)
			for _, identifier := range names {
				if identifier.IsExported() {
					ok := d.Lparen.IsValid() && (d.Doc != nil || own != nil) || begins(d.Doc, identifier.Name) || begins(own, identifier.Name)
					found = append(found, exportedName{identifier.Name, ok})
				}
			}
		}
		return found
	default:
		return nil
	}
}

func exportedFunction(function *ast.FuncDecl) []exportedName {
	exported := function.Name.Name
	if function.Recv != nil {
		receiver := name(function.Recv.List[0].Type)
		if !ast.IsExported(receiver) {
			return nil
		}
		exported = receiver + "." + exported
	}
	if !function.Name.IsExported() {
		return nil
	}
	return []exportedName{{exported, begins(function.Doc, function.Name.Name)}}
}

// specNames returns what a line of a declaration names, and the comment on it.
func specNames(spec ast.Spec) ([]*ast.Ident, *ast.CommentGroup) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		return []*ast.Ident{s.Name}, s.Doc
	case *ast.ValueSpec:
		if s.Doc == nil {
			return s.Names, s.Comment
		}
		return s.Names, s.Doc
	default:
		return nil, nil
	}
}

func begins(comment *ast.CommentGroup, name string) bool {
	return strings.HasPrefix(comment.Text(), name+" ")
}

func longFiles(t tree) []string {
	var broken []string
	for _, f := range t.product() {
		if lines := strings.Count(t.texts[f.path], "\n"); lines > maxLines {
			broken = append(broken, fmt.Sprintf("%s has %d lines: above %d a file is more than one idea", f.path, lines, maxLines))
		}
	}
	return broken
}
