// Package scaffold writes the files of a new part: code that works, its tests, its README, and the line in the list. It
// works in this repository and in a module of one's own that builds on it.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

//go:embed templates
var templates embed.FS

// Kind is a kind of part.
type Kind string

// The kinds of part.
const (
	Plugin   Kind = "plugin"
	Enricher Kind = "enricher"
	Endpoint Kind = "endpoint"
	Action   Kind = "action"
)

// Kinds returns every kind.
func Kinds() []Kind { return []Kind{Plugin, Enricher, Endpoint, Action} }

// Folder is where the parts of the kind are, below the root of a module.
func (k Kind) Folder() string { return string(k) + "s" }

// title begins the names that the framework has for the kind.
func (k Kind) title() string { return capital(string(k)) }

func capital(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// Plan is what has to be written for a part. Nothing has been yet.
type Plan struct {
	Kind   Kind
	Name   string
	Module Module
	Files  []File // of the part; none of them exists
	List   File   // lists it
	Line   string // that was added to the list
	// NewList says that the list is new, so that nothing calls its Register yet.
	NewList bool
}

// File is a file to be written.
type File struct {
	Path    string // slash-separated, below the root of the module
	Content []byte
}

// namePattern keeps names usable as folder, package, key of the configuration, and first word of an event's type.
var namePattern = regexp.MustCompile(`^[a-z][a-z0-9]{1,30}$`)

// New plans a part in the module that dir is in. Every error is for the caller to correct: a name that cannot be, a part
// that is there already, a folder that is no module to write into.
func New(dir string, kind Kind, name string) (*Plan, error) {
	if !slices.Contains(Kinds(), kind) {
		return nil, fmt.Errorf("there is no kind of part called %q; there are %v", kind, Kinds())
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	module, err := findModule(dir)
	if err != nil {
		return nil, err
	}
	p := &Plan{Kind: kind, Name: name, Module: module}
	if _, err := os.Lstat(module.path(p.folder())); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is there already; nothing was written", p.folder())
	}
	if err := p.render(); err != nil {
		return nil, err
	}
	return p, p.planList()
}

func checkName(name string) error {
	// Folders that the go command treats in its own way, and packages that nothing can import.
	special := []string{"main", "init", "internal", "vendor", "testdata"}
	// Names that say nothing about what is in a package; internal/checks refuses them.
	vague := []string{"util", "utils", "common", "helper", "helpers", "types", "models", "manager", "base", "misc", "shared"}
	switch {
	case !namePattern.MatchString(name):
		return fmt.Errorf("name %q: 2 to 31 of a-z and 0-9, and a letter first, as in virustotal", name)
	case token.IsKeyword(name) || types.Universe.Lookup(name) != nil:
		return fmt.Errorf("name %s: is a word of the Go language", name)
	case slices.Contains(special, name):
		return fmt.Errorf("name %s: means something else to the go command", name)
	case slices.Contains(vague, name):
		return fmt.Errorf("name %s: says nothing about what is in it", name)
	default:
		return nil
	}
}

func (p *Plan) folder() string { return p.Kind.Folder() + "/" + p.Name }

// words are what templates may say.
type words struct {
	Name   string // shodan
	Title  string // Shodan
	Upper  string // SHODAN
	Folder string // enrichers
}

func (p *Plan) render() error {
	for template, file := range map[string]string{
		"part.go.tmpl": p.Name + ".go", "part_test.go.tmpl": p.Name + "_test.go", "README.md.tmpl": "README.md",
	} {
		content, err := p.execute(string(p.Kind) + "/" + template)
		if err != nil {
			return err
		}
		p.Files = append(p.Files, File{p.folder() + "/" + file, content})
	}
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

func (p *Plan) execute(name string) ([]byte, error) {
	parsed, err := template.ParseFS(templates, "templates/"+name)
	if err != nil {
		return nil, fmt.Errorf("parse template %s: %w", name, err)
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, words{p.Name, capital(p.Name), strings.ToUpper(p.Name), p.Kind.Folder()}); err != nil {
		return nil, fmt.Errorf("fill template %s: %w", name, err)
	}
	if !strings.HasSuffix(name, ".go.tmpl") {
		return text.Bytes(), nil
	}
	formatted, err := format.Source(text.Bytes()) // how columns are aligned depends on the length of the name
	if err != nil {
		return nil, fmt.Errorf("format what template %s gave: %w", name, err)
	}
	return formatted, nil
}

// Write writes the files of the part and then its line in the list. It replaces no file but the list; when it fails, the
// part's folder is removed again.
func (p *Plan) Write() (err error) {
	folder := p.Module.path(p.folder())
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil { //nolint:gosec // source is for everybody to read
		return fmt.Errorf("make the folder of all %s: %w", p.Kind.Folder(), err)
	}
	if err := os.Mkdir(folder, 0o755); err != nil { //nolint:gosec // the same
		return fmt.Errorf("make the folder of the part: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(folder)) // made above, by this call alone
		}
	}()
	for _, file := range p.Files {
		if err := os.WriteFile(p.Module.path(file.Path), file.Content, 0o644); err != nil { //nolint:gosec // the same
			return fmt.Errorf("write %s: %w", file.Path, err)
		}
	}
	return p.writeList()
}

// writeList replaces the list in one step: it is never seen half written.
func (p *Plan) writeList() error {
	target := p.Module.path(p.List.Path)
	scratch, err := os.CreateTemp(filepath.Dir(target), ".list-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", p.List.Path, err)
	}
	defer os.Remove(scratch.Name()) //nolint:errcheck // it is gone when all went well
	_, err = scratch.Write(p.List.Content)
	err = errors.Join(err, scratch.Chmod(0o644), scratch.Close())
	if err == nil {
		err = os.Rename(scratch.Name(), target)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", p.List.Path, err)
	}
	return nil
}
