package scaffold

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// frameworkPath is imported by every list.
const frameworkPath = ours + "/framework"

// list is a Go file with a func Register(r *framework.Registry), which lists the parts of its folder.
type list struct {
	source    []byte
	fset      *token.FileSet
	file      *ast.File
	register  *ast.FuncDecl
	framework string // what the file calls the package
	registry  string // what Register calls its parameter
}

// planList adds the part to the list of its folder, which is made when there is none.
func (p *Plan) planList() error {
	found, name, err := p.findList()
	if err != nil {
		return err
	}
	if found == nil {
		p.NewList = true
		source, err := p.execute("list.go.tmpl")
		if err != nil {
			return err
		}
		if found, err = parseList(name, source); err != nil {
			return err
		}
	}
	p.Line = fmt.Sprintf("%s.Add%s(%s, %q, %s.Defaults, %[4]s.New)", found.framework, p.Kind.title(), found.registry, p.Name, p.Name)
	p.List.Path = name
	p.List.Content, err = found.add(p)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// findList looks for the list among the Go files of the kind's folder. Without any it is nil, with the name it is to get.
func (p *Plan) findList() (*list, string, error) {
	folder := p.Kind.Folder()
	entries, err := os.ReadDir(p.Module.path(folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("look for the list of %s: %w", folder, err)
	}
	files := 0
	for _, entry := range entries {
		name := folder + "/" + entry.Name()
		if entry.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		files++
		source, err := os.ReadFile(p.Module.path(name))
		if err != nil {
			return nil, "", fmt.Errorf("look for the list of %s: %w", folder, err)
		}
		found, err := parseList(name, source)
		if err != nil || found != nil {
			return found, name, err
		}
	}
	if files > 0 {
		return nil, "", fmt.Errorf("no Go file in %s has a func Register(r *framework.Registry), where the part would be listed", folder)
	}
	return nil, folder + "/" + folder + ".go", nil
}

// parseList returns nil when the file has no Register.
func parseList(name string, source []byte) (*list, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse the list of parts: %w", err)
	}
	found := &list{source: source, fset: fset, file: file}
	for _, imported := range file.Imports {
		if pathOf(imported) == frameworkPath {
			found.framework = localName(imported)
		}
	}
	for _, declaration := range file.Decls {
		if function, ok := declaration.(*ast.FuncDecl); ok && found.isRegister(function) {
			found.register = function
			found.registry = function.Type.Params.List[0].Names[0].Name
			return found, nil
		}
	}
	return nil, nil //nolint:nilnil // there is none, and that is no error
}

// isRegister reports whether a function is func Register(r *framework.Registry).
func (l *list) isRegister(function *ast.FuncDecl) bool {
	parameters := function.Type.Params.List
	if function.Name.Name != "Register" || function.Recv != nil || function.Body == nil || len(parameters) != 1 || len(parameters[0].Names) != 1 {
		return false
	}
	pointer, ok := parameters[0].Type.(*ast.StarExpr)
	return ok && parameters[0].Names[0].Name != "_" && l.isOfFramework(pointer.X, "Registry")
}

func (l *list) isOfFramework(expression ast.Expr, name string) bool {
	selector, ok := expression.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	of, ok := selector.X.(*ast.Ident)
	return ok && of.Name == l.framework
}

func pathOf(imported *ast.ImportSpec) string {
	text, _ := strconv.Unquote(imported.Path.Value) // the parser has seen to it
	return text
}

func localName(imported *ast.ImportSpec) string {
	if imported.Name != nil {
		return imported.Name.Name
	}
	return path.Base(pathOf(imported))
}

// edit puts a text at an offset.
type edit struct {
	at   int
	text string
}

// add returns the list with the import and the line of a part.
func (l *list) add(p *Plan) ([]byte, error) {
	if l.names(p.Name) {
		return nil, fmt.Errorf("something there is called %s already", p.Name)
	}
	edits := append(l.addImport(p), l.addLine(p))
	slices.SortStableFunc(edits, func(a, b edit) int { return b.at - a.at })
	changed := bytes.Clone(l.source)
	for _, e := range edits { // from the end, so that offsets stay right
		changed = slices.Concat(changed[:e.at], []byte(e.text), changed[e.at:])
	}
	formatted, err := format.Source(changed) // which also sorts the imports of a block
	if err != nil {
		return nil, fmt.Errorf("add the part: %w", err)
	}
	return formatted, nil
}

// names reports whether the file has another meaning for a name.
func (l *list) names(name string) bool {
	if name == l.registry {
		return true
	}
	return slices.ContainsFunc(l.file.Imports, func(imported *ast.ImportSpec) bool { return localName(imported) == name }) ||
		slices.ContainsFunc(l.file.Decls, func(declaration ast.Decl) bool {
			function, ok := declaration.(*ast.FuncDecl)
			return ok && function.Recv == nil && function.Name.Name == name
		})
}

// addLine keeps the lines sorted: it goes behind the last one whose part comes before.
func (l *list) addLine(p *Plan) edit {
	after := l.register.Body.Lbrace
	for _, statement := range l.register.Body.List {
		listed, ok := l.lists(statement, "Add"+p.Kind.title())
		if ok && listed < p.Name {
			after = statement.End() - 1
		}
	}
	at := l.offset(after) + 1
	if l.fset.Position(after).Line == l.fset.Position(l.register.Body.Rbrace).Line { // {}, or all in one line
		return edit{at, "\n" + p.Line + "\n"}
	}
	return edit{l.endOfLine(at), "\n" + p.Line} // behind a comment on the line
}

// lists returns the name of the part that a statement lists.
func (l *list) lists(statement ast.Stmt, function string) (string, bool) {
	expression, ok := statement.(*ast.ExprStmt)
	if !ok {
		return "", false
	}
	call, ok := expression.X.(*ast.CallExpr)
	if !ok || len(call.Args) < 2 || !l.isOfFramework(call.Fun, function) {
		return "", false
	}
	name, ok := call.Args[1].(*ast.BasicLit)
	if !ok || name.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(name.Value)
	return text, err == nil
}

// addImport imports the part beside the other parts of the folder, or in a block of its own below the framework.
func (l *list) addImport(p *Plan) []edit {
	prefix := p.Module.Name + "/" + p.Kind.Folder() + "/"
	added := "\n" + strconv.Quote(prefix+p.Name)
	beside, isPart := l.file.Imports[len(l.file.Imports)-1], false
	for _, imported := range l.file.Imports {
		if strings.HasPrefix(pathOf(imported), prefix) {
			beside, isPart = imported, true
		}
	}
	if !isPart && !p.Module.IsOurs() {
		added = "\n" + added
	}
	group := l.groupOf(beside)
	if group.Lparen.IsValid() {
		return []edit{{l.endOfLine(l.offset(beside.End())), added}}
	}
	return []edit{{l.offset(beside.Pos()), "(\n"}, {l.offset(beside.End()), added + "\n)"}}
}

func (l *list) groupOf(imported *ast.ImportSpec) *ast.GenDecl {
	for _, declaration := range l.file.Decls {
		if group, ok := declaration.(*ast.GenDecl); ok && slices.Contains(group.Specs, ast.Spec(imported)) {
			return group
		}
	}
	return &ast.GenDecl{} // cannot be: the parser found it in one
}

func (l *list) offset(at token.Pos) int { return l.fset.Position(at).Offset }

func (l *list) endOfLine(offset int) int {
	if length := bytes.IndexByte(l.source[offset:], '\n'); length >= 0 {
		return offset + length
	}
	return len(l.source)
}
